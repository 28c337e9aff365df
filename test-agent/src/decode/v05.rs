//! Version 0.5: a table of texts, then spans as lists of twelve with indexes into that table.
//!
//! One byte may stand for a long text, so every use of a text takes its length from the room of the request.
use super::msgpack::MsgpackReader;
use super::{
    CHUNK, Chunk, DecodeError, Decoded, ENTRY, Reader, ReceivedSpan, Result, SPAN, signed_32,
};

/// The number of fields of a span.
const FIELDS: u64 = 12;

/// Reads a whole body.
pub(super) fn decode(body: &[u8]) -> Result<Decoded> {
    let mut reader = MsgpackReader::new(body);
    // The Agent does not look at the number of the two parts.
    reader.open_list()?;
    let mut texts = Vec::new();
    let mut open = reader.open_list()?;
    while reader.next_item(&mut open)? {
        texts.push(reader.text()?);
    }
    Dictionary { reader, texts }.traces()
}

/// Reads traces whose texts stand in a table.
struct Dictionary<'a> {
    reader: MsgpackReader<'a>,
    texts: Vec<String>,
}

impl<'a> Dictionary<'a> {
    fn traces(mut self) -> Result<Decoded> {
        let mut decoded = Decoded::default();
        let mut open = self.reader.open_list()?;
        while self.reader.next_item(&mut open)? {
            let is_kept = self.reader.room().take(CHUNK);
            let mut chunk = Chunk::default();
            let mut spans = self.reader.open_list()?;
            while self.reader.next_item(&mut spans)? {
                let is_kept = self.reader.room().take(SPAN);
                let span = self.span()?;
                if is_kept {
                    chunk.spans.push(span);
                } else {
                    decoded.unkept.spans += 1;
                }
            }
            if is_kept {
                decoded.chunks.push(chunk);
            } else {
                decoded.unkept.traces += 1;
            }
        }
        decoded.unkept.parts = self.reader.room().parts();
        decoded.memory = self.reader.room().used();
        Ok(decoded)
    }

    fn span(&mut self) -> Result<ReceivedSpan> {
        if self.reader.open_list()?.left != FIELDS {
            let message = "encoded span needs exactly 12 elements in array";
            return Err(DecodeError::Invalid(message.to_owned()));
        }
        Ok(ReceivedSpan {
            service: self.text()?,
            name: self.text()?,
            resource: self.text()?,
            trace_id: self.number(MsgpackReader::unsigned)?,
            span_id: self.number(MsgpackReader::unsigned)?,
            parent_id: self.number(MsgpackReader::unsigned)?,
            start: self.number(MsgpackReader::signed)?,
            duration: self.number(MsgpackReader::signed)?,
            error: self.number(signed_32)?,
            meta: self.map(Self::text)?,
            metrics: self.map(|this| this.number(MsgpackReader::float))?,
            span_type: self.text()?,
            ..ReceivedSpan::default()
        })
    }

    /// Reads a number; null is 0.
    fn number<T: Default>(&mut self, read: fn(&mut MsgpackReader<'a>) -> Result<T>) -> Result<T> {
        if self.reader.null()? { Ok(T::default()) } else { read(&mut self.reader) }
    }

    /// Reads an index and returns the text that it stands for.
    fn text(&mut self) -> Result<String> {
        let index = self.reader.unsigned()?;
        let text = usize::try_from(index).ok().and_then(|index| self.texts.get(index));
        let out_of_range =
            || DecodeError::Invalid(format!("dictionary index {index} out of range"));
        let text = text.ok_or_else(out_of_range)?;
        let is_kept = self.reader.room().take_part(text.len());
        Ok(if is_kept { text.clone() } else { String::new() })
    }

    fn map<T>(
        &mut self,
        read: fn(&mut Self) -> Result<T>,
    ) -> Result<std::collections::BTreeMap<String, T>> {
        let mut map = std::collections::BTreeMap::new();
        let mut open = self.reader.open_map()?;
        while self.reader.next_item(&mut open)? {
            let (key, value) = (self.text()?, read(self)?);
            if self.reader.room().take_part(ENTRY) {
                map.insert(key, value);
            }
        }
        Ok(map)
    }
}
