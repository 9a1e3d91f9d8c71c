//! The configuration of a server from files.

use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A certificate or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file with the certificates cannot be read, or is not PEM.
    #[error("the certificates in {} cannot be read", path.display())]
    Certificates {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file has no certificate.
    #[error("{} has no certificate", path.display())]
    NoCertificate {
        /// The path of the file.
        path: PathBuf,
    },
    /// The file with the key cannot be read, is not PEM, or has no key without a password.
    #[error("the private key in {} cannot be read", path.display())]
    Key {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificate and the key do not belong together, or are of a kind that is not supported.
    #[error("the certificate and the private key cannot be used")]
    Unusable(#[source] Box<dyn Error + Send + Sync>),
}

/// The configuration with the certificates and the key of two files.
pub(super) fn read(chain: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    config(certificates(chain)?, private_key(key)?).map_err(|error| TlsError::Unusable(Box::new(error)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    match CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate { path: path.to_owned() }),
        Ok(chain) => Ok(chain),
        Err(error) => Err(TlsError::Certificates { path: path.to_owned(), source: Box::new(error) }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::Key { path: path.to_owned(), source: Box::new(error) })
}

/// # Errors
/// The key is not that of the first certificate, or rustls does not support it.
pub(super) fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    // The provider is always named: where rustls has to choose among none or two, it panics.
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // One is enough for the next connection, and each costs the loop 1 µs.
    config.send_tls13_tickets = 1;
    Ok(config)
}

#[cfg(feature = "tls-aws-lc")]
pub(super) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "tls-aws-lc"))]
pub(super) fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}
