//! TLS between the sockets of a server and its sessions, by rustls.

mod layer;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
mod pem;
mod unsent;

pub(super) use layer::{Layer, MAX_READ};
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
pub use pem::TlsError;

use rustls::ServerConfig;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
use std::path::Path;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The one protocol that a server speaks, for ALPN (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// The certificate, the key and the rules by which a server speaks TLS: [`Server::set_tls`](super::Server::set_tls).
///
/// Clones are the same: [`reload`](Self::reload) changes all of them, on any thread, while servers run.
///
/// * An echo takes one read and one write of the socket, as without TLS.
/// * [`Config::opening_timeout`](crate::Config::opening_timeout) and
///   [`Limits::max_handshakes`](super::Limits::max_handshakes) cover both handshakes.
/// * What is encrypted and has not left counts as queued for all timeouts, and for
///   [`Limits::max_buffered_bytes`](super::Limits::max_buffered_bytes).
/// * The end of the stream without `close_notify` is an end like any other. Only a Close ends a connection cleanly.
/// * No default provider of the process is ever used.
/// * There is no early data (0-RTT), since a request could be repeated, and no HTTP/2.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// Reads a chain of certificates, that of the server first, and its private key from files in the format PEM. The
    /// key is in PKCS #8, PKCS #1 or SEC 1, without a password.
    ///
    /// The server then speaks TLS 1.2 and 1.3, asks for no certificate of the client, and gives one session ticket per
    /// connection. The cryptography is that of AWS-LC with the feature `tls-aws-lc`, else that of ring, whatever the
    /// process has installed as the default of rustls. For anything else make the
    /// [configuration](Self#impl-From<Arc<ServerConfig>>-for-Tls) yourself.
    ///
    /// ```no_run
    /// use statesocket::server::Tls;
    ///
    /// let tls = Tls::from_pem_files("chain.pem", "key.pem")?;
    /// // When the files are new:
    /// tls.reload(Tls::from_pem_files("chain.pem", "key.pem")?);
    /// # Ok::<(), statesocket::server::TlsError>(())
    /// ```
    ///
    /// # Errors
    /// [`TlsError`] if a file cannot be read, or if the certificate and the key do not fit.
    #[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        Ok(Arc::new(pem::read(chain.as_ref(), key.as_ref())?).into())
    }

    /// Has new connections use `new`, for example when a certificate has been renewed. Those that are there go on with
    /// what they have. Copies what `new` has now: a later change of that one changes only that one.
    pub fn reload(&self, new: impl Into<Self>) {
        let config = new.into().config();
        // Nothing panics while it holds this lock. So too in the next method.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The layer of a new connection.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub(super) fn layer(&self) -> Result<Layer, rustls::Error> {
        Layer::new(self.config())
    }

    fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }
}

/// A configuration of your own: other versions, suites or providers, certificates of clients, several certificates by
/// the name that the client asks for. rustls is a 0.x crate, so this conversion follows its versions and not ours.
///
/// `http/1.1` joins the protocols for ALPN if it is not one of them, and `h2` leaves them: a server speaks no HTTP/2.
/// Early data (0-RTT) is switched off, since anybody who has recorded a request could repeat it.
impl From<Arc<ServerConfig>> for Tls {
    fn from(mut config: Arc<ServerConfig>) -> Self {
        let has_alpn = config.alpn_protocols.iter().any(|name| name == ALPN);
        let has_h2 = config.alpn_protocols.iter().any(|name| name == b"h2");
        if !has_alpn || has_h2 || config.max_early_data_size > 0 {
            let config = Arc::make_mut(&mut config);
            config.alpn_protocols.retain(|name| name != b"h2");
            if !has_alpn {
                config.alpn_protocols.push(ALPN.to_vec());
            }
            config.max_early_data_size = 0;
        }
        Self::new(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
