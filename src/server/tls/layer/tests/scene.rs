//! A layer, its stream in memory, and a client of rustls at the other end.

use super::super::{Layer, MAX_READ};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write},
    sync::Arc,
};

pub(super) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

pub(super) const UNLIMITED: usize = usize::MAX;

/// The stream of the layer.
#[derive(Debug)]
pub(super) struct Wire {
    /// The bytes for the layer.
    pub(super) input: VecDeque<u8>,
    /// No input follows.
    pub(super) has_ended: bool,
    /// The bytes of the layer.
    pub(super) output: VecDeque<u8>,
    /// How many bytes the stream takes.
    pub(super) room: usize,
    /// Every write fails.
    pub(super) is_broken: bool,
    /// The calls of `read` and `write` since a test has set them to 0.
    pub(super) calls: [usize; 2],
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls[0] += 1;
        if self.input.is_empty() && !self.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls[1] += 1;
        if self.is_broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room -= count;
        self.output.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct Scene {
    pub(super) layer: Layer,
    pub(super) wire: Wire,
    pub(super) client: ClientConnection,
}

impl Scene {
    /// Neither end has sent anything.
    pub(super) fn new(version: &'static SupportedProtocolVersion) -> Self {
        Self::with(server_config(), client_config(version))
    }

    pub(super) fn with(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        Self {
            layer: Layer::new(server).expect("a configuration"),
            wire: Wire {
                input: VecDeque::new(),
                has_ended: false,
                output: VecDeque::new(),
                room: UNLIMITED,
                is_broken: false,
                calls: [0; 2],
            },
            client: ClientConnection::new(client, name).expect("a configuration"),
        }
    }

    /// The handshake is over.
    pub(super) fn open(version: &'static SupportedProtocolVersion) -> Self {
        let mut scene = Self::new(version);
        scene.shake_hands();
        scene
    }

    pub(super) fn shake_hands(&mut self) {
        for _ in 0..3 {
            let flight = self.client_flight();
            self.wire.input.extend(flight);
            assert_eq!(self.read(), Err(ErrorKind::WouldBlock));
            self.client_reads().expect("the server keeps the rules");
        }
        assert!(!self.layer.is_handshaking() && !self.client.is_handshaking());
        assert_eq!((self.layer.held(), self.layer.has_unsent()), (0, false), "an idle layer holds nothing");
        self.wire.calls = [0; 2];
    }

    /// What the client has to send.
    pub(super) fn client_flight(&mut self) -> Vec<u8> {
        let mut flight = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut flight).expect("memory");
        }
        flight
    }

    /// Has the client send `bytes`, in records as the client likes.
    pub(super) fn client_sends(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(16 << 10) {
            self.client.writer().write_all(piece).expect("there is room");
            let flight = self.client_flight();
            self.wire.input.extend(flight);
        }
    }

    /// Reads once.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, ErrorKind> {
        // The first slice is short, as that of a message can be.
        let (mut first, mut second) = ([0; 7], vec![0; MAX_READ]);
        let slices = &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let count = self.layer.read(&mut self.wire, slices).map_err(|error| error.kind())?;
        let mut bytes = [&first[..], &second].concat();
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Reads until nothing is left, or an end or a failure is found. Returns it too.
    pub(super) fn read_all(&mut self) -> (Vec<u8>, Result<(), ErrorKind>) {
        let mut bytes = Vec::new();
        loop {
            match self.read() {
                Ok(more) if more.is_empty() => return (bytes, Ok(())),
                Ok(more) => bytes.extend(more),
                Err(ErrorKind::WouldBlock) if self.wire.has_ended || !self.wire.input.is_empty() => {}
                Err(error) => return (bytes, Err(error)),
            }
        }
    }

    /// Writes `bytes` as a session does, as far as the stream takes them. Returns how many count as written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let mut written = 0;
        while written < bytes.len() {
            match self.layer.write(&mut self.wire, &[IoSlice::new(&bytes[written..])]) {
                Ok(0) => panic!("a write of nothing is a failure"),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.kind()),
            }
        }
        Ok(written)
    }

    /// Has the client read what has come. Returns it.
    pub(super) fn client_reads(&mut self) -> Result<Vec<u8>, rustls::Error> {
        let mut bytes = Vec::new();
        while !self.wire.output.is_empty() {
            self.client.read_tls(&mut self.wire.output).expect("the client takes it");
            self.client.process_new_packets()?;
            let mut chunk = [0; 16 << 10];
            while let Ok(count @ 1..) = self.client.reader().read(&mut chunk) {
                bytes.extend(&chunk[..count]);
            }
        }
        Ok(bytes)
    }
}

fn file(name: &str) -> String {
    format!("{}/tests/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn server_config() -> Arc<ServerConfig> {
    let chain = CertificateDer::from_pem_file(file("localhost.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("localhost.key")).expect("a key");
    let config = crate::server::tls::pem::config(vec![chain], key).expect("they fit");
    crate::server::tls::Tls::from(Arc::new(config)).config()
}

pub(super) fn client_config(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("localhost.pem")).expect("a certificate")).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(crate::server::tls::pem::provider()));
    let builder = builder.with_protocol_versions(&[version]).expect("the provider knows it");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}
