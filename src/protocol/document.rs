//! [`Document`]: the body of a request in pieces. The bytes of the chunks are not copied.

use bytes::Bytes;

use crate::encoding::{Payload, WireKind, list_header};

/// The body of a request: the chunks of a payload between the brackets of their wire.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// All bytes of the payload, to give them back.
    bytes: Bytes,
    pieces: [Bytes; 3],
}

impl Document {
    /// Takes the bytes out of a payload; [`Self::into_payload_bytes`] gives them back.
    pub(super) fn of(payload: &mut Payload) -> Self {
        let chunks = payload.chunk_count();
        let bytes = Bytes::from(payload.take_bytes());
        let pieces = match payload.wire() {
            // The comma before the first chunk gives way to the bracket.
            WireKind::Json => {
                let first = usize::from(!bytes.is_empty());
                [Bytes::from_static(b"["), bytes.slice(first..), Bytes::from_static(b"]")]
            }
            WireKind::MessagePack => {
                [Bytes::copy_from_slice(&list_header(chunks)), bytes.clone(), Bytes::new()]
            }
        };
        Self { bytes, pieces }
    }

    /// Takes a body as it is.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        let bytes = Bytes::from(bytes);
        Self { pieces: [bytes.clone(), Bytes::new(), Bytes::new()], bytes }
    }

    /// Returns the body in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Bytes> {
        self.pieces.clone().into_iter().filter(|piece| !piece.is_empty())
    }

    /// Returns the body in one piece, which is a copy: for an HTTP client that takes no other.
    pub(crate) fn to_bytes(&self) -> Bytes {
        self.pieces.concat().into()
    }

    /// Bytes of the body.
    pub(crate) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Gives the bytes of the payload back. Once no client holds the body this moves no bytes.
    pub(crate) fn into_payload_bytes(self) -> Vec<u8> {
        drop(self.pieces);
        self.bytes.into()
    }
}
