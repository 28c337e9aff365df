//! The feature `rustls`: only an `https` address has to do with TLS and with the system's certificates.

use std::io::Read as _;
use std::net::TcpListener;

use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::{SHORT, batch, builder, explicit, export, in_child};
use crate::support::{SOON, agent};

/// The first bytes of a TLS connection: a handshake, in the form of TLS 1.0 for old servers.
const HELLO: [u8; 3] = [22, 3, 1];

/// The certificates of a system that has one, of an authority that signed nothing.
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/delivery/authority.pem");

#[test]
fn an_https_address_is_spoken_to_in_tls() {
    let test = "delivery::tls::an_https_address_is_spoken_to_in_tls";
    in_child(test, &[("SSL_CERT_FILE", CERTIFICATES)], || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/base", listener.local_addr().unwrap());
        let exporter = explicit().with_agent_url(url).with_timeout(SHORT).build().unwrap();
        let first = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut first = [0; 3];
            client.read_exact(&mut first).unwrap();
            first
        });
        export(&exporter, batch(1..2, 1)).unwrap();
        assert_eq!(first.join().unwrap(), HELLO);
        assert!(
            exporter.shutdown().unwrap_err().to_string().contains("spans dropped at shutdown: 1; ")
        );
    });
}

#[test]
fn only_an_https_address_needs_the_certificates_of_the_system() {
    let test = "delivery::tls::only_an_https_address_needs_the_certificates_of_the_system";
    in_child(test, &[("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "")], || {
        let agent = agent();
        let exporter = builder(&agent).build().unwrap();
        export(&exporter, batch(1..3, 1)).unwrap();
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(agent.spans().len(), 2);
        let error = DatadogExporter::builder().with_agent_url("https://localhost").build();
        assert_eq!(error.unwrap_err().to_string(), "cannot start the HTTP client");
    });
}
