//! The client's end of TLS over any stream, by rustls, and the certificates of `tests/certificates`.

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use statesocket::server::Tls;
use std::{
    io::{Read, Write},
    sync::Arc,
};

/// TLS 1.2 and 1.3.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// The client's end of TLS over `S`.
pub(crate) type TlsStream<S> = StreamOwned<ClientConnection, S>;

/// The path of a certificate or a key.
pub(crate) fn file(name: &str) -> String {
    format!("{}/tests/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The certificate `name` and its key, for a server.
pub(crate) fn certificate(name: &str) -> Tls {
    Tls::from_pem_files(file(&format!("{name}.pem")), file(&format!("{name}.key"))).expect("they fit")
}

pub(crate) fn provider() -> CryptoProvider {
    #[cfg(feature = "tls-aws-lc")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "tls-aws-lc"))]
    rustls::crypto::ring::default_provider()
}

/// A client that trusts the certificate `name` only.
pub(crate) fn trust(name: &str, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(file(&format!("{name}.pem"))).expect("a certificate");
    roots.add(root).expect("it can be a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(provider())).with_protocol_versions(versions);
    let mut config = builder.expect("known versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A client of `localhost` over `stream`. The handshake begins with the first read or write.
pub(crate) fn secure<S: Read + Write>(stream: S, config: &Arc<ClientConfig>) -> TlsStream<S> {
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a configuration"), stream)
}
