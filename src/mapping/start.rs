//! The names that a span will be exported with, from what is known when it starts: for samplers.
//!
//! The resource's attributes have no say here, and an attribute that is set later is not known yet.

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};

use super::attributes::{self, Attribute, AttributeSet};
use super::lookup::{Lookup, Slots};
use super::names::SpanNames;
use super::naming::{self, NameBuffers};
use super::obfuscate::{QuerySecrets, StatementCache};
use super::{Obfuscation, SpanTypes};

/// A resource that says nothing.
static NO_RESOURCE: Slots<Value> = [const { None }; Attribute::COUNT];

/// Finds names, one span after the other.
#[derive(Debug, Default)]
pub(crate) struct StartNames {
    buffers: NameBuffers,
    statements: StatementCache,
}

impl StartNames {
    /// Gives memory back that unusual names left over.
    pub(crate) fn shrink(&mut self) {
        self.buffers.shrink();
        self.statements.shrink();
    }

    /// Returns the names of a span that starts.
    pub(crate) fn of<'a>(
        &'a mut self,
        name: &'a str,
        kind: &SpanKind,
        list: &'a [KeyValue],
    ) -> SpanNames<'a> {
        let mut slots: Slots<&'a Value> = [None; Attribute::COUNT];
        let mut noted = AttributeSet::EMPTY;
        for attribute in list {
            let found = attributes::find(attribute.key.as_str());
            if let Some((known, _)) = found {
                slots[known as usize] = Some(&attribute.value);
                noted.insert(known);
            }
        }
        let lookup = Lookup { span: &slots, resource: &NO_RESOURCE, noted };
        let look = (SpanTypes::Documented, Obfuscation::Exporter);
        let database = naming::database(&lookup, look.1, &mut self.buffers, &mut self.statements);
        let secrets = &QuerySecrets::Redacted;
        let own = (false, secrets);
        naming::choose((name, kind), &lookup, database, "", look, own, &mut self.buffers)
    }
}
