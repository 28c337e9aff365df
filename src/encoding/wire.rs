//! What the formats do differently, and nothing more.

use super::Text;

/// A wire format: a type without values, chosen by a type parameter.
///
/// Lists and maps are opened, filled item by item and closed with their length: JSON needs the
/// separators, MessagePack patches the length into the header that [`Wire::open_list`] reserved.
pub(crate) trait Wire: Send + 'static {
    /// The value of the `Content-Type` header.
    const CONTENT_TYPE: &'static str;

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
