//! A server that speaks MongoDB's wire protocol and knows `hello`, `ping`, `endSessions` and `find`.
//!
//! Debian has no MongoDB. The driver, its events and its errors are real; the answers are those of a server
//! with one order, where the collection `broken` cannot be read.

use mongodb::bson::{Document, doc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The operation that carries every message since MongoDB 3.6.
const OP_MSG: i32 = 2013;
/// Bytes before the operation's own: length, id, id that is answered, operation.
const HEAD: usize = 16;
/// The longest message, as the answer to `hello` says.
const MAX_MESSAGE: i32 = 48_000_000;

/// A server that ends when it is dropped.
pub(crate) struct MongoServer {
    url: String,
    accepting: JoinHandle<()>,
}

impl MongoServer {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("mongodb://{}/?directConnection=true", listener.local_addr()?);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Ok(Self { url, accepting })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for MongoServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers what comes on a connection until it closes.
async fn serve(mut stream: TcpStream) {
    while let Ok((id, command)) = read(&mut stream).await {
        if write(&mut stream, id, &answer(&command)).await.is_err() {
            break;
        }
    }
}

/// Reads a message: its id and its document.
async fn read(
    stream: &mut TcpStream,
) -> Result<(i32, Document), Box<dyn std::error::Error + Send + Sync>> {
    let (length, id) = (stream.read_i32_le().await?, stream.read_i32_le().await?);
    let (_, operation) = (stream.read_i32_le().await?, stream.read_i32_le().await?);
    if operation != OP_MSG || !(0..MAX_MESSAGE).contains(&length) {
        return Err(format!("operation {operation} of {length} bytes").into());
    }
    let mut body = vec![0; usize::try_from(length)?.saturating_sub(HEAD)];
    stream.read_exact(&mut body).await?;
    // Four bytes of flags, and the kind of the section: 0, a document.
    Ok((id, Document::from_reader(body.get(5..).ok_or("no document")?)?))
}

async fn write(stream: &mut TcpStream, answered: i32, document: &Document) -> std::io::Result<()> {
    let document = document.to_vec().map_err(std::io::Error::other)?;
    let length = HEAD + 5 + document.len();
    let mut message = Vec::with_capacity(length);
    for number in [i32::try_from(length).map_err(std::io::Error::other)?, 1, answered, OP_MSG, 0] {
        message.extend(number.to_le_bytes());
    }
    message.push(0);
    message.extend(document);
    stream.write_all(&message).await
}

fn answer(command: &Document) -> Document {
    match command.iter().next().map(|(name, value)| (name.as_str(), value.as_str())) {
        Some(("hello" | "isMaster" | "ismaster", _)) => doc! {
            "isWritablePrimary": true, "ismaster": true, "helloOk": true, "minWireVersion": 0, "maxWireVersion": 21,
            "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": MAX_MESSAGE, "maxWriteBatchSize": 100_000,
            "logicalSessionTimeoutMinutes": 30, "ok": 1.0,
        },
        Some(("find", Some("broken"))) => doc! {
            "ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized on shop",
        },
        Some(("find", _)) => doc! {
            "cursor": { "firstBatch": [{ "_id": 7, "item": "SECRET" }], "id": 0_i64, "ns": "shop.orders" }, "ok": 1.0,
        },
        _ => doc! { "ok": 1.0 },
    }
}
