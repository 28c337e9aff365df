//! The stream of changes that a page follows, as server-sent events.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::board::Board;
use crate::answer::Answer;

/// The most pages that follow at the same time.
const FOLLOWERS_MAX: usize = 32;

/// The pause after a message: what arrives meanwhile comes with the next one.
const PAUSE: Duration = Duration::from_millis(150);

/// The longest silence: a connection whose browser is gone shows when it is written to.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The longest wait for a browser that does not read.
const PATIENCE: Duration = Duration::from_secs(30);

/// The place of one page that follows.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers with the changes from now on, and first with everything that the page has not seen.
pub(super) fn answer(board: &Arc<Board>, followers: &Arc<AtomicUsize>, head: &Parts) -> Answer {
    let before = followers.fetch_add(1, Ordering::Relaxed);
    let place = Place(followers.clone());
    if before >= FOLLOWERS_MAX {
        return Answer::new(503, "too many pages follow\n".to_owned());
    }
    let seen = head.headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen = seen.and_then(|id| id.strip_prefix(board.run.as_str())?.strip_prefix('-'));
    let from = seen.and_then(|edition| edition.parse().ok()).unwrap_or(0);
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(follow(board.clone(), from, sender, place));
    Answer::feed(receiver).with("content-type", "text/event-stream")
}

/// Sends messages until the browser is gone.
async fn follow(board: Arc<Board>, mut from: u64, browser: mpsc::Sender<Bytes>, _place: Place) {
    let mut changed = board.changed.subscribe();
    loop {
        changed.mark_unchanged();
        let message = board.message(from);
        from = message.edition;
        let event = format!("id: {}-{from}\ndata: {}\n\n", board.run, message.text);
        if !send(&browser, event).await {
            return;
        }
        if message.has_more {
            continue;
        }
        sleep(PAUSE).await;
        while timeout(HEARTBEAT, changed.changed()).await.is_err() {
            if !send(&browser, ":\n\n".to_owned()).await {
                return;
            }
        }
    }
}

/// Sends a text, and returns whether the browser still reads.
async fn send(browser: &mpsc::Sender<Bytes>, text: String) -> bool {
    matches!(timeout(PATIENCE, browser.send(Bytes::from(text))).await, Ok(Ok(())))
}
