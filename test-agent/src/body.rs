//! Bodies of requests as they arrive: read up to a limit, and all together within one.
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::{Body, Bytes, Incoming};

/// The part of a body that is read whatever others take, in bytes: ordinary requests are never turned away.
const RESERVED: usize = 256 << 10;

/// The memory that the bodies on their way take together, beyond the reserved part of each.
#[derive(Debug)]
pub(super) struct InFlight {
    taken: AtomicUsize,
    most: usize,
}

/// The part of that memory that one body has.
#[derive(Debug)]
pub(super) struct Share<'a> {
    of: &'a InFlight,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new(most: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most }
    }

    /// Returns an empty part.
    pub(super) fn share(&self) -> Share<'_> {
        Share { of: self, bytes: 0 }
    }
}

impl Share<'_> {
    /// Takes memory for a body of this length, if there is some.
    fn grow_to(&mut self, length: usize) -> bool {
        let more = length.saturating_sub(RESERVED).saturating_sub(self.bytes);
        let before = self.of.taken.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        more == 0 || before.saturating_add(more) <= self.of.most
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body as far as it was read.
pub(super) struct Arrived {
    pub(super) bytes: Vec<u8>,
    /// The body had more than this.
    pub(super) cut: bool,
}

/// The reason why a body was not read to its end.
pub(super) enum Unread {
    /// The client went away.
    Gone,
    /// Other bodies take the memory.
    Crowded,
}

/// Reads a body up to a limit.
pub(super) async fn read(
    mut body: Incoming,
    limit: usize,
    share: &mut Share<'_>,
) -> Result<Arrived, Unread> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let data: Bytes = frame.map_err(|_| Unread::Gone)?.into_data().unwrap_or_default();
        let room = limit - bytes.len();
        let taken = room.min(data.len());
        if !share.grow_to(bytes.len() + taken) {
            return Err(Unread::Crowded);
        }
        bytes.extend_from_slice(&data[..taken]);
        if data.len() > room {
            return Ok(Arrived { bytes, cut: true });
        }
    }
    Ok(Arrived { bytes, cut: false })
}
