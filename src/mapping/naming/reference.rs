//! The tables of names as Markdown, for the page `src/docs/mapping.md`.

use super::{
    ANY, CLIENT, CONSUMER, Concept, DB_COLLECTION, DB_NAMESPACE, DB_OPERATION, DB_STATEMENT,
    DB_SYSTEM, DbSpanName, ENVIRONMENT, GEN_AI_TYPE, HTTP_METHOD, HTTP_STATUS, Has, HasStatement,
    INTERNAL, Is, KIND_TYPES, Kinds, Lit, MESSAGING_DESTINATION, MESSAGING_OPERATION, Method, Need,
    Norm, OPERATION, OPERATION_NAME, PRODUCER, Part, RESOURCE, RESOURCE_NAME, RPC_SYSTEM,
    RouteInName, Row, SERVER, SERVICE, SPAN_TYPE, SpanName, Statement, Then, ThenRoute, VERSION,
    Val,
};
use crate::mapping::reference::{code, table};

/// Returns the rows of the operation names.
pub(in crate::mapping) fn operations() -> String {
    names(OPERATION, "operation name")
}

/// Returns the rows of the resource names.
pub(in crate::mapping) fn resources() -> String {
    names(RESOURCE, "resource")
}

/// Returns the span types by kind.
pub(in crate::mapping) fn types() -> String {
    let (native, documented) = GEN_AI_TYPE;
    let systems = "see the table of systems".to_owned();
    let mut rows = vec![
        ["any attribute `gen_ai.*`".to_owned(), code(documented), code(native)],
        ["client with a database system".to_owned(), systems, "see there".to_owned()],
    ];
    rows.extend(
        KIND_TYPES.iter().map(|&(kinds, native, documented)| {
            [kind_names(kinds), code(documented), code(native)]
        }),
    );
    table(["span", "`SpanTypes::Documented`", "`SpanTypes::Agent`"], rows)
}

/// Returns what has more than one key, or is looked up in the resource too.
pub(in crate::mapping) fn concepts() -> String {
    let all: &[(&str, Concept)] = &[
        ("service", SERVICE),
        ("environment", ENVIRONMENT),
        ("version", VERSION),
        ("operation name", OPERATION_NAME),
        ("resource name", RESOURCE_NAME),
        ("span type", SPAN_TYPE),
        ("HTTP method", HTTP_METHOD),
        ("HTTP status", HTTP_STATUS),
        ("database system", DB_SYSTEM),
        ("statement", DB_STATEMENT),
        ("database operation", DB_OPERATION),
        ("collection or table", DB_COLLECTION),
        ("database", DB_NAMESPACE),
        ("messaging operation", MESSAGING_OPERATION),
        ("messaging destination", MESSAGING_DESTINATION),
        ("RPC system", RPC_SYSTEM),
    ];
    let keys = |concept: Concept| {
        let keys: Vec<_> = concept.iter().map(|known| code(known.key())).collect();
        keys.join(", ")
    };
    let rows = all.iter().map(|(what, concept)| [(*what).to_owned(), keys(concept)]);
    table(["what", "keys, the preferred first"], rows)
}

fn names(rows: &[Row], what: &str) -> String {
    let cells = |row: &Row| {
        let needs: Vec<_> = row.needs.iter().map(need).collect();
        let mark = if row.documented { " (*)" } else { "" };
        [kind_names(row.kinds) + mark, needs.join(", "), template(row.name)]
    };
    table(["span", "has", what], rows.iter().map(cells))
}

fn kind_names(kinds: Kinds) -> String {
    const NAMES: [(Kinds, &str); 5] = [
        (CLIENT, "client"),
        (SERVER, "server"),
        (PRODUCER, "producer"),
        (CONSUMER, "consumer"),
        (INTERNAL, "internal"),
    ];
    if kinds == ANY {
        return "any".to_owned();
    }
    let names = NAMES.iter().filter(|(kind, _)| kinds & kind != 0).map(|(_, name)| *name);
    names.collect::<Vec<_>>().join(", ")
}

fn need(need: &Need) -> String {
    match need {
        Has(concept) => code(first(concept)),
        Is(concept, value) => format!("`{}` = `{value}`", first(concept)),
        HasStatement => code(first(DB_STATEMENT)),
        RouteInName => "a route in the span name".to_owned(),
    }
}

/// Returns the template of a name. A part in brackets is there if its attribute is.
fn template(parts: &[Part]) -> String {
    match parts {
        [SpanName] => return "the span name".to_owned(),
        [Statement] => return "the statement".to_owned(),
        [DbSpanName] => {
            let system = first(DB_SYSTEM);
            return format!("the span name; `{{{system}}}.query` if it looks like a statement");
        }
        _ => {}
    }
    let parts = parts.iter().map(|part| match part {
        Lit(text) => (*text).to_owned(),
        Norm(concept) | Val(concept) => format!("{{{}}}", first(concept)),
        Then(concept) => format!("[ {{{}}}]", first(concept)),
        Method => format!("{{{}}}", first(HTTP_METHOD)),
        ThenRoute => " {route}".to_owned(),
        SpanName | Statement | DbSpanName => unreachable!("these stand alone"),
    });
    code(&parts.collect::<String>())
}

fn first(concept: Concept) -> &'static str {
    concept.first().expect("a concept has a key").key()
}
