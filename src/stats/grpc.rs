//! Status codes of gRPC as the Agent writes them: the number as a text.
//!
//! Source: `pkg/trace/stats/aggregation.go` of `DataDog/datadog-agent`, 7.85, and `google/rpc/code.proto`.

/// The codes by name. Names that a tracer writes as one word have a row of their own.
#[rustfmt::skip]
const CODES: &[(&str, &str)] = &[
    ("OK", "0"),
    ("CANCELLED", "1"), ("CANCELED", "1"),
    ("UNKNOWN", "2"),
    ("INVALID_ARGUMENT", "3"), ("INVALIDARGUMENT", "3"),
    ("DEADLINE_EXCEEDED", "4"), ("DEADLINEEXCEEDED", "4"),
    ("NOT_FOUND", "5"), ("NOTFOUND", "5"),
    ("ALREADY_EXISTS", "6"), ("ALREADYEXISTS", "6"),
    ("PERMISSION_DENIED", "7"), ("PERMISSIONDENIED", "7"),
    ("RESOURCE_EXHAUSTED", "8"), ("RESOURCEEXHAUSTED", "8"),
    ("FAILED_PRECONDITION", "9"), ("FAILEDPRECONDITION", "9"),
    ("ABORTED", "10"),
    ("OUT_OF_RANGE", "11"), ("OUTOFRANGE", "11"),
    ("UNIMPLEMENTED", "12"),
    ("INTERNAL", "13"),
    ("UNAVAILABLE", "14"),
    ("DATA_LOSS", "15"), ("DATALOSS", "15"),
    ("UNAUTHENTICATED", "16"),
];

/// Appends the number of a status, given as a number or a name; nothing if it is neither.
pub(crate) fn code(text: &str, out: &mut String) {
    use std::fmt::Write as _;

    // The Agent's parser knows no sign.
    let number = text.parse::<u32>().ok().filter(|_| !text.starts_with('+'));
    if let Some(number) = number {
        write!(out, "{number}").expect("writing to a String cannot fail");
        return;
    }
    let name = text.strip_prefix("StatusCode.").unwrap_or(text);
    let found = CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    out.push_str(found.map_or("", |(_, number)| number));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_its_number() {
        for (text, number) in [
            ("0", "0"),
            ("007", "7"),
            ("99", "99"),
            ("OK", "0"),
            ("NotFound", "5"),
            ("StatusCode.DEADLINE_EXCEEDED", "4"),
            ("unavailable", "14"),
            ("Canceled", "1"),
            ("+7", ""),
            ("-1", ""),
            ("4294967296", ""),
            ("nonsense", ""),
            ("", ""),
        ] {
            let mut out = String::new();
            code(text, &mut out);
            assert_eq!(out, number, "{text}");
        }
    }
}
