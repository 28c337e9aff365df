//! Status -> the error flag, and the texts of statuses.
//!
//! Only the status decides that a span is an error: an HTTP code alone does so where somebody asked for
//! it ([`super::statuses`]), an event never. Not here: the error tags ([`super::errors`]).
//!
//! Source: `DataDog/datadog-agent`, `pkg/trace/transform/transform.go`.

use opentelemetry::Value;
use opentelemetry::trace::Status;

use super::attributes::Attribute;
use super::lookup::{self, Lookup, is_set};

/// Returns the error flag that an attribute sets, whatever the status is.
pub(crate) fn flag(attributes: &Lookup<'_, '_>) -> Option<bool> {
    attributes.span(Attribute::DatadogError).and_then(is_set)
}

/// Returns the name and the description of a status.
pub(crate) fn describe(status: &Status) -> (&'static str, &str) {
    match status {
        Status::Unset => ("Unset", ""),
        Status::Ok => ("Ok", ""),
        Status::Error { description } => ("Error", description),
    }
}

/// Returns the reason phrase of an HTTP status code, with the space before it.
pub(crate) fn reason(code: i64) -> &'static str {
    REASONS.binary_search_by_key(&code, |&(known, _)| known).map_or("", |row| REASONS[row].1)
}

/// The phrases of Go's `net/http`, which the Agent uses (IANA registry and two of `WebDAV`).
#[rustfmt::skip]
const REASONS: &[(i64, &str)] = &[
    (100, " Continue"), (101, " Switching Protocols"), (102, " Processing"), (103, " Early Hints"),
    (200, " OK"), (201, " Created"), (202, " Accepted"), (203, " Non-Authoritative Information"),
    (204, " No Content"), (205, " Reset Content"), (206, " Partial Content"), (207, " Multi-Status"),
    (208, " Already Reported"), (226, " IM Used"),
    (300, " Multiple Choices"), (301, " Moved Permanently"), (302, " Found"), (303, " See Other"),
    (304, " Not Modified"), (305, " Use Proxy"), (307, " Temporary Redirect"), (308, " Permanent Redirect"),
    (400, " Bad Request"), (401, " Unauthorized"), (402, " Payment Required"), (403, " Forbidden"),
    (404, " Not Found"), (405, " Method Not Allowed"), (406, " Not Acceptable"),
    (407, " Proxy Authentication Required"), (408, " Request Timeout"), (409, " Conflict"), (410, " Gone"),
    (411, " Length Required"), (412, " Precondition Failed"), (413, " Request Entity Too Large"),
    (414, " Request URI Too Long"), (415, " Unsupported Media Type"),
    (416, " Requested Range Not Satisfiable"), (417, " Expectation Failed"), (418, " I'm a teapot"),
    (421, " Misdirected Request"), (422, " Unprocessable Entity"), (423, " Locked"),
    (424, " Failed Dependency"), (425, " Too Early"), (426, " Upgrade Required"),
    (428, " Precondition Required"), (429, " Too Many Requests"),
    (431, " Request Header Fields Too Large"), (451, " Unavailable For Legal Reasons"),
    (500, " Internal Server Error"), (501, " Not Implemented"), (502, " Bad Gateway"),
    (503, " Service Unavailable"), (504, " Gateway Timeout"), (505, " HTTP Version Not Supported"),
    (506, " Variant Also Negotiates"), (507, " Insufficient Storage"), (508, " Loop Detected"),
    (510, " Not Extended"), (511, " Network Authentication Required"),
];

/// Returns the code and the name of a gRPC status, which is a number or a name.
pub(crate) fn grpc(status: &Value) -> Option<(usize, &'static str)> {
    let by_name = |name: &str| GRPC.iter().position(|known| known.eq_ignore_ascii_case(name));
    let by_code = || usize::try_from(lookup::integer(status)?).ok();
    let code = lookup::string(status).and_then(by_name).or_else(by_code)?;
    Some((code, GRPC.get(code)?))
}

/// The names of the gRPC status codes, by code (`doc/statuscodes.md` in `grpc/grpc`).
#[rustfmt::skip]
const GRPC: [&str; 17] = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_order_and_found() {
        assert!(REASONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(reason(500), " Internal Server Error");
        assert_eq!(reason(599), "");
    }

    #[test]
    fn a_grpc_status_is_found_by_number_by_digits_and_by_name() {
        let unavailable = Some((14, "UNAVAILABLE"));
        for status in [Value::from(14), Value::from("14"), Value::from("unavailable")] {
            assert_eq!(grpc(&status), unavailable, "{status:?}");
        }
        for status in [Value::from(17), Value::from(-1), Value::from("17"), Value::from("")] {
            assert_eq!(grpc(&status), None, "{status:?}");
        }
    }
}
