//! The policy as a table.

use super::Outcome::{Answered, Broken, Closed, NotSent, Unanswered, Unreadable};
use super::*;

const REFUSED: Action = Action::Drop(Reason::Refused);
const UNACKNOWLEDGED: Action = Action::Drop(Reason::Unacknowledged);

/// A link on which the Agent answered last.
fn alive() -> Link {
    let mut link = Link::default();
    link.note(Answered(200, None));
    link
}

/// A link on which nobody ever answered.
fn silent() -> Link {
    Link::default()
}

fn situation(link: Link) -> Situation {
    Situation { link, can_halve: true, bytes: LARGE_BYTES, ..Situation::default() }
}

#[test]
fn the_status_alone_decides() {
    for (statuses, action) in [
        (&[200, 202, 204][..], Action::Deliver),
        (&[408, 429, 500, 502, 503], Action::Keep),
        (&[413], Action::Halve),
        (&[504], Action::Keep),
        (&[100, 301, 307, 400, 403, 404, 415, 417, 431, 600], REFUSED),
    ] {
        for status in statuses {
            for link in [alive(), silent()] {
                let decision = decide(Answered(*status, None), &situation(link));
                assert_eq!(decision.action, action, "{status}");
                assert_eq!(decision.doubts, u8::from(*status == 504), "{status}");
            }
        }
    }
}

#[test]
fn numbers_are_sent_again_only_if_certainly_nobody_has_them() {
    let again = |fate| matches!(fate, StatsFate::Again(_));
    for link in [alive(), silent()] {
        let situation = situation(link);
        let fate = |outcome| decide_stats(outcome, &situation);
        assert_eq!(fate(Answered(200, None)), StatsFate::Delivered);
        assert_eq!(fate(Answered(413, None)), StatsFate::Halves);
        for status in [400, 403, 404, 500, 502, 503, 504] {
            assert_eq!(fate(Answered(status, None)), StatsFate::Lost, "{status}");
        }
        for outcome in [NotSent, Broken, Answered(408, None), Answered(429, None)] {
            assert!(again(fate(outcome)), "{outcome:?}");
        }
        assert_eq!(fate(Unanswered), StatsFate::Lost);
        let broken = Situation { breaks: MAX_BROKEN_RETRIES, ..situation };
        assert_eq!(decide_stats(Broken, &broken), StatsFate::Halves);
        let small = Situation { bytes: LARGE_BYTES - 1, ..broken };
        assert!(again(decide_stats(Broken, &small)));
        let single = Situation { can_halve: false, ..situation };
        assert_eq!(decide_stats(Answered(413, None), &single), StatsFate::Lost);
    }
}

#[test]
fn each_outcome_without_an_answer_has_its_row() {
    let (doubt, few, many) =
        (MAX_DOUBTFUL_RETRIES, MAX_BROKEN_RETRIES, MAX_BROKEN_RETRIES_IN_SILENCE);
    for (outcome, link, doubts, breaks, expected) in [
        (NotSent, alive(), doubt, few, (Action::Keep, doubt, few)),
        (NotSent, silent(), doubt, few, (Action::Keep, doubt, few)),
        (Unreadable, alive(), 0, 0, (Action::Deliver, 0, 0)),
        (Closed, alive(), 0, 0, (Action::Keep, 1, 1)),
        (Closed, alive(), 1, few, (Action::Halve, 2, few + 1)),
        (Closed, alive(), doubt - 1, 0, (Action::Keep, doubt, 1)),
        (Closed, alive(), doubt, few, (UNACKNOWLEDGED, doubt + 1, few + 1)),
        (Closed, silent(), 0, 0, (Action::Keep, 1, 1)),
        (Closed, silent(), 1, few, (Action::Keep, 1, few + 1)),
        (Closed, silent(), 1, many, (Action::Halve, 1, many + 1)),
        (Closed, silent(), doubt, 0, (Action::Keep, doubt, 1)),
        (Unanswered, alive(), doubt - 1, 0, (Action::Keep, doubt, 0)),
        (Unanswered, alive(), doubt, 0, (UNACKNOWLEDGED, doubt + 1, 0)),
        (Unanswered, silent(), doubt, 0, (UNACKNOWLEDGED, doubt + 1, 0)),
        (Broken, alive(), doubt, few - 1, (Action::Keep, doubt, few)),
        (Broken, alive(), 0, few, (Action::Halve, 0, few + 1)),
        (Broken, silent(), 0, few, (Action::Keep, 0, few + 1)),
        (Broken, silent(), 0, many, (Action::Halve, 0, many + 1)),
    ] {
        let situation = Situation { doubts, breaks, ..situation(link) };
        let decision = decide(outcome, &situation);
        let decided = (decision.action, decision.doubts, decision.breaks);
        assert_eq!(decided, expected, "{outcome:?} {situation:?}");
    }
}

#[test]
fn a_payload_that_is_not_large_is_not_halved_because_its_connection_breaks() {
    let small = Situation { bytes: LARGE_BYTES - 1, breaks: u8::MAX, ..situation(alive()) };
    for outcome in [Broken, Closed] {
        assert_eq!(decide(outcome, &small).action, Action::Keep);
    }
}

#[test]
fn a_single_span_is_refused_by_a_413_and_kept_when_its_connection_breaks() {
    let single = Situation { can_halve: false, breaks: u8::MAX, ..situation(alive()) };
    assert_eq!(decide(Answered(413, None), &single).action, REFUSED);
    assert_eq!(decide(Broken, &single).action, Action::Keep);
}

#[test]
fn a_payload_that_is_too_large_says_nothing_about_the_agent() {
    let mut link = alive();
    for (outcome, failures) in [
        (Answered(413, None), 0),
        (Answered(413, Some(Duration::from_secs(1))), 0),
        (Answered(503, None), 1),
        (NotSent, 2),
    ] {
        link.fail(outcome);
        assert_eq!(link.failures, failures, "{outcome:?}");
    }
}

#[test]
fn waits_grow_to_a_limit_and_half_of_them_is_random() {
    let mut full = FIRST_DELAY;
    for failures in 0..40 {
        let link = Link { failures, ..alive() };
        let least = situation(link);
        assert_eq!(decide(NotSent, &least).wait, full / 2);
        assert_eq!(wait_unreached(&least), full / 2);
        let most = Situation { random: u32::MAX, ..least };
        assert_eq!(decide(Answered(503, None), &most).wait, full);
        full = (full * 2).min(MAX_DELAY);
    }
}

#[test]
fn a_stale_connection_is_retried_at_once_and_only_once() {
    for outcome in [Closed, Broken, Unanswered] {
        assert_eq!(decide(outcome, &situation(alive())).wait, Duration::ZERO);
        let again = Link { failures: 1, ..alive() };
        assert!(decide(outcome, &situation(again)).wait >= FIRST_DELAY / 2);
    }
}

#[test]
fn retry_after_is_followed_up_to_the_longest_wait() {
    let second = Duration::from_secs(1);
    for (asked, wait) in [(0, FIRST_DELAY / 2), (2, 2 * second), (60, MAX_DELAY)] {
        for status in [429, 503] {
            let outcome = Answered(status, Some(second * asked));
            assert_eq!(decide(outcome, &situation(alive())).wait, wait, "{status} {asked}");
        }
    }
    let refused = decide(Answered(400, Some(second)), &situation(alive()));
    assert_eq!(refused.wait, Duration::ZERO, "the next payload has nothing to do with it");
}

#[test]
fn a_closing_exporter_waits_less() {
    let closing = Situation { is_closing: true, ..situation(Link { failures: 9, ..alive() }) };
    for outcome in [NotSent, Answered(503, Some(MAX_DELAY)), Closed, Broken] {
        assert_eq!(decide(outcome, &closing).wait, CLOSING_DELAY);
    }
    assert!(!ends_early(silent(), 0));
    assert!(ends_early(silent(), 1));
    assert!(!ends_early(alive(), 9), "an Agent that was there may come back");
}

#[test]
fn an_agent_counts_as_away_until_something_shows_that_one_is_there() {
    let doubts = |outcomes: &[Outcome]| {
        let mut link = Link::default();
        for outcome in outcomes {
            link.note(*outcome);
        }
        let situation = Situation { doubts: 1, ..situation(link) };
        decide(Closed, &situation).doubts - 1
    };
    for (outcomes, expected) in [
        (&[][..], 0),
        (&[Answered(200, None)], 1),
        (&[Answered(404, None)], 1),
        (&[Unreadable], 1),
        (&[Answered(200, None), Closed], 0),
        (&[Answered(200, None), Broken], 0),
        (&[Answered(200, None), Unanswered], 1),
        (&[Answered(200, None), Closed, Answered(429, None)], 1),
        (&[Answered(200, None), Closed, Answered(502, None)], 1),
        // Nobody listened, and now somebody does: an Agent that was started.
        (&[Answered(200, None), Closed, NotSent], 1),
    ] {
        assert_eq!(doubts(outcomes), expected, "{outcomes:?}");
    }
}

#[test]
fn the_outages_page_tells_what_becomes_of_each_answer() {
    let (_, table) = include_str!("../../docs/outages.md").split_once("| answer |").unwrap();
    let cell = |answer: &str| {
        let line = table.lines().find(|line| line.starts_with(&format!("| {answer} "))).unwrap();
        line.split('|').nth(2).unwrap().trim()
    };
    let (first, most) = (FIRST_DELAY.as_millis(), MAX_DELAY.as_secs());
    let kept = format!(
        "sent again until delivered, or until a full buffer drops it; pauses of {first} ms to {most} s, \
         a `Retry-After` is followed up to {most} s"
    );
    let doubtful = format!("sent again at most {MAX_DOUBTFUL_RETRIES} times");
    let large = format!(
        "the connection breaks while a request of {} KiB or more is sent",
        LARGE_BYTES / 1024
    );
    // The words of the page for these numbers.
    assert_eq!((MAX_BROKEN_RETRIES, MAX_BROKEN_RETRIES_IN_SILENCE), (1, 4));
    let broken = "sent again; halved after the second try, or the fifth while nothing answers";
    for (answer, statuses, meaning, told) in [
        ("2xx", &[200, 299][..], Taken, "delivered"),
        (
            "no connection, 408, 429, 5xx except 504",
            &[408, 429, 500, 503, 505, 599],
            NotTaken,
            &*kept,
        ),
        ("504, or no answer after the whole request was sent", &[504], Doubtful, &*doubtful),
        ("413", &[413], TooLarge, "halved and sent again"),
        (&*large, &[], NotTaken, broken),
        ("any other status", &[302, 400, 401, 404, 415], Refused, "dropped"),
    ] {
        assert!(cell(answer).starts_with(told), "{answer}: {}", cell(answer));
        for status in statuses {
            assert_eq!(super::meaning(Answered(*status, None), alive(), 0), meaning, "{status}");
        }
    }
}
