//! [`Negotiation`]: which form is spoken, when the receiver is asked what it takes, and when to change.
//!
//! Plain data without a clock or a socket: the worker says what happened and when. Only
//! [`Protocol::Auto`] changes; with client statistics every protocol asks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_http::Response;

use super::choice::choose;
use super::info::Info;
use super::{FORMS, Form, FormSet, Protocol, STATE_HEADER, STATS_PATH};
use crate::stats::Rules;

/// The pause before the next question to a receiver that gave no useful answer.
const BUSY_PAUSE: Duration = Duration::from_secs(60);

/// Least time between two questions that follow from a change of the receiver's state.
const CHANGE_PAUSE: Duration = Duration::from_secs(1);

/// Changes of the form after which a receiver counts as unstable, and is asked as a busy one is.
const MAX_CHANGES: u32 = 10;

/// Changes with more time between them are no sign of an unstable receiver.
const CALM_PAUSE: Duration = Duration::from_secs(600);

/// Answers at a trace endpoint, and their meaning for the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The form was not the reason.
    None,
    /// The endpoint is not there: this form is wrong.
    WrongForm,
    /// The receiver may have been replaced by one that wants another form.
    Suspicious,
}

/// The form in use, and the reasons for it.
#[derive(Debug)]
pub(crate) struct Negotiation {
    protocol: Protocol,
    wants_rates: bool,
    stats: Statistics,
    /// The rules by which the client counts spans, if the receiver allows it.
    counting: Option<Arc<Rules>>,
    /// The receiver said what it takes, or that it does not say it.
    is_known: bool,
    info: Option<Info>,
    form: &'static Form,
    /// The time of the next question to the receiver; `None` without a reason to ask.
    ask_at: Option<Instant>,
    /// The time of the last question.
    asked_at: Option<Instant>,
    /// The time of the last question because of a refused form.
    doubted_at: Option<Instant>,
    /// The digest of the receiver's introduction, as its last answer gave it.
    state: Option<String>,
    changes: u32,
    changed_at: Option<Instant>,
}

/// The use of client statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statistics {
    Unwanted,
    /// They are wanted, and sent where the receiver lists them.
    Wanted,
    /// They are wanted, and the receiver refused them though it lists them.
    Refused,
}

impl Negotiation {
    /// Starts with the form of a protocol. The receiver is asked at once where the form depends on it.
    pub(crate) fn new(protocol: Protocol, wants_stats: bool, now: Instant) -> Self {
        let fixed = FORMS.iter().find(|form| form.protocol == protocol).copied();
        Self {
            protocol,
            wants_rates: false,
            stats: if wants_stats { Statistics::Wanted } else { Statistics::Unwanted },
            counting: None,
            is_known: false,
            info: None,
            form: fixed.or_else(|| choose(None, false, 0)).unwrap_or(FORMS[0]),
            ask_at: (fixed.is_none() || wants_stats).then_some(now),
            asked_at: None,
            doubted_at: None,
            state: None,
            changes: 0,
            changed_at: None,
        }
    }

    /// The form that is spoken.
    pub(crate) fn form(&self) -> &'static Form {
        self.form
    }

    /// Returns true if the form follows the receiver.
    pub(crate) fn is_auto(&self) -> bool {
        self.protocol == Protocol::Auto
    }

    /// Returns whether anything depends on what the receiver says of itself.
    pub(crate) fn asks(&self) -> bool {
        self.is_auto() || self.stats != Statistics::Unwanted
    }

    /// Returns how spans are counted by the client; nothing if they are not.
    pub(crate) fn counting(&self) -> Option<&Arc<Rules>> {
        self.counting.as_ref()
    }

    /// Returns why spans are not counted although somebody asked for it, once the receiver is known.
    pub(crate) fn lacks_counting(&self) -> Option<&'static str> {
        if self.stats == Statistics::Unwanted || !self.is_known {
            return None;
        }
        match &self.info {
            Some(_) if self.stats == Statistics::Refused => {
                Some("it refuses the client statistics that it lists")
            }
            Some(info) => info.counting().err(),
            None => Some("it does not say what it takes"),
        }
    }

    /// Returns whether the receiver takes statistics; nothing as long as it is unknown.
    pub(crate) fn takes_stats(&self) -> Option<bool> {
        let lists = || self.info.as_ref().is_some_and(|info| info.lists(STATS_PATH));
        self.is_known.then(|| self.stats != Statistics::Refused && lists())
    }

    /// The receiver may be another one, which may take statistics.
    fn may_be_another(&mut self) {
        if self.stats == Statistics::Refused {
            self.stats = Statistics::Wanted;
        }
    }

    /// The receiver refused statistics for good: spans are not counted any more until it may be another one.
    pub(crate) fn refuse_stats(&mut self) {
        (self.stats, self.counting) = (Statistics::Refused, None);
    }

    /// Returns true if the receiver changed its offer so often that it is asked rarely.
    pub(crate) fn is_unstable(&self) -> bool {
        self.changes > MAX_CHANGES
    }

    /// Returns true if it is time to ask the receiver what it takes.
    pub(crate) fn should_ask(&self, now: Instant) -> bool {
        self.ask_at.is_some_and(|at| at <= now)
    }

    /// Returns whether a refused form is a reason to ask the receiver: not if the last one was a moment ago.
    pub(crate) fn may_ask_about_refusal(&mut self, now: Instant) -> bool {
        let is_late = self.doubted_at.is_none_or(|doubted| now >= doubted + CHANGE_PAUSE);
        let may_ask = is_late && !self.is_unstable();
        if may_ask {
            self.doubted_at = Some(now);
        }
        may_ask
    }

    /// Says whether somebody follows the Agent's rates.
    pub(crate) fn want_rates(&mut self, wants_rates: bool, now: Instant) {
        if self.wants_rates != wants_rates {
            self.wants_rates = wants_rates;
            self.choose_again(0, now);
        }
    }

    /// Returns whether somebody follows the Agent's rates, and the form has none.
    pub(crate) fn lacks_rates(&self) -> bool {
        self.wants_rates && !self.form.has_rates
    }

    /// Takes the receiver's answer to `GET /info`; `None` if it gave none in time. The form is none of those that
    /// were refused. An answer that says nothing changes nothing, and the receiver is asked again.
    pub(crate) fn introduced(
        &mut self,
        answer: Option<&Response<Bytes>>,
        refused: FormSet,
        now: Instant,
    ) {
        self.asked_at = Some(now);
        self.ask_at = None;
        match answer {
            Some(answer) if answer.status().is_success() => match Info::read(answer.body()) {
                Some(info) => (self.info, self.state) = (Some(info), state_of(answer)),
                None => return self.ask_at = Some(now + BUSY_PAUSE),
            },
            Some(answer) if !is_busy(answer.status().as_u16()) => self.info = None,
            _ => return self.ask_at = Some(now + BUSY_PAUSE),
        }
        self.is_known = true;
        let rules = self.info.as_ref().and_then(|info| info.counting().ok());
        let rules = rules.filter(|_| self.stats == Statistics::Wanted);
        if self.counting.as_deref() != rules {
            self.counting = rules.cloned().map(Arc::new);
        }
        self.choose_again(refused, now);
    }

    /// The connection is lost: the next answer may come from another receiver.
    pub(crate) fn lost(&mut self, now: Instant) {
        if self.asks() {
            self.ask_at = Some(now);
            self.may_be_another();
        }
    }

    /// No answer came in time: the receiver is asked again, but not each time.
    pub(crate) fn timed_out(&mut self, now: Instant) {
        if self.asks() {
            let at = self.asked_at.map_or(now, |asked| asked + BUSY_PAUSE);
            self.ask_at = Some(self.ask_at.map_or(at, |planned| planned.min(at)));
        }
    }

    /// Takes an answer at the trace endpoint: a new state means that the receiver has something new to say.
    pub(crate) fn answered(&mut self, answer: &Response<Bytes>) {
        let Some(state) = state_of(answer).filter(|_| self.asks()) else { return };
        let is_news = self.state.as_ref().map_or(self.info.is_none(), |known| *known != state);
        if is_news {
            self.may_be_another();
            let pause = if self.is_unstable() { BUSY_PAUSE } else { CHANGE_PAUSE };
            let at = self.asked_at.map(|asked| asked + pause);
            self.ask_at = self.ask_at.or(at);
        }
        self.state = Some(state);
    }

    /// Returns true if the receiver answered the last question about what it takes.
    pub(crate) fn is_introduced(&self) -> bool {
        self.info.is_some() && self.ask_at.is_none()
    }

    /// Returns true if the receiver refused an explicit protocol and may take another form.
    pub(crate) fn lacks_choice(&self, answer: &Response<Bytes>) -> bool {
        !self.is_auto() && matches!(answer.status().as_u16(), 404 | 405 | 415)
    }

    /// Says what a status at the trace endpoint means for the form.
    pub(crate) fn refusal(&self, status: u16) -> Refusal {
        let is_documented = std::ptr::eq(self.form, FORMS[0]);
        match status {
            _ if !self.is_auto() => Refusal::None,
            404 | 405 => Refusal::WrongForm,
            400 | 415 if !is_documented => Refusal::Suspicious,
            _ => Refusal::None,
        }
    }

    /// Chooses a form that is none of these; false if there is none, and the first choice applies again.
    pub(crate) fn avoid(&mut self, refused: FormSet, now: Instant) -> bool {
        self.choose_again(refused, now)
    }

    fn choose_again(&mut self, refused: FormSet, now: Instant) -> bool {
        if !self.is_auto() {
            return false;
        }
        let choice = choose(self.info.as_ref(), self.wants_rates, refused);
        let form = choice.or_else(|| choose(self.info.as_ref(), self.wants_rates, 0));
        let form = form.unwrap_or(FORMS[0]);
        if !std::ptr::eq(form, self.form) {
            let is_calm = self.changed_at.is_some_and(|changed| now >= changed + CALM_PAUSE);
            self.changes = if is_calm { 1 } else { self.changes.saturating_add(1) };
            (self.form, self.changed_at) = (form, Some(now));
        }
        choice.is_some()
    }
}

/// Returns true if a receiver with this status may give a better answer later.
fn is_busy(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

fn state_of(answer: &Response<Bytes>) -> Option<String> {
    let state = answer.headers().get(STATE_HEADER)?.to_str().ok()?;
    Some(state.to_owned()).filter(|state| !state.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Protocol::{Auto, V03Json, V03MessagePack, V04};
    use super::*;

    const BOTH: &str = r#"{"endpoints":["/v0.3/traces","/v0.4/traces"]}"#;

    fn answer(status: u16, state: &str, body: &'static str) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
        *answer.status_mut() = status.try_into().unwrap();
        answer.headers_mut().insert(STATE_HEADER, state.parse().unwrap());
        answer
    }

    #[test]
    fn an_explicit_protocol_never_asks_and_never_changes() {
        let now = Instant::now();
        for protocol in [V03Json, V03MessagePack, V04] {
            let mut negotiation = Negotiation::new(protocol, false, now);
            negotiation.want_rates(true, now);
            negotiation.lost(now);
            negotiation.timed_out(now);
            negotiation.answered(&answer(200, "a", ""));
            negotiation.answered(&answer(200, "b", ""));
            assert!(!negotiation.should_ask(now + BUSY_PAUSE));
            assert_eq!(negotiation.refusal(404), Refusal::None);
            assert_eq!(negotiation.form().protocol, protocol);
        }
    }

    const COUNTS: &str = r#"{"endpoints":["/v0.3/traces","/v0.6/stats"],"client_drop_p0s":true}"#;
    const TAKES: &str = r#"{"endpoints":["/v0.4/traces","/v0.6/stats"]}"#;

    #[test]
    fn whether_spans_are_counted_follows_the_receiver() {
        let now = Instant::now();
        for protocol in [Auto, V03Json] {
            let mut negotiation = Negotiation::new(protocol, true, now);
            let state = |negotiation: &Negotiation| {
                let why_not = negotiation.lacks_counting().is_some();
                (negotiation.counting().is_some(), why_not, negotiation.takes_stats())
            };
            assert!(negotiation.should_ask(now));
            assert_eq!(state(&negotiation), (false, false, None));
            negotiation.introduced(Some(&answer(503, "a", "")), 0, now);
            assert_eq!(state(&negotiation), (false, false, None));
            for (status, body, expected) in [
                (200, COUNTS, (true, false, Some(true))),
                (503, "", (true, false, Some(true))),
                (200, TAKES, (false, true, Some(true))),
                (404, "", (false, true, Some(false))),
                (200, BOTH, (false, true, Some(false))),
                (200, COUNTS, (true, false, Some(true))),
            ] {
                negotiation.introduced(Some(&answer(status, "a", body)), 0, now);
                assert_eq!(state(&negotiation), expected, "{body}");
            }
            negotiation.lost(now);
            assert!(negotiation.should_ask(now), "the next receiver may be another one");
        }
        let mut negotiation = Negotiation::new(Auto, false, now);
        negotiation.introduced(Some(&answer(200, "a", COUNTS)), 0, now);
        assert!(negotiation.counting().is_none(), "nobody asked for it");
    }

    #[test]
    fn a_receiver_that_refuses_the_statistics_that_it_lists_is_believed() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, true, now);
        for ends in [Negotiation::lost, |negotiation: &mut Negotiation, _| {
            negotiation.answered(&answer(200, "b", ""));
        }] {
            negotiation.introduced(Some(&answer(200, "a", COUNTS)), 0, now);
            assert!(negotiation.counting().is_some());
            negotiation.refuse_stats();
            negotiation.introduced(Some(&answer(200, "a", COUNTS)), 0, now);
            assert!(negotiation.counting().is_none());
            assert_eq!(negotiation.takes_stats(), Some(false));
            assert!(negotiation.lacks_counting().unwrap().contains("refuses"));
            ends(&mut negotiation, now);
        }
    }

    #[test]
    fn a_receiver_is_asked_at_the_start_and_spoken_to_as_it_offers() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        assert!(negotiation.should_ask(now));
        assert_eq!(negotiation.form().protocol, V03Json);
        negotiation.introduced(Some(&answer(200, "a", BOTH)), 0, now);
        assert!(!negotiation.should_ask(now + BUSY_PAUSE));
        assert_eq!(negotiation.form().protocol, V03MessagePack);
        negotiation.want_rates(true, now);
        assert_eq!(negotiation.form().protocol, V04);
        negotiation.introduced(Some(&answer(404, "a", "")), 0, now);
        negotiation.want_rates(false, now);
        assert_eq!(negotiation.form().protocol, V03Json);
    }

    #[test]
    fn a_busy_receiver_keeps_its_form_and_is_asked_again_after_a_pause() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        negotiation.introduced(Some(&answer(200, "a", BOTH)), 0, now);
        for busy in [Some(answer(503, "a", "")), Some(answer(429, "a", "")), None] {
            negotiation.introduced(busy.as_ref(), 0, now);
            assert_eq!(negotiation.form().protocol, V03MessagePack);
            assert!(!negotiation.should_ask(now + BUSY_PAUSE / 2));
            assert!(negotiation.should_ask(now + BUSY_PAUSE));
        }
        negotiation.introduced(Some(&answer(200, "a", BOTH)), 0, now);
        negotiation.timed_out(now);
        assert!(!negotiation.should_ask(now + BUSY_PAUSE / 2));
        negotiation.lost(now);
        assert!(negotiation.should_ask(now), "a new connection may lead elsewhere");
    }

    #[test]
    fn an_answer_that_says_nothing_changes_no_form() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        assert!(negotiation.avoid(negotiation.form().bit(), now));
        assert_eq!(negotiation.form().protocol, V04);
        let html = answer(200, "a", "<html></html>");
        for unclear in [Some(&html), Some(&answer(503, "a", "")), None] {
            negotiation.introduced(unclear, 0, now);
            assert_eq!(negotiation.form().protocol, V04, "a refusal has taught it");
            assert!(!negotiation.should_ask(now + BUSY_PAUSE / 2));
            assert!(negotiation.should_ask(now + BUSY_PAUSE));
        }
    }

    #[test]
    fn a_first_state_of_a_receiver_without_introduction_is_a_reason_to_ask() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        negotiation.introduced(Some(&answer(404, "", "")), 0, now);
        negotiation.answered(&answer(200, "", ""));
        assert!(!negotiation.should_ask(now + BUSY_PAUSE));
        negotiation.answered(&answer(200, "a", ""));
        assert!(negotiation.should_ask(now + CHANGE_PAUSE));
    }

    #[test]
    fn changes_that_are_far_apart_make_no_receiver_unstable() {
        let mut now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        for number in 0..=2 * MAX_CHANGES {
            now += CALM_PAUSE;
            negotiation.want_rates(number % 2 == 0, now);
            assert!(!negotiation.is_unstable());
        }
    }

    #[test]
    fn a_new_state_is_a_reason_to_ask_but_not_more_than_once_a_second() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        negotiation.introduced(Some(&answer(200, "a", BOTH)), 0, now);
        negotiation.answered(&answer(200, "a", ""));
        assert!(!negotiation.should_ask(now + BUSY_PAUSE));
        negotiation.answered(&answer(200, "b", ""));
        assert!(!negotiation.should_ask(now));
        assert!(negotiation.should_ask(now + CHANGE_PAUSE));
    }

    #[test]
    fn a_receiver_that_keeps_changing_is_asked_rarely() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        for number in 0..=MAX_CHANGES {
            assert!(!negotiation.is_unstable());
            let endpoints =
                if number % 2 == 0 { BOTH } else { r#"{"endpoints":["/v0.4/traces"]}"# };
            negotiation.introduced(Some(&answer(200, "a", endpoints)), 0, now);
        }
        assert!(negotiation.is_unstable());
        negotiation.answered(&answer(200, "b", ""));
        assert!(!negotiation.should_ask(now + CHANGE_PAUSE));
        assert!(negotiation.should_ask(now + BUSY_PAUSE));
    }

    #[test]
    fn each_refused_form_leads_to_another_until_none_is_left() {
        let now = Instant::now();
        let mut negotiation = Negotiation::new(Auto, false, now);
        assert_eq!(negotiation.refusal(404), Refusal::WrongForm);
        assert_eq!(
            negotiation.refusal(400),
            Refusal::None,
            "the documented form was bad in itself"
        );
        let mut refused = negotiation.form().bit();
        assert!(negotiation.avoid(refused, now));
        assert_eq!(negotiation.form().protocol, V04);
        assert_eq!(negotiation.refusal(415), Refusal::Suspicious);
        assert_eq!(negotiation.refusal(413), Refusal::None);
        refused |= negotiation.form().bit();
        assert!(!negotiation.avoid(refused, now));
        assert_eq!(negotiation.form().protocol, V03Json);
    }
}
