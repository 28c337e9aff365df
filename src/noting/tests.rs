//! The fate of chunks, by the notes of their spans.

use super::*;
use crate::encoding::{Buffers, Json, SpanWriter};
use crate::sampling::SpanRule;
use crate::stats::Filter;

/// Quantises nothing.
struct AsItIs;

impl Quantise for AsItIs {
    fn quantise(&mut self, _: &str, _: &str, _: &mut String) -> bool {
        false
    }
}

/// Numbers, tags and error flag of a span.
type Written<'s> = (&'s [(&'static str, f64)], &'s [(&'s str, &'s str)], i32);

/// Notes a chunk of spans and returns how many are sent.
fn sent(notes: &mut Notes, spans: &[Written<'_>]) -> usize {
    note(notes, spans, true);
    end(notes, spans.len())
}

/// Notes spans, the first of them perhaps as the head of a chunk.
fn note(notes: &mut Notes, spans: &[Written<'_>], has_head: bool) {
    for (at, (numbers, tags, error)) in spans.iter().enumerate() {
        let (mut body, mut buffers) = (Vec::new(), Buffers::default());
        let writer = SpanWriter::<Json>::new(&mut body, &mut buffers);
        let is_head = at == 0 && has_head;
        let place = (is_head, is_head);
        let mut noting = Noting::new(writer, notes, place, None::<&mut AsItIs>);
        for (key, value) in *numbers {
            noting.metric(Text::Plain(key), *value);
        }
        for (key, value) in *tags {
            noting.text(key, value);
        }
        noting.finish(&Fields { span_id: 1, error: *error, ..Fields::default() });
    }
}

/// Ends a chunk and returns how many spans are sent.
fn end(notes: &mut Notes, spans: usize) -> usize {
    let stats = Mutex::new(Concentrator::new(0));
    match notes.end(u32::try_from(spans).unwrap(), &Origin::default(), &stats, || 0) {
        Fate::Keep => spans,
        Fate::Thin(keep) => keep.iter().filter(|keep| **keep).count(),
        Fate::Omit => 0,
    }
}

fn omitted(spans: u64, p0_chunks: u64, p0_spans: u64) -> Omitted {
    Omitted { spans, p0s: OmittedP0s { chunks: p0_chunks, spans: p0_spans } }
}

fn notes(rules: Rules, span_rules: Vec<SpanRule>) -> Notes {
    let mut notes = Notes::default();
    let span_rules = SpanRules::new(span_rules).unwrap().map(Arc::new);
    notes.follow(Some(&Arc::new(rules)), span_rules.as_ref());
    notes
}

#[test]
fn a_chunk_is_sent_as_its_priority_and_its_errors_say() {
    const P: &str = "_sampling_priority_v1";
    let mut notes = notes(Rules::default(), Vec::new());
    for (priority, error, is_sent) in [
        (2.0, 0, true),
        (1.0, 0, true),
        (0.0, 0, false),
        (0.0, 1, true),
        (-1.0, 0, false),
        (-1.0, 1, false),
    ] {
        let chunk = [(&[(P, priority)][..], &[][..], 0), (&[], &[], error), (&[], &[], 0)];
        let expected = if is_sent { 3 } else { 0 };
        assert_eq!(sent(&mut notes, &chunk), expected, "{priority} {error}");
    }
    assert_eq!(sent(&mut notes, &[(&[], &[], 0)]), 1, "nobody decided");
    assert_eq!(notes.omitted(), omitted(9, 1, 3));
    for key in ["_dd.span_sampling.mechanism", "_dd1.sr.eausr"] {
        let chunk = [(&[(P, 0.0)][..], &[][..], 0), (&[(key, 8.0)], &[], 0), (&[], &[], 0)];
        assert_eq!(sent(&mut notes, &chunk), 1, "{key}");
    }
    assert_eq!(notes.omitted(), omitted(13, 1, 7));
}

#[test]
fn later_chunks_of_a_rejected_trace_that_is_cut_are_not_sent_either() {
    let mut notes = notes(Rules::default(), Vec::new());
    let head: Written<'_> = (&[("_sampling_priority_v1", 0.0)], &[], 0);
    assert_eq!(sent(&mut notes, &[head, (&[], &[], 0)]), 0);
    // The span that would cross the limit is the head of the next chunk; it was mapped as a later span.
    note(&mut notes, &[(&[], &[], 0), (&[], &[], 0)], false);
    assert_eq!(end(&mut notes, 2), 0);
    assert_eq!(notes.omitted(), omitted(4, 2, 4));
}

#[test]
fn a_tag_that_is_text_and_number_is_one_of_those_that_a_trace_needs() {
    let require = ["http.status_code", "team"].map(Filter::read).to_vec();
    let mut notes = notes(Rules { require, ..Rules::default() }, Vec::new());
    let status = [("http.status_code", 200.0)];
    for (tags, expected) in [
        (&[("http.status_code", "200")][..], 0),
        (&[("http.status_code", "200"), ("team", "a")], 1),
    ] {
        assert_eq!(sent(&mut notes, &[(&status, tags, 0)]), expected, "{tags:?}");
    }
}

#[test]
fn span_rules_see_final_tags_of_rejected_traces_alone() {
    const P: &str = "_sampling_priority_v1";
    let mut notes = notes(
        Rules::default(),
        vec![SpanRule::new(1.0).with_tag("tenant", "free-*"), SpanRule::errors()],
    );
    let tags: &[(&str, &str)] = &[("tenant", "free-7")];
    for (priority, expected) in [(0.0, 4), (-1.0, 2), (1.0, 4)] {
        let chunk = [
            (&[(P, priority)][..], &[][..], 0),
            (&[], tags, 0),
            (&[], &[("tenant", "paid")], 0),
            (&[], &[], 1),
        ];
        assert_eq!(sent(&mut notes, &chunk), expected, "{priority}");
    }
}

#[test]
fn filters_of_the_agent_look_at_the_root_alone() {
    let rules = Rules {
        require: vec![Filter::read("team")],
        reject: vec![Filter::read("path:/health"), Filter::read("internal")],
        ..Rules::default()
    };
    let mut notes = notes(rules, Vec::new());
    for (root, child, is_sent) in [
        (&[("team", "a")][..], &[("path", "/health")][..], true),
        (&[], &[("team", "a")], false),
        (&[("team", "a"), ("path", "/health")], &[], false),
        (&[("team", "a"), ("path", "/")], &[], true),
        (&[("team", "a"), ("internal", "no")], &[], false),
    ] {
        let expected = if is_sent { 2 } else { 0 };
        assert_eq!(sent(&mut notes, &[(&[], root, 0), (&[], child, 0)]), expected, "{root:?}");
    }
}
