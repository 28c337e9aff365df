//! MessagePack as the Agent reads it: any width of a type, no single precision floats.
use super::{DecodeError, Open, Reader, Result, Room, repaired};

/// The longest list that the Agent reads.
const LIST_MAX: u64 = 500_000;

/// Walks over a MessagePack document.
#[derive(Debug)]
pub(super) struct MsgpackReader<'a> {
    rest: &'a [u8],
    room: Room,
}

/// A value, or the header of one.
#[derive(Clone, Copy, Debug)]
enum Item<'a> {
    Nil,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Single,
    Double(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    List(u64),
    Map(u64),
    Extension,
}

impl<'a> MsgpackReader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, room: Room::of(body.len()) }
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| DecodeError::Incomplete)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Incomplete)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a big-endian number of `width` bytes.
    fn number(&mut self, width: u64) -> Result<u64> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    /// Reads a big-endian number of `width` bytes with a sign.
    fn signed_number(&mut self, width: u64) -> Result<i64> {
        let unused = 64 - 8 * width;
        Ok(two_s_complement(self.number(width)? << unused) >> unused)
    }

    fn item(&mut self) -> Result<Item<'a>> {
        let marker = self.take(1)?[0];
        let short = u64::from(marker);
        Ok(match marker {
            0x00..=0x7f => Item::Unsigned(short),
            0x80..=0x8f => Item::Map(short & 0x0f),
            0x90..=0x9f => Item::List(short & 0x0f),
            0xa0..=0xbf => Item::Text(self.take(short & 0x1f)?),
            0xc0 => Item::Nil,
            0xc1 => return Err(DecodeError::Invalid("msgp: unrecognized type prefix".to_owned())),
            0xc2 | 0xc3 => Item::Boolean(marker == 0xc3),
            0xc4..=0xc6 => {
                let len = self.number(1 << (marker - 0xc4))?;
                Item::Bytes(self.take(len)?)
            }
            0xc7..=0xc9 => {
                let len = self.number(1 << (marker - 0xc7))?;
                self.take(len + 1)?;
                Item::Extension
            }
            0xca => {
                self.take(4)?;
                Item::Single
            }
            0xcb => Item::Double(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => Item::Unsigned(self.number(1 << (marker - 0xcc))?),
            0xd0..=0xd3 => Item::Signed(self.signed_number(1 << (marker - 0xd0))?),
            0xd4..=0xd8 => {
                self.take((1 << (marker - 0xd4)) + 1)?;
                Item::Extension
            }
            0xd9..=0xdb => {
                let len = self.number(1 << (marker - 0xd9))?;
                Item::Text(self.take(len)?)
            }
            0xdc | 0xdd => Item::List(self.number(2 << (marker - 0xdc))?),
            0xde | 0xdf => Item::Map(self.number(2 << (marker - 0xde))?),
            0xe0..=0xff => Item::Signed(i64::from(marker) - 0x100),
        })
    }
}

fn two_s_complement(bits: u64) -> i64 {
    i64::from_ne_bytes(bits.to_ne_bytes())
}

fn wrong<T>(item: Item<'_>, wanted: &str) -> Result<T> {
    let found = match item {
        Item::Nil => "nil",
        Item::Boolean(_) => "a boolean",
        Item::Unsigned(_) | Item::Signed(_) => "an integer",
        Item::Single => "a 32-bit float",
        Item::Double(_) => "a 64-bit float",
        Item::Text(_) => "a text",
        Item::Bytes(_) => "binary data",
        Item::List(_) => "a list",
        Item::Map(_) => "a map",
        Item::Extension => "an extension",
    };
    Err(DecodeError::Invalid(format!("msgp: expected {wanted}, found {found}")))
}

impl Reader for MsgpackReader<'_> {
    const MERGES_MAPS: bool = false;
    const ANY_CASE: bool = false;
    const LENIENT_NULL: bool = false;

    fn null(&mut self) -> Result<bool> {
        let found = *self.rest.first().ok_or(DecodeError::Incomplete)? == 0xc0;
        if found {
            self.rest = &self.rest[1..];
        }
        Ok(found)
    }

    fn open_list(&mut self) -> Result<Open> {
        match self.item()? {
            Item::List(left) if left > LIST_MAX => {
                Err(DecodeError::Invalid("msgp: configured reader limit exceeded".to_owned()))
            }
            Item::List(left) => Ok(Open { left, first: true }),
            other => wrong(other, "a list"),
        }
    }

    fn next_item(&mut self, open: &mut Open) -> Result<bool> {
        let more = open.left > 0;
        open.left = open.left.saturating_sub(1);
        Ok(more)
    }

    fn open_map(&mut self) -> Result<Open> {
        match self.item()? {
            Item::Map(left) => Ok(Open { left, first: true }),
            other => wrong(other, "a map"),
        }
    }

    fn next_key(&mut self, open: &mut Open) -> Result<Option<String>> {
        if self.next_item(open)? { self.text().map(Some) } else { Ok(None) }
    }

    fn text(&mut self) -> Result<String> {
        match self.item()? {
            Item::Text(text) | Item::Bytes(text) => Ok(repaired(text.to_vec())),
            other => wrong(other, "a text"),
        }
    }

    fn bytes(&mut self) -> Result<Vec<u8>> {
        match self.item()? {
            Item::Bytes(bytes) => Ok(bytes.to_vec()),
            other => wrong(other, "binary data"),
        }
    }

    fn unsigned(&mut self) -> Result<u64> {
        match self.item()? {
            Item::Unsigned(value) => Ok(value),
            // The Agent takes the bits of a negative number as they are.
            Item::Signed(value) => Ok(u64::from_ne_bytes(value.to_ne_bytes())),
            other => wrong(other, "an unsigned integer"),
        }
    }

    fn signed(&mut self) -> Result<i64> {
        match self.item()? {
            Item::Signed(value) => Ok(value),
            Item::Unsigned(value) => i64::try_from(value)
                .map_err(|_| DecodeError::Invalid(format!("msgp: {value} overflows int64"))),
            other => wrong(other, "an integer"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "as the Agent does")]
    fn float(&mut self) -> Result<f64> {
        match self.item()? {
            Item::Double(value) => Ok(value),
            Item::Unsigned(value) => Ok(value as f64),
            Item::Signed(value) => Ok(value as f64),
            other => wrong(other, "a 64-bit float"),
        }
    }

    fn boolean(&mut self) -> Result<bool> {
        match self.item()? {
            Item::Boolean(value) => Ok(value),
            other => wrong(other, "a boolean"),
        }
    }

    fn room(&mut self) -> &mut Room {
        &mut self.room
    }

    fn skip(&mut self) -> Result<()> {
        let mut pending: u64 = 1;
        while pending > 0 {
            pending -= 1;
            pending = pending.saturating_add(match self.item()? {
                Item::List(len) => len,
                Item::Map(len) => len * 2,
                _ => 0,
            });
        }
        Ok(())
    }
}
