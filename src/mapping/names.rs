//! [`SpanNames`]: the names of a span, which a hook of the user may replace.

use std::borrow::Cow;

use super::obfuscate::{self, QuerySecrets};

/// The names of one span, as the mapping chose them; a hook may replace each of them.
///
/// See [`DatadogExporterBuilder::with_names`](crate::DatadogExporterBuilder::with_names). A name that a hook leaves
/// empty is that of the mapping. A name is cut at the Agent's limit: 100 bytes, the resource 5,000.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanNames<'a> {
    /// The service that did the work, such as `checkout`.
    pub service: Cow<'a, str>,
    /// The operation name, such as `http.server.request`. Datadog names trace metrics after it, so it
    /// wants few different values.
    #[doc(alias = "name")]
    pub operation: Cow<'a, str>,
    /// The resource, such as `GET /users/{id}`.
    pub resource: Cow<'a, str>,
    /// The span type, such as `web`, `db`, `cache` or `custom`.
    pub span_type: Cow<'a, str>,
    /// Datadog makes trace metrics of the span although it is no entry span: clients and producers, and spans with
    /// an attribute `_dd.measured` of 1.
    pub measured: bool,
}

impl<'a> SpanNames<'a> {
    /// Returns names for a test of a hook: a service, an operation and a resource, of no type and not measured.
    pub fn new(
        service: impl Into<Cow<'a, str>>,
        operation: impl Into<Cow<'a, str>>,
        resource: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            service: service.into(),
            operation: operation.into(),
            resource: resource.into(),
            span_type: Cow::Borrowed(""),
            measured: false,
        }
    }

    /// Takes user names, passwords and secrets of URLs out, which a hook may have put in.
    pub(crate) fn without_secrets(mut self, secrets: &QuerySecrets) -> Self {
        for name in
            [&mut self.service, &mut self.operation, &mut self.resource, &mut self.span_type]
        {
            if let Cow::Owned(shown) = obfuscate::without_secrets(name, secrets) {
                *name = Cow::Owned(shown);
            }
        }
        self
    }
}
