//! Table: the offer of a receiver -> the form that [`Protocol::Auto`](super::Protocol::Auto) speaks.

use super::info::Info;
use super::{Form, FormSet, v03, v04};

/// A row: the first that fits, and whose form was not refused, counts.
struct Row {
    /// The receiver introduces itself and lists the endpoint of the form.
    is_listed: bool,
    /// Somebody follows the Agent's rates.
    wants_rates: bool,
    form: &'static Form,
}

/// The receiver lists the endpoint.
const fn listed(wants_rates: bool, form: &'static Form) -> Row {
    Row { is_listed: true, wants_rates, form }
}

/// The receiver does not introduce itself, or lists no endpoint that we know.
const fn unlisted(wants_rates: bool, form: &'static Form) -> Row {
    Row { is_listed: false, wants_rates, form }
}

#[rustfmt::skip]
static ROWS: [Row; 6] = [
    listed(true,    &v04::MESSAGE_PACK), // the only endpoint that answers with rates
    listed(false,   &v03::MESSAGE_PACK), // half of JSON's cost in the Agent
    listed(false,   &v04::MESSAGE_PACK), // serverless agents
    unlisted(true,  &v04::MESSAGE_PACK), // rates may be there
    unlisted(false, &v03::JSON),         // the documented form
    unlisted(false, &v04::MESSAGE_PACK), // the last try, once v0.3 was refused
];

/// Chooses a form; nothing if every possible one was refused.
pub(super) fn choose(
    info: Option<&Info>,
    wants_rates: bool,
    refused: FormSet,
) -> Option<&'static Form> {
    let fits = |row: &&Row| {
        let is_listed = || info.is_some_and(|info| info.lists(row.form.path));
        (!row.is_listed || is_listed())
            && (!row.wants_rates || wants_rates)
            && row.form.bit() & refused == 0
    };
    ROWS.iter().find(fits).map(|row| row.form)
}

#[cfg(test)]
mod tests {
    use super::super::Protocol::{self, V03Json, V03MessagePack, V04};
    use super::*;

    /// Chooses again and again, each choice refused, until nothing is left.
    fn choices(endpoints: Option<&str>, wants_rates: bool) -> Vec<Protocol> {
        let body = endpoints.map(|endpoints| format!(r#"{{"endpoints":[{endpoints}]}}"#));
        let info = body.and_then(|body| Info::read(body.as_bytes()));
        let mut refused = 0;
        let next = || {
            let form = choose(info.as_ref(), wants_rates, refused)?;
            refused |= form.bit();
            Some(form.protocol)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn each_offer_has_its_order_of_forms() {
        let (both, v04_only) = (r#""/v0.3/traces","/v0.4/traces""#, r#""/v0.4/traces""#);
        for (endpoints, wants_rates, expected) in [
            (Some(both), false, &[V03MessagePack, V04, V03Json][..]),
            (Some(both), true, &[V04, V03MessagePack, V03Json]),
            (Some(v04_only), false, &[V04, V03Json]),
            (Some(v04_only), true, &[V04, V03Json]),
            (Some(r#""/v0.3/traces""#), false, &[V03MessagePack, V03Json, V04]),
            (Some(r#""/v0.3/traces""#), true, &[V03MessagePack, V04, V03Json]),
            (Some(r#""/v0.5/traces""#), false, &[V03Json, V04]),
            (Some(""), false, &[V03Json, V04]),
            (None, false, &[V03Json, V04]),
            (None, true, &[V04, V03Json]),
        ] {
            assert_eq!(choices(endpoints, wants_rates), expected, "{endpoints:?} {wants_rates}");
        }
    }
}
