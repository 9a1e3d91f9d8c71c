//! TLS, by rustls.

use mio::net::TcpStream;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use statesocket::handshake::Connect;
use std::{
    error::Error,
    io::{self, ErrorKind, Read, Write},
    path::Path,
    sync::Arc,
    time::Instant,
};

/// TLS over a socket that does not block. The handshake is complete.
pub(crate) struct TlsStream {
    tls: ClientConnection,
    stream: TcpStream,
}

/// A handshake that is complete.
pub(crate) type Handshake = ClientConnection;

/// The rules of TLS: whom to trust.
pub(crate) type Trust = Arc<ClientConfig>;

/// Trusts the certificates in the file `ca`, or those of the system.
pub(crate) fn trust(ca: Option<&Path>) -> Result<Trust, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| format!("{}: {error}", ca.display()))? {
            roots.add(certificate?)?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err("there is no certificate to trust: name a file with --ca".into());
    }
    // The provider is named: where rustls has to choose among none or two, it panics.
    let builder = ClientConfig::builder_with_provider(Arc::new(provider())).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // Otherwise a server may choose HTTP/2.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(feature = "tls-aws-lc")]
fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "tls-aws-lc"))]
fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// Completes the handshake over a socket that blocks, by `deadline`. So a bad certificate is an error with its reason.
pub(crate) fn shake_hands(
    connect: &Connect,
    trust: &Trust,
    stream: &mut std::net::TcpStream,
    deadline: Option<Instant>,
) -> io::Result<Handshake> {
    // Without the brackets of an IPv6 address, which no certificate has.
    let (host, _) = connect.address();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut tls = ClientConnection::new(Arc::clone(trust), name).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(left)?;
        stream.set_write_timeout(left)?;
        if tls.wants_write() {
            tls.write_tls(stream)?;
        } else if tls.read_tls(stream)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        } else if let Err(error) = tls.process_new_packets() {
            // An alert says why.
            let _ = tls.write_tls(stream);
            return Err(io::Error::other(error));
        }
    }
    Ok(tls)
}

impl TlsStream {
    pub(crate) const fn new(tls: Handshake, stream: TcpStream) -> Self {
        Self { tls, stream }
    }

    /// Sends `close_notify`, and ends our direction.
    pub(crate) fn shut_down_writing(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.flush()?;
        self.stream.shutdown(std::net::Shutdown::Write)
    }
}

impl Read for TlsStream {
    /// The end of the stream without `close_notify` is [`UnexpectedEof`](ErrorKind::UnexpectedEof).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.tls.read_tls(&mut self.stream)?;
            if let Err(error) = self.tls.process_new_packets() {
                let _ = self.flush();
                return Err(io::Error::other(error));
            }
        }
    }
}

impl Write for TlsStream {
    /// Encrypts no more before everything else has left.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let count = self.tls.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.stream)?;
        }
        Ok(())
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.tls.send_close_notify();
        // The server may have left.
        let _ = self.flush();
    }
}
