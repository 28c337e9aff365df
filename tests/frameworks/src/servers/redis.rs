//! Redis itself, as a child process that keeps nothing.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use tokio::net::UnixStream;
use tokio::time::sleep;

/// The longest time until it listens.
const START: Duration = Duration::from_secs(10);
/// Time between two looks whether it listens.
const PAUSE: Duration = Duration::from_millis(20);

/// A server that ends when it is dropped.
pub(crate) struct RedisServer {
    child: Child,
    folder: PathBuf,
}

impl RedisServer {
    /// Starts it on a unix socket in a folder of its own: no port can be taken.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let folder = env::temp_dir().join(format!("frameworks-redis-{}", process::id()));
        fs::create_dir_all(&folder)?;
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(folder.join("socket"))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| std::io::Error::new(error.kind(), format!("redis-server: {error}")))?;
        let server = Self { child, folder };
        let deadline = Instant::now() + START;
        while let Err(error) = UnixStream::connect(server.folder.join("socket")).await {
            if Instant::now() > deadline {
                return Err(error);
            }
            sleep(PAUSE).await;
        }
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.folder.join("socket").display())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
