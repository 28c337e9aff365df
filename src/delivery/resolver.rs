//! [`Resolver`]: host names to addresses, on threads of our own.
//!
//! A lookup blocks its thread for as long as the system likes. Without a free thread it fails like a connection that
//! is refused: nothing was sent. Lookups that hang are bounded.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread;

use futures_channel::oneshot;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The most lookups at once: one for each request, and one more that an earlier request has left behind.
const MAX_LOOKUPS: usize = 2;

/// Looks names up. A clone of the inner value lives as long as a lookup does.
#[derive(Debug, Default)]
pub(super) struct Resolver(Arc<()>);

impl Resolver {
    /// Starts a lookup. The port of the result means nothing.
    fn start(&self, host: String) -> io::Result<oneshot::Receiver<io::Result<Vec<SocketAddr>>>> {
        if Arc::strong_count(&self.0) > MAX_LOOKUPS {
            return Err(io::Error::other("earlier lookups of the host name still hang"));
        }
        let (result, receiver) = oneshot::channel();
        let counted = Arc::clone(&self.0);
        let look_up = move || {
            let found = (host.as_str(), 0).to_socket_addrs().map(Iterator::collect);
            drop(counted);
            // The request may be over.
            let _ = result.send(found);
        };
        thread::Builder::new().name("datadog-exporter-dns".to_owned()).spawn(look_up)?;
        Ok(receiver)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let started = self.start(name.as_str().to_owned());
        Box::pin(async move {
            let found = started?.await.map_err(|_| io::Error::other("the lookup panicked"))??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_addresses_and_an_unknown_one_to_an_error() {
        let resolver = Resolver::default();
        let look_up = |host: &str| {
            let started = resolver.start(host.to_owned()).unwrap();
            futures_executor::block_on(started).unwrap()
        };
        assert!(look_up("localhost").unwrap().iter().all(|address| address.ip().is_loopback()));
        assert!(look_up("no such name.invalid").is_err());
    }

    #[test]
    fn lookups_that_hang_are_bounded() {
        let resolver = Resolver::default();
        let _hanging = [Arc::clone(&resolver.0), Arc::clone(&resolver.0)];
        let error = resolver.start("localhost".to_owned()).unwrap_err();
        assert!(error.to_string().contains("still hang"));
    }
}
