//! [`Wire`]: the differences between JSON and MessagePack, and nothing more.

use super::Text;

/// A wire format as a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WireKind {
    /// JSON text.
    #[default]
    Json,
    /// MessagePack.
    MessagePack,
}

/// A wire format: a type without values, chosen by a type parameter.
///
/// Lists and maps are opened, filled item by item and closed with their length: JSON needs the
/// separators, MessagePack patches the length into the header that [`Wire::open_list`] reserved.
pub(crate) trait Wire: Send + 'static {
    /// The same as a value.
    const KIND: WireKind;
    /// Bytes before each chunk of a payload, so that chunks can stand one behind the other.
    const BEFORE_CHUNK: &'static [u8];

    /// Opens a list; the result says where its header sits.
    fn open_list(out: &mut Vec<u8>) -> usize;
    /// Closes the list opened at `at` with `len` items.
    fn close_list(out: &mut Vec<u8>, at: usize, len: u32);
    /// Opens a map; the result says where its header sits.
    fn open_map(out: &mut Vec<u8>) -> usize;
    /// Closes the map opened at `at` with `len` entries.
    fn close_map(out: &mut Vec<u8>, at: usize, len: u32);
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
