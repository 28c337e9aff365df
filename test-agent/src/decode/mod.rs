//! From a request body to spans, accepting and refusing exactly what the Agent does.
//!
//! The fields of a span stand here once. The two formats differ in how they are read, which is
//! the [`Reader`], and in a handful of habits, which are its constants: the Agent reads JSON and
//! MessagePack with two different decoders, and both have their own idea of a repeated key.
mod json;
mod msgpack;
mod native;
mod room;
mod stats;
mod v05;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use self::json::JsonReader;
use self::msgpack::MsgpackReader;
pub(super) use self::room::Unkept;
use self::room::{ENTRY, ITEM, Room};
pub(super) use self::stats::StatsReader;
use super::span::ReceivedSpan;
use super::violations::Finding;

/// The largest number of findings kept for one request: a report, not a log.
const FINDINGS_MAX: usize = 100;

/// The format of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Format {
    Json,
    Msgpack,
    /// MessagePack with a table of texts: version 0.5.
    Dictionary,
}

impl Format {
    /// Returns the format that the Agent tries for this content type: JSON, unless the type is
    /// well-formed and says MessagePack.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let mut parts = content_type.unwrap_or_default().split(';');
        let essence = parts.next().unwrap_or_default().trim();
        let well_formed = parts.map(str::trim).all(|part| {
            part.is_empty()
                || part.split_once('=').is_some_and(|(k, v)| !(k.is_empty() || v.is_empty()))
        });
        if well_formed && essence.eq_ignore_ascii_case("application/msgpack") {
            Self::Msgpack
        } else {
            Self::Json
        }
    }
}

/// Why a body was refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum DecodeError {
    /// The body ended within the document.
    Incomplete,
    /// The document is malformed, or a value has the wrong type.
    Invalid(String),
}

impl DecodeError {
    /// Returns the text of the answer, without its newline.
    pub(super) fn message(&self, format: Format) -> String {
        match (self, format) {
            (Self::Invalid(message), _) => message.clone(),
            (Self::Incomplete, Format::Json) => "unexpected-eof".to_owned(),
            (Self::Incomplete, Format::Msgpack | Format::Dictionary) => {
                "msgp: too few bytes left to read object".to_owned()
            }
        }
    }
}

/// The outcome of a read.
type Result<T> = std::result::Result<T, DecodeError>;

/// The contents of a body.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The chunks in order.
    pub(super) chunks: Vec<Chunk>,
    /// Faults of the client that the Agent lets pass.
    pub(super) findings: Vec<Finding>,
    /// The parts that did not fit into the memory of one request.
    pub(super) unkept: Unkept,
    /// The estimated memory of the chunks, in bytes, without their texts.
    pub(super) memory: usize,
}

/// One list of spans.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// The spans in order, without those that were null.
    pub(super) spans: Vec<ReceivedSpan>,
    /// At least one span was null.
    pub(super) has_null: bool,
}

/// The memory of a span without its tags, in bytes. Lists that grow are half empty at worst.
const SPAN: usize = 2 * size_of::<ReceivedSpan>();

/// The memory of a list of spans without its spans, in bytes.
const CHUNK: usize = 2 * size_of::<Chunk>();

/// Reads a whole body.
pub(super) fn decode(format: Format, body: &[u8]) -> Result<Decoded> {
    match format {
        Format::Json => {
            // The Agent looks at the whole document first: a fault in its syntax counts before a
            // fault in its types.
            let mut scan = JsonReader::new(body);
            scan.skip()?;
            let document = scan.position();
            Decoder::new(JsonReader::new(&body[..document])).request()
        }
        Format::Msgpack => Decoder::new(MsgpackReader::new(body)).request(),
        Format::Dictionary => v05::decode(body),
    }
}

/// A list or a map that is being read.
#[derive(Debug)]
struct Open {
    /// The number of items still to come, where the format says so in advance.
    left: u64,
    /// True if no item was read yet.
    first: bool,
}

/// One format: a reader that walks over a document, value by value.
trait Reader {
    /// A repeated map adds to the earlier one; otherwise it replaces it.
    const MERGES_MAPS: bool;
    /// Field names match in any letter case.
    const ANY_CASE: bool;
    /// Lists may be null, and a null scalar leaves its field as it is instead of clearing it.
    const LENIENT_NULL: bool;

    /// Takes a null, if one comes next.
    fn null(&mut self) -> Result<bool>;
    /// Enters a list.
    fn open_list(&mut self) -> Result<Open>;
    /// Returns whether another item follows; leaves the list if not.
    fn next_item(&mut self, open: &mut Open) -> Result<bool>;
    /// Enters a map.
    fn open_map(&mut self) -> Result<Open>;
    /// Returns the next key; leaves the map if there is none.
    fn next_key(&mut self, open: &mut Open) -> Result<Option<String>>;
    /// Reads a text.
    fn text(&mut self) -> Result<String>;
    /// Reads bytes: base64 text in JSON, binary data in MessagePack.
    fn bytes(&mut self) -> Result<Vec<u8>>;
    /// Reads an unsigned integer.
    fn unsigned(&mut self) -> Result<u64>;
    /// Reads a signed integer.
    fn signed(&mut self) -> Result<i64>;
    /// Reads a number.
    fn float(&mut self) -> Result<f64>;
    /// Reads true or false.
    fn boolean(&mut self) -> Result<bool>;
    /// Passes over one value of any type, however deep.
    fn skip(&mut self) -> Result<()>;
    /// Returns the memory that is left for what is kept.
    fn room(&mut self) -> &mut Room;
}

/// Reads a signed integer of 32 bits.
fn signed_32<R: Reader>(reader: &mut R) -> Result<i32> {
    let value = reader.signed()?;
    i32::try_from(value).map_err(|_| DecodeError::Invalid(format!("{value} does not fit 32 bits")))
}

/// Sets a field to the next value.
fn set<R: Reader, T: Default>(
    reader: &mut R,
    field: &mut T,
    read: fn(&mut R) -> Result<T>,
) -> Result<()> {
    if !reader.null()? {
        *field = read(reader)?;
    } else if !R::LENIENT_NULL {
        *field = T::default();
    }
    Ok(())
}

/// Reads a list; null is an empty one where the format allows it.
fn list<R: Reader, T>(reader: &mut R, read: fn(&mut R) -> Result<T>) -> Result<Vec<T>> {
    let mut items = Vec::new();
    if R::LENIENT_NULL && reader.null()? {
        return Ok(items);
    }
    let mut open = reader.open_list()?;
    while reader.next_item(&mut open)? {
        let item = read(reader)?;
        if reader.room().take_part(ITEM) {
            items.push(item);
        }
    }
    Ok(items)
}

/// Reads a map into `map` and returns the keys that came twice, or the first of them.
fn map<R: Reader, T: Default>(
    reader: &mut R,
    map: &mut BTreeMap<String, T>,
    read: fn(&mut R) -> Result<T>,
) -> Result<Vec<String>> {
    let mut repeated = Vec::new();
    if !R::MERGES_MAPS {
        map.clear();
    }
    let mut open = reader.open_map()?;
    while let Some(key) = reader.next_key(&mut open)? {
        let mut value = T::default();
        set(reader, &mut value, read)?;
        match map.entry(key) {
            Entry::Occupied(mut known) => {
                if repeated.len() < FINDINGS_MAX {
                    repeated.push(known.key().clone());
                }
                known.insert(value);
            }
            Entry::Vacant(place) => {
                if reader.room().take_part(ENTRY) {
                    place.insert(value);
                }
            }
        }
    }
    Ok(repeated)
}

/// The field names of a span.
const FIELDS: [&str; 15] = [
    "service",
    "name",
    "resource",
    "type",
    "trace_id",
    "span_id",
    "parent_id",
    "start",
    "duration",
    "error",
    "meta",
    "metrics",
    "meta_struct",
    "span_links",
    "span_events",
];

/// Returns the name in `fields` that a key stands for.
fn field<R: Reader>(key: &str, fields: &'static [&'static str]) -> Option<&'static str> {
    let matches =
        |name: &&&str| if R::ANY_CASE { name.eq_ignore_ascii_case(key) } else { **name == key };
    fields.iter().find(matches).copied()
}

/// Reads a request, and knows where in it.
struct Decoder<R> {
    reader: R,
    decoded: Decoded,
    span: usize,
}

impl<R: Reader> Decoder<R> {
    fn new(reader: R) -> Self {
        Self { reader, decoded: Decoded::default(), span: 0 }
    }

    fn request(mut self) -> Result<Decoded> {
        if !(R::LENIENT_NULL && self.reader.null()?) {
            let mut open = self.reader.open_list()?;
            while self.reader.next_item(&mut open)? {
                let is_kept = self.reader.room().take(CHUNK);
                let chunk = self.chunk()?;
                if is_kept {
                    self.decoded.chunks.push(chunk);
                } else {
                    self.decoded.unkept.traces += 1;
                }
            }
        }
        self.decoded.unkept.parts = self.reader.room().parts();
        self.decoded.memory = self.reader.room().used();
        Ok(self.decoded)
    }

    fn chunk(&mut self) -> Result<Chunk> {
        let mut chunk = Chunk::default();
        if R::LENIENT_NULL && self.reader.null()? {
            return Ok(chunk);
        }
        let mut open = self.reader.open_list()?;
        while self.reader.next_item(&mut open)? {
            self.span = chunk.spans.len();
            if self.reader.null()? {
                chunk.has_null = true;
                continue;
            }
            let is_kept = self.reader.room().take(SPAN);
            let span = self.span()?;
            if is_kept {
                chunk.spans.push(span);
            } else {
                self.decoded.unkept.spans += 1;
            }
        }
        Ok(chunk)
    }

    fn span(&mut self) -> Result<ReceivedSpan> {
        let mut span = ReceivedSpan::default();
        let mut seen: Vec<&str> = Vec::with_capacity(FIELDS.len());
        let mut open = self.reader.open_map()?;
        while let Some(key) = self.reader.next_key(&mut open)? {
            let Some(name) = field::<R>(&key, &FIELDS) else {
                self.reader.skip()?;
                continue;
            };
            if seen.contains(&name) {
                self.finding(&format!("the key `{key}` comes twice"));
            }
            seen.push(name);
            self.set_field(&mut span, name)?;
        }
        Ok(span)
    }

    fn set_field(&mut self, span: &mut ReceivedSpan, name: &str) -> Result<()> {
        let reader = &mut self.reader;
        match name {
            "service" => set(reader, &mut span.service, R::text),
            "name" => set(reader, &mut span.name, R::text),
            "resource" => set(reader, &mut span.resource, R::text),
            "type" => set(reader, &mut span.span_type, R::text),
            "trace_id" => set(reader, &mut span.trace_id, R::unsigned),
            "span_id" => set(reader, &mut span.span_id, R::unsigned),
            "parent_id" => set(reader, &mut span.parent_id, R::unsigned),
            "start" => set(reader, &mut span.start, R::signed),
            "duration" => set(reader, &mut span.duration, R::signed),
            "error" => set(reader, &mut span.error, signed_32),
            "meta" => self.tags(&mut span.meta, name, R::text),
            "metrics" => self.tags(&mut span.metrics, name, R::float),
            "meta_struct" => self.tags(&mut span.meta_struct, name, R::bytes),
            "span_links" => {
                span.span_links = list(reader, native::link)?;
                Ok(())
            }
            _ => {
                span.span_events = list(reader, native::event)?;
                Ok(())
            }
        }
    }

    fn tags<T: Default>(
        &mut self,
        tags: &mut BTreeMap<String, T>,
        name: &str,
        read: fn(&mut R) -> Result<T>,
    ) -> Result<()> {
        let nullable = R::LENIENT_NULL || name != "meta_struct";
        if nullable && self.reader.null()? {
            tags.clear();
            return Ok(());
        }
        for key in map(&mut self.reader, tags, read)? {
            self.finding(&format!("the key `{key}` comes twice in {name}"));
        }
        Ok(())
    }

    fn finding(&mut self, what: &str) {
        if self.decoded.findings.len() < FINDINGS_MAX {
            let trace = Some(self.decoded.chunks.len());
            let what = what.to_owned();
            self.decoded.findings.push(Finding { trace, span: Some(self.span), what });
        }
    }
}

/// Returns the bytes as text, with U+FFFD for every byte that is not UTF-8.
fn repaired(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
