//! Servers over TLS, by rustls with the cryptography of ring. All give one session ticket per connection.

use super::{fastwebsockets, on_tokio, state, tasks, tokio_tungstenite};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use statesocket::server::Tls;
use std::{
    io,
    net::TcpListener,
    sync::{Arc, LazyLock},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A certificate for `localhost`.
pub const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/certificates/localhost.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/certificates/localhost.key");

static ACCEPTOR: LazyLock<TlsAcceptor> = LazyLock::new(|| {
    let chain = vec![CertificateDer::from_pem_file(CERTIFICATE).expect("the repository has this certificate")];
    let key = PrivateKeyDer::from_pem_file(KEY).expect("the repository has this key");
    let builder =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let builder = builder.expect("the versions fit").with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).expect("the key fits");
    config.send_tls13_tickets = 1;
    TlsAcceptor::from(Arc::new(config))
});

/// The event loop of this crate, with its defaults.
pub fn serve_state(listener: TcpListener) -> io::Result<()> {
    let tls = Tls::from_pem_files(CERTIFICATE, KEY).map_err(io::Error::other)?;
    state::serve_with(listener, statesocket::Config::default(), |server| server.set_tls(Some(tls)))
}

pub fn serve_on_tokio(listener: TcpListener) -> io::Result<()> {
    tasks::run(listener, |stream| async { on_tokio::lent(accept(stream).await?).await.map_err(io::Error::other) })
}

pub fn serve_fastwebsockets(listener: TcpListener) -> io::Result<()> {
    tasks::run(listener, |stream| async {
        let stream = accept(stream).await?;
        tasks::upgrade(stream, fastwebsockets::accept).await.map_err(io::Error::other)
    })
}

pub fn serve_tokio_tungstenite(listener: TcpListener) -> io::Result<()> {
    tasks::run(listener, |stream| async {
        tokio_tungstenite::echo(accept(stream).await?).await;
        io::Result::Ok(())
    })
}

async fn accept(stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    ACCEPTOR.accept(stream).await
}
