//! Any context written and read again is the same, and no header is a panic.

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceState};
use opentelemetry::{SpanId, TraceFlags, TraceId};
use opentelemetry_datadog_agent::{DatadogPropagator, PropagationStyle};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::{Headers, extracted, injected, injected_for};

/// Every header that is read, with the form of a good one.
const HEADERS: [(&str, &str); 7] = [
    ("x-datadog-trace-id", "[0-9]{1,20}"),
    ("x-datadog-parent-id", "[0-9]{1,20}"),
    ("x-datadog-sampling-priority", "-?[0-9]{1,3}"),
    ("x-datadog-origin", "\\PC{0,20}"),
    ("x-datadog-tags", "(_dd\\.p\\.[a-z]{1,3}=[ -~]{0,6},?){0,8}"),
    ("traceparent", "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
    (
        "tracestate",
        "([a-z@]{1,3}=[ -~]{0,9}[,;]?|dd=s:[0-9];o:\\PC{0,4};t.[a-z]{1,2}:\\PC{0,9},?){0,9}",
    ),
];

/// A header that is good, or anything but.
fn header() -> impl Strategy<Value = (String, String)> {
    prop::sample::select(&HEADERS[..]).prop_flat_map(|(name, good)| {
        let value = prop_oneof![
            3 => good.prop_map(|text| text),
            1 => "\\PC{0,40}",
            1 => vec(any::<char>(), 0..40).prop_map(String::from_iter),
            1 => vec(any::<u8>(), 0..600)
                .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        ];
        value.prop_map(move |value| (name.to_owned(), value))
    })
}

/// A context with what survives escaping: no `=` in a name, no `,` and `;` anywhere.
fn context() -> impl Strategy<Value = SpanContext> {
    let tags = btree_map("[a-z.]{1,6}", "[!-+\\--:<>-}]{1,10}", 0..4);
    let vendors = btree_map("[a-c][a-z0-9_]{0,4}", "[!-+\\--:<>-~]{1,10}", 0..4);
    let ids = (1_u128.., 1_u64..).prop_filter("no low half", |(trace, _)| trace << 64 != 0);
    (ids, any::<i8>(), "[!-+\\--:<>-}]{0,12}", tags, vendors).prop_map(
        |((trace, span), priority, origin, mut tags, vendors)| {
            tags.retain(|name, _| name != "tid" && name != "dm");
            let mut dd = vec![format!("s:{priority}")];
            dd.extend((!origin.is_empty()).then(|| format!("o:{origin}")));
            dd.extend(tags.iter().map(|(name, value)| format!("t.{name}:{value}")));
            let dd = dd.join(";");
            let own = [("dd".to_owned(), dd)].into_iter();
            let state = TraceState::from_key_value(own.chain(vendors)).unwrap();
            let flags = TraceFlags::default().with_sampled(priority > 0);
            SpanContext::new(TraceId::from(trace), SpanId::from(span), flags, true, state)
        },
    )
}

fn propagator(styles: &[PropagationStyle]) -> DatadogPropagator {
    let builder = DatadogPropagator::builder().with_extract_styles(styles.to_vec());
    builder.with_inject_styles(styles.to_vec()).build()
}

proptest! {
    #[test]
    fn a_written_context_is_read_again(context in context()) {
        use PropagationStyle::{Datadog, TraceContext};
        for styles in [&[Datadog][..], &[TraceContext], &[Datadog, TraceContext], &[TraceContext, Datadog]] {
            let propagator = propagator(styles);
            let headers = injected_for(&propagator, context.clone());
            let read = extracted(&propagator, &headers);
            let mut expected = context.clone();
            if !styles.contains(&TraceContext) {
                let own = context.trace_state().get("dd").unwrap();
                let state = TraceState::from_key_value([("dd", own)]).unwrap();
                expected = SpanContext::new(
                    context.trace_id(), context.span_id(), context.trace_flags(), true, state,
                );
            }
            let read = read.span().span_context().clone();
            prop_assert_eq!(read, expected, "{:?}: {:?}", styles, headers);
        }
    }

    #[test]
    fn any_context_that_is_read_can_be_written_and_read_again(headers in vec(header(), 0..9)) {
        let propagator = DatadogPropagator::new();
        let read = extracted(&propagator, &Headers(headers));
        let written = injected(&propagator, &read);
        for (name, value) in &written {
            prop_assert!(value.bytes().all(|b| matches!(b, b' '..=b'~')), "{}: {:?}", name, value);
        }
        let again = extracted(&propagator, &written);
        let (first, second) = (read.span().span_context().clone(), again.span().span_context().clone());
        if !written.is_empty() {
            prop_assert_eq!(first.trace_id(), second.trace_id());
            prop_assert_eq!(first.span_id(), second.span_id());
            prop_assert_eq!(first.trace_flags(), second.trace_flags());
        }
    }
}
