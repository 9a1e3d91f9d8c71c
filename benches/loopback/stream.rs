//! The stream of a client: TCP, or with the feature `tls` TLS over it.

use crate::traffic::Dialect;
use mio::{Interest, Registry, Token, event::Source, unix::SourceFd};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::fd::AsRawFd,
};

pub enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Secure(Box<secure::Stream>),
}

impl Stream {
    /// A stream to a server of this dialect. The handshake of TLS, if any, is part of the first write.
    pub fn new(socket: TcpStream, dialect: Dialect) -> Self {
        match dialect {
            Dialect::WebSocket | Dialect::Bytes => Self::Plain(socket),
            #[cfg(feature = "tls")]
            Dialect::Secure => Self::Secure(Box::new(secure::over(socket))),
        }
    }

    pub const fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Secure(stream) => &stream.sock,
        }
    }

    /// Whether a read of fewer bytes than there is room for has taken all. One of TLS ends with a record.
    pub const fn reads_all(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Goes on with the handshake of TLS. Returns whether it is complete.
    pub fn handshake(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => secure::handshake(stream),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => match stream.read(buffer) {
                // Some servers close the socket without a word.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                result => result,
            },
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.flush(),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.socket().as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.socket().as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.socket().as_raw_fd()).deregister(registry)
    }
}

/// TLS 1.3 with X25519 and AES-128-GCM, so that all servers do the same work, and without resumption.
#[cfg(feature = "tls")]
mod secure {
    use crate::servers::CERTIFICATE;
    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, StreamOwned,
        client::Resumption,
        crypto::ring::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider, kx_group::X25519},
        pki_types::{CertificateDer, ServerName, pem::PemObject},
        version::TLS13,
    };
    use std::{
        io,
        net::TcpStream,
        sync::{Arc, LazyLock},
    };

    pub type Stream = StreamOwned<ClientConnection, TcpStream>;

    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(CERTIFICATE).expect("the repository has this certificate");
        roots.add(root).expect("it can be a root");
        let mut provider = default_provider();
        provider.cipher_suites = vec![TLS13_AES_128_GCM_SHA256];
        provider.kx_groups = vec![X25519];
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&TLS13]);
        let mut config = builder.expect("the suite is of TLS 1.3").with_root_certificates(roots).with_no_client_auth();
        config.resumption = Resumption::disabled();
        Arc::new(config)
    });

    pub fn over(socket: TcpStream) -> Stream {
        let name = ServerName::try_from("localhost").expect("a name");
        StreamOwned::new(ClientConnection::new(Arc::clone(&CONFIG), name).expect("a configuration"), socket)
    }

    pub fn handshake(stream: &mut Stream) -> io::Result<bool> {
        if !stream.conn.is_handshaking() {
            return Ok(true);
        }
        match stream.conn.complete_io(&mut stream.sock) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            result => result.map(|_| !stream.conn.is_handshaking()),
        }
    }
}
