//! [`DatadogSamplerBuilder`]: takes settings, and reads nothing before `build`.

use std::sync::Arc;
use std::time::Instant;

use super::limit::Limit;
use super::rate::Rate;
use super::weights::Weights;
use super::{DatadogSampler, Inner, OTHER_SOURCES, RejectedTraces, SamplingRule, SamplingSettings};
use crate::deferred::Deferred;
use crate::{BuildError, ExporterHandle};

/// The warning for a sampler that would follow rates which never come.
const NO_RATES: &str = "the exporter's protocol has no sampling rates, so every trace is kept: expected \
    `Protocol::Auto` or `Protocol::V04`";

/// Builds a [`DatadogSampler`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DatadogSamplerBuilder {
    pub(crate) service: Option<String>,
    pub(crate) rules: Vec<SamplingRule>,
    pub(crate) rate: Option<f64>,
    pub(crate) limit: Option<f64>,
    agent: Option<ExporterHandle>,
    rejected: RejectedTraces,
}

impl DatadogSamplerBuilder {
    /// Sets the service that rules see on a span that names none.
    ///
    /// Otherwise that of the exporter whose rates are followed, else `DD_SERVICE`, else `service` in `DD_TAGS`.
    pub fn with_service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Adds a rule; the first that fits counts.
    ///
    /// Otherwise `DD_TRACE_SAMPLING_RULES`: with any rule in code the variable is not read.
    pub fn with_rule(mut self, rule: SamplingRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds rules in order, each as [`with_rule`](Self::with_rule) does.
    #[doc(alias = "set_trace_sampling_rules")]
    pub fn with_rules(mut self, rules: impl IntoIterator<Item = SamplingRule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// Sets the fraction of traces to keep, from 0 to 1, of those that no rule is for.
    ///
    /// Otherwise `DD_TRACE_SAMPLE_RATE`, else the Agent's rates.
    #[doc(alias = "set_trace_sample_rate")]
    pub fn with_rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets how many traces a second rules and rate may keep in this process.
    ///
    /// Otherwise `DD_TRACE_RATE_LIMIT`, or 100.
    #[doc(alias = "set_trace_rate_limit")]
    pub fn with_rate_limit(mut self, traces_per_second: f64) -> Self {
        self.limit = Some(traces_per_second);
        self
    }

    /// Follows the rates that the Agent answers to an exporter's requests. With [`Protocol::Auto`](crate::Protocol)
    /// the exporter then speaks v0.4, which has them; with an explicit v0.3 there are none, which is one warning.
    ///
    /// Until the first answer every trace is kept.
    #[doc(alias = "with_priority_sampling")]
    pub fn with_agent_rates(mut self, exporter: &ExporterHandle) -> Self {
        self.agent = Some(exporter.clone());
        self
    }

    /// Sets what happens to traces that are not kept; otherwise they are dropped.
    pub fn with_rejected_traces(mut self, rejected: RejectedTraces) -> Self {
        self.rejected = rejected;
        self
    }

    /// Reads the `DD_*` variables and checks every setting. A bad variable is one warning, at the
    /// first decision.
    ///
    /// # Errors
    ///
    /// Fails if a rate in code is not from 0 to 1, or a limit is not 0 or more.
    pub fn build(self) -> Result<DatadogSampler, BuildError> {
        let (agent, rejected) = (self.agent.clone(), self.rejected);
        let has_service = self.service.is_some();
        let (settings, mut warnings) = SamplingSettings::of_process(self)?;
        if agent.as_ref().is_some_and(|agent| !agent.want_rates()) {
            warnings.push(NO_RATES.to_owned());
        }
        let SamplingSettings { service, rules, rate, limit } = settings;
        let weights = || Weights::new(rules.len() + OTHER_SOURCES, limit);
        let weights = (rejected == RejectedTraces::Dropped).then(weights);
        let with_rate = |rule: SamplingRule| rule.rate().map(|rate| (rule, rate));
        let inner = Inner {
            service,
            has_service,
            rules: rules.into_iter().map(with_rate).collect::<Result<_, _>>()?,
            rate: rate.map(|rate| Rate::checked("with_rate", rate)).transpose()?,
            limit: Limit::new(limit, Instant::now()),
            agent,
            rejected,
            weights,
            warnings: Deferred::new(warnings),
        };
        Ok(DatadogSampler { inner: Arc::new(inner) })
    }
}

impl ExporterHandle {
    /// Returns a sampler that follows the rates that the Agent answers to this exporter, with what `DD_*` says
    /// about sampling before them.
    ///
    /// # Errors
    ///
    /// As [`DatadogSamplerBuilder::build`](crate::DatadogSamplerBuilder::build).
    pub fn sampler(&self) -> Result<DatadogSampler, BuildError> {
        DatadogSampler::builder().with_agent_rates(self).build()
    }
}
