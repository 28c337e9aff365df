//! [`Encoder`]: the memory in which batches are mapped, and the writer that notes spans on the way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry_sdk::trace::SpanData;

use crate::delivery::wall_time;
use crate::encoding::{
    ChunkFacts, ChunkWriter, Fate, Origin, Payloads, Prepared, Sink, SpanWriter, Wire, WireKind,
};
use crate::mapping::{self, NamesHook, Options, Place, ResourceFacts, Scratch, StoredResources};
use crate::noting::{Notes, Noting, Quantise};
use crate::stats::Concentrator;
use crate::traces::Grouping;

/// Encoders at rest. An export takes one out: no lock is held while the hook of the user runs, which may export
/// through this exporter again.
pub(super) struct Encoders {
    idle: Mutex<Vec<Encoder>>,
    payload_bytes: usize,
}

/// The most encoders at rest. The SDK's processors need one; more threads at once share the exporter by hand.
const MAX_IDLE: usize = 4;

/// Buffers that one batch after the other reuses.
pub(super) struct Encoder {
    /// The wire that the scratch space was used for.
    pub(super) wire: WireKind,
    pub(super) grouping: Grouping,
    pub(super) scratch: Scratch<Prepared>,
    pub(super) payloads: Payloads,
    pub(super) notes: Notes,
    pub(super) stored: StoredResources,
}

/// Maps the spans of a batch, by their numbers.
pub(super) struct Mapper<'e> {
    pub(super) options: &'e Options,
    pub(super) batch: &'e [SpanData],
    pub(super) facts: &'e ResourceFacts<Prepared>,
    pub(super) hook: Option<&'e NamesHook>,
    pub(super) scratch: &'e mut Scratch<Prepared>,
    /// The span of the trace that the Agent takes for its root.
    pub(super) root: u32,
    pub(super) hook_panicked: bool,
}

impl Mapper<'_> {
    /// Maps a span into `sink`, and tells the facts of its chunk.
    pub(super) fn map<S: Sink<Prepared = Prepared>>(
        &mut self,
        number: u32,
        is_head: bool,
        sink: S,
        facts: &mut ChunkFacts,
    ) {
        let place = if is_head { Place::Head } else { Place::Later };
        let span = &self.batch[number as usize];
        let Self { facts: resource, options, hook, .. } = *self;
        let mapped = mapping::map(span, place, resource, options, hook, self.scratch, sink);
        facts.say(mapped.env, mapped.version, number == self.root);
        self.hook_panicked |= mapped.hook_panicked;
    }
}

/// Maps spans and notes what has to be known of them, until their chunk is complete.
pub(super) struct NotingWriter<'n, 'e> {
    pub(super) mapper: &'n mut Mapper<'e>,
    pub(super) notes: &'n mut Notes,
    /// Takes literals out of the resources of keys, where they may have some.
    pub(super) stored: Option<&'n mut StoredResources>,
    pub(super) concentrator: &'n Mutex<Concentrator>,
}

impl Quantise for StoredResources {
    fn quantise(&mut self, span_type: &str, resource: &str, out: &mut String) -> bool {
        self.push(span_type, resource, out)
    }
}

impl<W: Wire> ChunkWriter<W, u32> for NotingWriter<'_, '_> {
    fn write(
        &mut self,
        number: &u32,
        is_head: bool,
        writer: SpanWriter<'_, W>,
        facts: &mut ChunkFacts,
    ) {
        let is_root = *number == self.mapper.root;
        let stored = self.stored.as_deref_mut();
        let sink = Noting::new(writer, self.notes, (is_head, is_root), stored);
        self.mapper.map(*number, is_head, sink, facts);
    }

    fn end(&mut self, spans: u32, origin: &Origin) -> Fate<'_> {
        self.notes.end(spans, origin, self.concentrator, wall_time)
    }
}

impl Encoders {
    pub(super) fn new(payload_bytes: usize) -> Self {
        Self { idle: Mutex::default(), payload_bytes }
    }

    pub(super) fn take(&self) -> Encoder {
        self.lock().pop().unwrap_or_else(|| Encoder {
            wire: WireKind::default(),
            grouping: Grouping::default(),
            scratch: Scratch::default(),
            payloads: Payloads::new(self.payload_bytes),
            notes: Notes::default(),
            stored: StoredResources::default(),
        })
    }

    pub(super) fn put(&self, mut encoder: Encoder) {
        encoder.grouping.shrink();
        encoder.scratch.shrink();
        encoder.notes.shrink();
        encoder.stored.shrink();
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE {
            idle.push(encoder);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Encoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
