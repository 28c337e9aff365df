//! What the formats do differently, and nothing more.

use super::{Head, Text};

/// A wire format: a type without values, chosen by a type parameter.
///
/// Lists and maps are opened, filled item by item and closed with their length: JSON needs the
/// separators, MessagePack patches the length into the header that [`Wire::open_list`] reserved.
pub(crate) trait Wire: Send + 'static {
    /// What delivery needs to know to move the bytes of a document.
    const FORMAT: &'static Format;
    /// Where the first entry of `meta` is in every span.
    const META_AT: usize;

    /// Opens a list; the result says where its header sits.
    fn open_list(out: &mut Vec<u8>) -> usize;
    /// Closes the list opened at `at` with `len` items.
    fn close_list(out: &mut Vec<u8>, at: usize, len: u32);
    /// Opens a map; the result says where its header sits.
    fn open_map(out: &mut Vec<u8>) -> usize;
    /// Closes the map opened at `at` with `len` entries.
    fn close_map(out: &mut Vec<u8>, at: usize, len: u32);
    /// Counts one more entry in the map whose first entry is at the end of `out`.
    fn grow_map(out: &mut [u8]);
    /// Whether `rest`, which begins at the first entry of a map, is the end of it.
    fn is_map_end(rest: &[u8]) -> bool;
    /// Goes before item or entry number `index`.
    fn item(out: &mut Vec<u8>, index: u32);
    /// Writes entry number `index`, whose key is [`Text::Plain`], with room made once for all of it.
    fn tag(out: &mut Vec<u8>, index: u32, key: &'static str, value: &str);
    /// Writes entry number `index` whatever its key is, with room made once for all of it.
    fn entry(out: &mut Vec<u8>, index: u32, key: &str, value: &str);
    /// Writes the key of an entry that is not the first, of which `json` is the form in JSON.
    fn field(out: &mut Vec<u8>, key: &'static str, json: &'static str);
    /// Writes the key of an entry; its value follows.
    fn key(out: &mut Vec<u8>, key: Text<'_>);
    /// Writes a text.
    fn text(out: &mut Vec<u8>, value: Text<'_>);
    /// Writes an unsigned integer.
    fn uint(out: &mut Vec<u8>, value: u64);
    /// Writes a signed integer.
    fn int(out: &mut Vec<u8>, value: i64);
    /// Writes a finite number as a double.
    fn float(out: &mut Vec<u8>, value: f64);
}

/// A wire format as data: how the bytes of a document may be moved.
#[derive(Debug)]
pub(crate) struct Format {
    /// The value of the `Content-Type` header.
    pub(crate) content_type: &'static str,
    /// Bytes before the first chunk.
    pub(crate) header: usize,
    /// Bytes behind the last chunk.
    pub(crate) footer: usize,
    /// What stands between two chunks.
    pub(crate) separator: &'static [u8],
    /// Completes a document with this many chunks.
    pub(crate) close: fn(&mut Vec<u8>, u32),
    /// Appends a chunk of this many spans, each written by the function.
    pub(crate) rebuild_chunk: fn(&mut Vec<u8>, u32, WriteSpan<'_>),
    /// Appends a span that becomes the first of its chunk. See [`add_head`].
    pub(crate) add_head: fn(&mut Vec<u8>, &[u8], usize, &Head, bool) -> usize,
}

/// Appends the span of this number.
pub(crate) type WriteSpan<'a> = &'a mut dyn FnMut(u32, &mut Vec<u8>);

/// Appends a chunk of `len` spans, each written by `write`.
pub(super) fn rebuild_chunk<W: Wire>(out: &mut Vec<u8>, len: u32, write: WriteSpan<'_>) {
    let at = W::open_list(out);
    for number in 0..len {
        W::item(out, number);
        write(number, out);
    }
    W::close_list(out, at, len);
}

/// Appends `span`, whose first metric is at `metrics`, with what the first span of a chunk says; returns
/// where its first metric is now.
pub(super) fn add_head<W: Wire>(
    out: &mut Vec<u8>,
    span: &[u8],
    metrics: usize,
    head: &Head,
    has_priority: bool,
) -> usize {
    let start = out.len();
    out.extend_from_slice(&span[..W::META_AT]);
    if head.trace_id_high != 0 {
        add_entry::<W>(out, &span[W::META_AT..], |out| {
            W::key(out, "_dd.p.tid".into());
            W::text(out, Text::Shown(format_args!("{:016x}", head.trace_id_high)));
        });
    }
    out.extend_from_slice(&span[W::META_AT..metrics]);
    let metrics_at = out.len() - start;
    if !has_priority {
        add_entry::<W>(out, &span[metrics..], |out| {
            W::key(out, "_sampling_priority_v1".into());
            W::float(out, head.priority);
        });
    }
    out.extend_from_slice(&span[metrics..]);
    metrics_at
}

/// Adds an entry before all others of the map whose old entries are at the start of `rest`.
fn add_entry<W: Wire>(out: &mut Vec<u8>, rest: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    W::grow_map(out);
    write(out);
    if !W::is_map_end(rest) {
        W::item(out, 1);
    }
}
