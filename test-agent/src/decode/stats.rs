//! A reader of MessagePack for client statistics: fields of any order, null for none.
use super::msgpack::MsgpackReader;
use super::{Format, Reader, Result as Decoded};

/// Walks over the body of a request to `/v0.6/stats`.
pub(crate) struct StatsReader<'a>(MsgpackReader<'a>);

/// The outcome of a read; the text says why it failed.
type Result<T> = std::result::Result<T, String>;

fn told<T>(outcome: Decoded<T>) -> Result<T> {
    outcome.map_err(|error| error.message(Format::Msgpack))
}

impl<'a> StatsReader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self(MsgpackReader::new(body))
    }

    /// Reads a map: `read` gets each key and takes its value.
    pub(crate) fn map(
        &mut self,
        mut read: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<()> {
        if told(self.0.null())? {
            return Ok(());
        }
        let mut open = told(self.0.open_map())?;
        while let Some(key) = told(self.0.next_key(&mut open))? {
            read(self, &key)?;
        }
        Ok(())
    }

    /// Reads a list: `read` returns each item and the memory that it takes.
    pub(crate) fn list<T>(&mut self, read: fn(&mut Self) -> Result<(T, usize)>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        if told(self.0.null())? {
            return Ok(items);
        }
        let mut open = told(self.0.open_list())?;
        while told(self.0.next_item(&mut open))? {
            let (item, memory) = read(self)?;
            if !self.0.room().take(memory) {
                return Err("the statistics do not fit into memory".to_owned());
            }
            items.push(item);
        }
        Ok(items)
    }

    fn value<T: Default>(&mut self, read: fn(&mut MsgpackReader<'a>) -> Decoded<T>) -> Result<T> {
        if told(self.0.null())? { Ok(T::default()) } else { told(read(&mut self.0)) }
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.value(MsgpackReader::text)
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        self.value(MsgpackReader::unsigned)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool> {
        self.value(MsgpackReader::boolean)
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        self.value(MsgpackReader::bytes)
    }

    pub(crate) fn skip(&mut self) -> Result<()> {
        told(self.0.skip())
    }

    /// Returns the memory that the items take, in bytes.
    pub(crate) fn used(&mut self) -> usize {
        self.0.room().used()
    }
}
