//! Datadog's sampling, as parts that go into any provider.
//!
//! | file | what |
//! |---|---|
//! | `builder.rs` | settings of the sampler |
//! | `rules.rs`, `glob.rs` | which traces a rate is for |
//! | `rate.rs` | which traces a rate keeps: the same in every service |
//! | `limit.rs` | how many traces a second the user's rates keep |
//! | `subject.rs` | what is known of a root span when it starts |
//! | `processor.rs` | lets spans of rejected traces through to the exporter |
//!
//! The sampler decides once for a trace, at its root, and writes the decision into the trace state under
//! `dd`: propagator and exporter read it there. Below the root, and where a caller has decided, it follows.

mod builder;
mod glob;
mod limit;
mod processor;
mod rate;
mod rules;
mod subject;

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::trace::{
    Link, SpanContext, SpanKind, TraceContextExt as _, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::delivery::ExporterHandle;
use crate::mapping::ids::low_half;
use crate::mapping::state::{DECISION_MAKER, KEPT_RATE, MEMBER, PRIORITY_ITEM, State, TAG_ITEM};
use crate::mapping::{OTEL_MEMBER, THRESHOLD_ITEM};
use crate::propagation::{self, Member};
use limit::Limit;
use subject::{AppService, RootSpan};

pub use builder::DatadogSamplerBuilder;
pub use processor::DatadogSpanProcessor;
pub(crate) use rate::Rate;
pub(crate) use rules::RULES_FORM;
pub use rules::SamplingRule;

/// What happens to traces that are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectedTraces {
    /// No span of them exists: the least CPU and no bytes. The Agent scales its trace metrics up by the
    /// fraction that was kept, so they are true on average.
    #[default]
    Dropped,
    /// Their spans are recorded and go to the Agent, which counts and drops them: its trace metrics are
    /// exact. Needs a [`DatadogSpanProcessor`] around the processor of the exporter.
    Recorded,
}

/// Decides about traces as Datadog's tracers do: the caller's decision first, then `manual.keep` and
/// `manual.drop`, the first [`SamplingRule`] that fits, the user's rate, the rates of the Agent; without any
/// of these every trace is kept.
///
/// # What is ingested, what is counted, what it costs
///
/// `r` is the fraction that is kept. The processor is the SDK's, batch or simple, unless the table says more.
///
/// | sampler | endpoint | ingested | counted in trace metrics | recorded and sent |
/// |---|---|---|---|---|
/// | `AlwaysOn`, the SDK's default | any | everything | everything | everything |
/// | `ParentBased(TraceIdRatioBased(r))` of the SDK | any | `r`, other traces than Datadog's tracers keep | `r`: too few | `r` |
/// | `DatadogSampler` with rate or rules, [dropped](RejectedTraces::Dropped) | any | `r` | everything on average, by weight | `r` |
/// | the same, [recorded](RejectedTraces::Recorded), with [`DatadogSpanProcessor`] | any | `r` | everything, exactly | everything |
/// | with the Agent's rates, dropped | `V04` | what the Agent wants: 10 traces/s | everything on average, by weight | `r` |
/// | the same, recorded, with [`DatadogSpanProcessor`] | `V04` | what the Agent wants | everything, exactly | everything |
/// | with the Agent's rates | `V03` | everything: its answers have no rates | everything | everything |
///
/// A span that is recorded and sent costs 4.5 µs of CPU and 1,513 bytes to the Agent as JSON, 4.1 µs and 1,310
/// bytes as `MessagePack`, the work of the batch processor included (`cargo run --release --manifest-path
/// tests/peers/Cargo.toml`, two shared cores). At `r` = 0.1 that is 151 bytes for each span of the application if
/// the rest is dropped, and all 1,513 if it is recorded.
///
/// A decision allocates nothing and costs some 10 ns under a caller, 15 to 70 ns at a root with a rate, 90 ns
/// with the Agent's rates, 300 ns with ten rules that ask for names. What the SDK wants to have as the answer
/// comes on top: a list and two texts for each member of the trace state, 3 to 6 allocations, 80 to 120 ns (`cargo
/// bench --bench sampling`, the same machine).
///
/// Of 40,000 hits at `r` = 0.1 the Agent counts 40,000 if rejected traces are recorded, and 39,760 if they are
/// dropped (`bash tests/agent/run.sh numbers`).
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use opentelemetry_datadog_agent::{ApiVersion, DatadogExporter, DatadogSampler, SamplingRule};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let exporter = DatadogExporter::builder().with_api_version(ApiVersion::V04).build()?;
/// let sampler = DatadogSampler::builder()
///     .with_rule(SamplingRule::new(0.0).with_resource("GET /health*"))
///     .with_agent_rates(&exporter.handle())
///     .build()?;
/// let provider =
///     SdkTracerProvider::builder().with_sampler(sampler).with_batch_exporter(exporter).build();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DatadogSampler {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    service: String,
    /// Whether the service was set in code: then an exporter's does not count.
    has_service: bool,
    rules: Vec<(SamplingRule, Rate)>,
    rate: Option<Rate>,
    limit: Limit,
    agent: Option<ExporterHandle>,
    rejected: RejectedTraces,
}

/// Who decided, by the numbers of Datadog. Source: `DataDog/libdatadog`, `libdd-sampling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    /// Nobody in particular.
    Default = 0,
    /// The Agent's rate.
    AgentRate = 1,
    /// A rule or rate of the user.
    LocalRule = 3,
    /// An attribute of the span.
    Manual = 4,
}

/// What was decided about a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decision {
    keep: bool,
    mechanism: Mechanism,
    rate: Option<Rate>,
    /// Which part passed the limit, if it was asked.
    passed: Option<f64>,
}

impl Decision {
    fn new(keep: bool, mechanism: Mechanism, rate: Option<Rate>) -> Self {
        Self { keep, mechanism, rate, passed: None }
    }

    /// Returns the priority: what the user wants is stronger than what is automatic.
    fn priority(self) -> i8 {
        match (self.mechanism, self.keep) {
            (Mechanism::LocalRule | Mechanism::Manual, true) => 2,
            (Mechanism::LocalRule | Mechanism::Manual, false) => -1,
            (Mechanism::AgentRate | Mechanism::Default, keep) => keep.into(),
        }
    }

    /// Returns the tags of the root span that say how it came about.
    fn attributes(self) -> Vec<KeyValue> {
        let rate = self.rate.and_then(|rate| {
            let key = match self.mechanism {
                Mechanism::AgentRate => "_dd.agent_psr",
                Mechanism::LocalRule => "_dd.rule_psr",
                Mechanism::Default | Mechanism::Manual => return None,
            };
            Some(KeyValue::new(key, rate.get()))
        });
        let passed = self.passed.map(|passed| KeyValue::new("_dd.limit_psr", passed));
        let mut attributes =
            Vec::with_capacity(usize::from(rate.is_some()) + usize::from(passed.is_some()));
        attributes.extend(rate);
        attributes.extend(passed);
        attributes
    }
}

impl DatadogSampler {
    /// Starts a builder. It reads nothing until [`DatadogSamplerBuilder::build`].
    pub fn builder() -> DatadogSamplerBuilder {
        DatadogSamplerBuilder::default()
    }
}

impl Inner {
    /// Follows who decided before.
    fn follow(&self, parent: &SpanContext) -> SamplingResult {
        SamplingResult {
            decision: self.decision(parent.is_sampled()),
            attributes: Vec::new(),
            trace_state: parent.trace_state().clone(),
        }
    }

    fn decision(&self, keep: bool) -> SamplingDecision {
        match (keep, self.rejected) {
            (true, _) => SamplingDecision::RecordAndSample,
            (false, RejectedTraces::Dropped) => SamplingDecision::Drop,
            (false, RejectedTraces::Recorded) => SamplingDecision::RecordOnly,
        }
    }

    fn app(&self) -> AppService<'_> {
        let exporter = self.agent.as_ref().filter(|_| !self.has_service);
        AppService { exporter, name: &self.service }
    }

    /// Decides about a trace; `text` is memory to use.
    fn decide(&self, trace_id: u64, root: &RootSpan<'_>, text: &mut String) -> Decision {
        let rule = self.rules.iter().find(|(rule, _)| rule.fits(root)).map(|(_, rate)| *rate);
        if let Some(rate) = rule.or(self.rate) {
            let decision = Decision::new(rate.keeps(trace_id), Mechanism::LocalRule, Some(rate));
            if !decision.keep {
                return decision;
            }
            let (passes, part) = self.limit.pass(Instant::now());
            return Decision { keep: passes, passed: Some(part), ..decision };
        }
        let rate = self.agent.as_ref().and_then(|agent| agent.rate(root.stored_service(text)));
        match rate.and_then(Rate::new) {
            Some(rate) => Decision::new(rate.keeps(trace_id), Mechanism::AgentRate, Some(rate)),
            None => Decision::new(true, Mechanism::Default, None),
        }
    }

    /// Returns the trace state of a root: the decision, beside what a caller said.
    ///
    /// Most roots have no caller, and most decisions are the one before: then its trace state is copied, in
    /// a third of the time that it takes to write one (`cargo bench --bench sampling`).
    fn state(&self, decision: Decision, parent: &SpanContext) -> TraceState {
        thread_local! {
            /// What was written last for a trace that is rejected, and for one that is kept.
            static LAST: RefCell<[Option<(Decision, RejectedTraces, TraceState)>; 2]> =
                const { RefCell::new([None, None]) };
        }
        if parent.trace_state().into_iter().len() > 0 {
            return self.write(decision, parent.trace_state());
        }
        let last = LAST.try_with(|last| {
            let slot = &mut last.borrow_mut()[usize::from(decision.keep)];
            match slot {
                Some((of, rejected, state)) if *of == decision && *rejected == self.rejected => {
                    state.clone()
                }
                _ => {
                    let state = self.write(decision, &TraceState::NONE);
                    *slot = Some((decision, self.rejected, state.clone()));
                    state
                }
            }
        });
        // A thread that ends has no memory left.
        last.unwrap_or_else(|_| self.write(decision, &TraceState::NONE))
    }

    /// Writes a decision into a trace state, beside what a caller said.
    fn write(&self, decision: Decision, state: &TraceState) -> TraceState {
        let mut member = Member::default();
        let mut item = |shown: fmt::Arguments<'_>| {
            member.item(|text| text.write_fmt(shown).expect("writing to a String cannot fail"));
        };
        item(format_args!("{PRIORITY_ITEM}:{}", decision.priority()));
        if decision.keep {
            item(format_args!("{TAG_ITEM}{DECISION_MAKER}:-{}", decision.mechanism as u8));
        }
        if let Some(rate) = decision.rate {
            item(format_args!("{TAG_ITEM}{KEPT_RATE}:{rate}"));
        }
        for (name, value) in State::new(false, state.get(MEMBER).unwrap_or("")).undecided() {
            item(format_args!("{name}:{value}"));
        }
        // Both values are plain ASCII, and within the limit of a member.
        let weighed = decision.keep && self.rejected == RejectedTraces::Dropped;
        let kept = decision.rate.map(|rate| rate.limited(decision.passed.unwrap_or(1.0)));
        // The threshold first: the newest member stands in front.
        let state = match kept.filter(|kept| weighed && *kept < Rate::ALL) {
            Some(rate) => {
                state.insert(OTEL_MEMBER, format!("{THRESHOLD_ITEM}{}", rate.threshold())).ok()
            }
            None => None,
        }
        .map_or(Cow::Borrowed(state), Cow::Owned);
        state.insert(MEMBER, member.text).unwrap_or_else(|_| state.into_owned())
    }
}

impl ShouldSample for DatadogSampler {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        span_kind: &SpanKind,
        attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let inner = &self.inner;
        let none = SpanContext::empty_context();
        let span = parent_context.map(Context::span);
        let parent = span.as_ref().map_or(&none, |span| span.span_context());
        let is_open = parent_context.is_some_and(propagation::is_open);
        if parent.is_valid() && !is_open {
            return inner.follow(parent);
        }
        let decision = match subject::manual(attributes) {
            Some(keep) => Decision::new(keep, Mechanism::Manual, None),
            None => subject::with_root((name, span_kind, attributes), inner.app(), |root, text| {
                inner.decide(low_half(trace_id), root, text)
            }),
        };
        SamplingResult {
            decision: inner.decision(decision.keep),
            attributes: decision.attributes(),
            trace_state: inner.state(decision, parent),
        }
    }
}

#[cfg(test)]
mod tests;
