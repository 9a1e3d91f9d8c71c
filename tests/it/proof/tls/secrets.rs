//! The configurations of both ends, made once.

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    client::Resumption,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};
use std::sync::{Arc, LazyLock};

static CERTIFICATE: &[u8] = include_bytes!("../../../certificates/localhost.pem");
static KEY: &[u8] = include_bytes!("../../../certificates/localhost.key");

pub(super) static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider knows both").with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate()], key).expect("they fit");
    // No run depends on an earlier one.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Arc::new(config)
});

/// With either version; one that sends long records, and one whose messages take several.
pub(super) static CLIENTS: LazyLock<[Arc<ClientConfig>; 4]> = LazyLock::new(|| {
    [(&TLS13, None), (&TLS12, None), (&TLS13, Some(64)), (&TLS12, Some(64))]
        .map(|(version, max_record)| Arc::new(client(version, max_record)))
});

fn client(version: &'static SupportedProtocolVersion, max_record: Option<usize>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).expect("it can be a root");
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]);
    let mut config = builder.expect("a known version").with_root_certificates(roots).with_no_client_auth();
    config.max_fragment_size = max_record;
    config.resumption = Resumption::disabled();
    config
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate")
}

fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "tls-aws-lc")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "tls-aws-lc"))]
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(provider)
}
