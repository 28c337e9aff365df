//! Datadog's sampling, as parts that go into any provider.
//!
//! | file | what |
//! |---|---|
//! | `builder.rs`, `settings.rs` | settings of the sampler, and of span rules: code over variables over defaults |
//! | `rules.rs`, `patterns.rs`, `glob.rs` | which traces a rate is for |
//! | `span_rules.rs` | which single spans of rejected traces are kept |
//! | `rate.rs` | which traces a rate keeps: the same in every service |
//! | `limit.rs` | how many traces a second the user's rates keep |
//! | `weights.rs` | the number of traces that a kept one stands for |
//! | `decision.rs` | a decision as tags and in the trace state |
//! | `subject.rs` | what is known of a root span when it starts |
//! | `processor.rs` | lets spans of rejected traces through to the exporter |
//!
//! The sampler decides once for a trace, at its root, and writes the decision into the trace state under
//! `dd`: propagator and exporter read it there. Below the root, and where a caller has decided, it follows.

mod builder;
mod decision;
mod glob;
mod limit;
mod patterns;
mod processor;
mod rate;
mod rules;
mod settings;
mod span_rules;
mod subject;
mod weights;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue, otel_warn};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::datadog::ids::low_half;
use crate::datadog::sampling::caller_fraction;
use crate::deferred;
use crate::delivery::ExporterHandle;
use crate::propagation;
use decision::{Decision, Mechanism, weighed};
use limit::{Asked, Limit};
use rate::Rate;
use subject::{AppService, RootSpan, Started};
use weights::{ALONE, KNOWN_SHARE, Kept, SPREAD, Weights};

pub use builder::DatadogSamplerBuilder;
pub(crate) use glob::Glob;
pub(crate) use patterns::Subject;
pub use processor::{ForwardRejected, SampledOnly};
pub use rules::SamplingRule;
pub(crate) use settings::{SamplingSettings, find_span_rules};
pub use span_rules::SpanRule;
pub(crate) use span_rules::{KeptSpan, SpanRules};

/// The treatment of rejected traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectedTraces {
    /// No span of them exists: the least CPU and no bytes. The Agent scales its trace metrics up by
    /// [the weights of kept traces](DatadogSampler#weights), so they are true in sum.
    #[default]
    Dropped,
    /// Their spans are recorded and go to the Agent, which counts and drops them: its trace metrics are
    /// exact. Needs a [`ForwardRejected`] around the processor of the exporter.
    Recorded,
}

/// Decides about traces as Datadog's tracers do: the caller's decision first, then `manual.keep` and
/// `manual.drop`, the first [`SamplingRule`] that fits, the user's rate, the rates of the Agent; without any
/// of these every trace is kept.
///
/// # What is ingested, what is counted, what it costs
///
/// `r` is the fraction that is kept. The processor is the SDK's, batch or simple, unless the table says more. "Hits
/// measured" is what Datadog's Agent counted of all that was made, at the default limit: `r` = 0.1, some 900 requests a
/// second for 20 s, or 10,000 of a caller that keeps 9.5 % (`bash tests/agent/run.sh weights::`).
///
/// | sampler | endpoint | ingested | counted in trace metrics | recorded and sent | hits measured |
/// |---|---|---|---|---|---|
/// | `AlwaysOn` | any | everything, whatever a caller decides | everything | everything | 100 % |
/// | `ParentBased(AlwaysOn)`, the SDK's default | any | what no caller rejects | the same: behind a caller that keeps a tenth, a tenth | the same | 9.5 % |
/// | `ParentBased(TraceIdRatioBased(r))` of the SDK | any | `r`, other traces than Datadog's tracers keep | `r`: too few | `r` | 10.3 % |
/// | `DatadogSampler` with rate or rules, [dropped](RejectedTraces::Dropped) | any | `r`, at most the limit | everything, by weight | the same as ingested | 100.0 %; 300 at once each second 98.5 %, 4,000 at once and then 2/s for 30 s 99.6 %, three rules 99.7 % |
/// | the same, [recorded](RejectedTraces::Recorded), with [`ForwardRejected`] | any | `r`, at most the limit | everything, exactly | everything | 100 % |
/// | `DatadogSampler` behind a caller that rejects, dropped | any | what the caller keeps | everything, by weight | what the caller keeps | 100.1 % |
/// | the same, recorded, with [`ForwardRejected`] | any | what the caller keeps | everything, exactly | everything | 100 % |
/// | recorded, with [`ForwardRejected`] and [client statistics](crate::DatadogExporterBuilder::with_client_stats) | any | `r`, at most the limit | everything, exactly | everything recorded, `r` sent | 100 % |
/// | with the Agent's rates, dropped | `V04` | what the Agent wants: 10 traces/s | everything, by weight | `r` | 100.0 % |
/// | the same, recorded, with [`ForwardRejected`] | `V04` | what the Agent wants | everything, exactly | everything | 100 % |
/// | with the Agent's rates | `V03` | everything: its answers have no rates | everything | everything | 100 % |
///
/// # Weights
///
/// Of dropped traces no span exists, so a kept trace stands for several: its weight is `1 / _sample_rate`, and the
/// weights of all kept traces make up the traces seen. A trace kept by a rate weighs `1 / rate`, corrected by half
/// of what the weights before it missed. What the limit rejects waits for kept traces of the same service, operation
/// and resource: each takes over an eighth, so that no single one stands for a burst, or all of it while the limit
/// has no more to give. A caller's rejected traces arrive here too, and are counted by name likewise; until the first
/// of a name arrives, the caller's own rate is the weight (`ot` in the trace state, else `_dd.p.ksr`).
///
/// * Not yet counted is what was rejected after the last kept trace of its name: in a steady load above the limit
///   the requests of some hundredths of a second; of a burst with nothing after it, all but what passed.
/// * Up to 32 names have a count of their own, a third of the limit at most; others share one.
/// * Nothing is counted for a rate of 0, `manual.drop` at the start of a span, and names of which nothing is kept.
///
/// # Costs
///
/// A span that is recorded and sent costs 4.5 µs of CPU and 1,513 bytes to the Agent as JSON, 4.1 µs and 1,310
/// bytes as `MessagePack`, the work of the batch processor included (`cargo run --release --manifest-path
/// tests/peers/Cargo.toml`, two shared cores). At `r` = 0.1 that is 151 bytes for each span of the application if
/// the rest is dropped, and all 1,513 if it is recorded.
///
/// With [client statistics](crate::DatadogExporterBuilder::with_client_stats) what is rejected costs no bytes. CPU of the
/// host for a span, the making of the span included, without and with them: 32 and 32 µs at `r` = 1, 26 and 12 µs at
/// 0.1, 24 and 8 µs at 0.01; the Agent's part of it is 20 and 6 µs at 0.1 (`bash tests/measure.sh sampled`, two shared
/// cores).
///
/// A decision allocates nothing and takes no lock but that of the limit. It costs some 10 ns below a local parent,
/// 15 to 70 ns at a root with a rate, 90 ns with the Agent's rates, 180 ns above the limit or behind a caller that
/// rejects, 300 ns with ten rules that ask for names. What the SDK wants to have as the answer comes on top: a list
/// and two texts for each member of the trace state, 3 to 6 allocations, 80 to 120 ns (`cargo bench --bench
/// sampling`, the same machine).
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use opentelemetry_datadog_agent::{DatadogExporter, DatadogSampler, SamplingRule};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let exporter = DatadogExporter::builder().build()?;
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
#[must_use = "a sampler does nothing until a provider has it"]
pub struct DatadogSampler {
    inner: Arc<Inner>,
}

/// The sources of rates beside the rules: the user's rate, and the Agent.
const OTHER_SOURCES: usize = 2;

#[derive(Debug)]
struct Inner {
    service: String,
    /// True if the service was set in code: then an exporter's does not count.
    has_service: bool,
    rules: Vec<(SamplingRule, Rate)>,
    rate: Option<Rate>,
    limit: Limit,
    agent: Option<ExporterHandle>,
    rejected: RejectedTraces,
    /// Counts what is rejected; none if it is recorded, and so counted by the Agent.
    weights: Option<Weights>,
    /// Warnings about variables, until somebody can hear them.
    warnings: deferred::Deferred<Vec<String>>,
}

impl DatadogSampler {
    /// Starts a builder. It reads nothing until [`DatadogSamplerBuilder::build`].
    pub fn builder() -> DatadogSamplerBuilder {
        DatadogSamplerBuilder::default()
    }
}

impl Inner {
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
    fn decide(
        &self,
        trace_id: u64,
        root: &RootSpan<'_>,
        text: &mut String,
        now: impl FnOnce() -> Instant,
    ) -> Decision {
        // The sources of rates: each rule, the user's rate, the Agent's.
        let rules = self.rules.iter().enumerate();
        let rule = rules.map(|(at, (rule, rate))| (at, rule, *rate)).find(|(_, r, _)| r.fits(root));
        let by_user = rule.map(|(at, _, rate)| (at, rate));
        if let Some(by_user) = by_user.or(self.rate.map(|rate| (self.rules.len(), rate))) {
            let decision = self.by_rate(by_user, Mechanism::LocalRule, trace_id);
            return if decision.keep { self.limited(decision, root, now()) } else { decision };
        }
        let rate = self.agent.as_ref().and_then(|agent| agent.rate(root.stored_service(text)));
        match rate.and_then(Rate::new) {
            Some(rate) => {
                let by_agent = (self.rules.len() + 1, rate);
                self.by_rate(by_agent, Mechanism::AgentRate, trace_id)
            }
            None => Decision::new(true, Mechanism::Default, None),
        }
    }

    /// Decides by the rate of a source, and counts.
    fn by_rate(
        &self,
        (source, rate): (usize, Rate),
        mechanism: Mechanism,
        trace_id: u64,
    ) -> Decision {
        let decision = Decision::new(rate.keeps(trace_id), mechanism, Some(rate));
        let Some(weights) = &self.weights else { return decision };
        if decision.keep {
            return Decision { weight: weights.keep_by_rate(source, rate), ..decision };
        }
        weights.reject_by_rate(source, rate);
        decision
    }

    /// Asks the limit about a trace that a rate keeps, and counts.
    fn limited(&self, decision: Decision, root: &RootSpan<'_>, now: Instant) -> Decision {
        let Asked { passes, part, tokens } = self.limit.ask(now);
        let decision = Decision { keep: passes, passed: Some(part), ..decision };
        let Some(weights) = &self.weights else { return decision };
        let weight = decision.weight;
        if !passes {
            weights.reject_by_name(weight, root);
            return Decision { weight: ALONE, ..decision };
        }
        let share = 1.0 / tokens.clamp(1.0, SPREAD);
        let kept = Kept { own: weight, expected: weight, share };
        Decision { weight: weights.keep_by_name(kept, root), ..decision }
    }

    /// Follows who decided before.
    fn follow(&self, parent: &SpanContext, span: Started<'_>) -> SamplingResult {
        let state = parent.trace_state();
        let app = self.app();
        let trace_state = match &self.weights {
            // Below a local parent nothing new is seen.
            _ if !parent.is_remote() => Cow::Borrowed(state),
            // Each trace is counted by itself here.
            None => weighed(state, ALONE),
            Some(weights) if parent.is_sampled() => {
                let known = caller_fraction(parent).and_then(Rate::new);
                let expected = known.map_or(ALONE, Rate::weight);
                let share = if known.is_some() { KNOWN_SHARE } else { 1.0 };
                let kept = Kept { own: ALONE, expected, share };
                let weight =
                    subject::with_root(span, app, |root, _| weights.keep_by_name(kept, root));
                weighed(state, weight)
            }
            Some(weights) => {
                subject::with_root(span, app, |root, _| weights.reject_by_name(ALONE, root));
                Cow::Borrowed(state)
            }
        };
        SamplingResult {
            decision: self.decision(parent.is_sampled()),
            attributes: Vec::new(),
            trace_state: trace_state.into_owned(),
        }
    }

    /// Decides about a span that starts.
    fn sample(
        &self,
        cx: Option<&Context>,
        trace_id: TraceId,
        span: Started<'_>,
        now: impl FnOnce() -> Instant,
    ) -> SamplingResult {
        let none = SpanContext::empty_context();
        let above = cx.map(Context::span);
        let parent = above.as_ref().map_or(&none, |span| span.span_context());
        if parent.is_valid() && !cx.is_some_and(propagation::is_open) {
            return self.follow(parent, span);
        }
        let decision = match subject::manual(span.2) {
            Some(keep) => Decision::new(keep, Mechanism::Manual, None),
            None => subject::with_root(span, self.app(), |root, text| {
                self.decide(low_half(trace_id), root, text, now)
            }),
        };
        SamplingResult {
            decision: self.decision(decision.keep),
            attributes: decision.attributes(),
            trace_state: decision.state(parent.trace_state()),
        }
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
        self.inner.warnings.say_each(|warning| {
            otel_warn!(name: "DatadogSampler.BadVariable", message = warning);
        });
        let span = (name, span_kind, attributes);
        self.inner.sample(parent_context, trace_id, span, Instant::now)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod simulated;
