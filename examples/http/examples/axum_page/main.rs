//! A page and its WebSocket over one connection of TLS, by HTTP/2: `axum_page CHAIN KEY [ADDRESS]`, with both in PEM.

use axum::{
    Router,
    http::Version,
    response::Html,
    routing::{any, get, post},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use statesocket_http_examples::upgrade::Upgrade;
use std::{env, error::Error, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

fn app() -> Router {
    Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/said", post(async |text: String| println!("{text}")))
        .route("/ws", any(serve))
}

async fn serve(version: Version, upgrade: Upgrade) -> axum::response::Response {
    println!("a WebSocket over {version:?}");
    upgrade.preferred_by_client(&["chat"]).accept(async |mut ws| {
        loop {
            match ws.recv().await {
                // It can fail only at the end, which the next `recv` tells.
                Ok(message) => drop(ws.send(message).await),
                Err(end) => return println!("{end}"),
            }
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().collect();
    let [_, chain, key, address @ ..] = &args[..] else { return Err("usage: axum_page CHAIN KEY [ADDRESS]".into()) };
    let acceptor = TlsAcceptor::from(Arc::new(tls(chain, key)?));
    let listener = TcpListener::bind(address.first().map_or("127.0.0.1:8443", |address| address)).await?;
    println!("listening on https://{}/", listener.local_addr()?);
    loop {
        // There may be no descriptor left.
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(app()));
        tokio::spawn(async move {
            // A client that trusts no such certificate leaves here, and one that says nothing is left.
            let Ok(Ok(stream)) = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await else { return };
            let mut builder = auto::Builder::new(TokioExecutor::new());
            // With it a head of HTTP/1.1 that does not end is cut off after 30 s.
            builder.http1().timer(TokioTimer::new());
            // Browsers ask for no WebSocket before the server announces that it takes such requests.
            builder.http2().enable_connect_protocol();
            if let Err(error) = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await {
                eprintln!("{error}");
            }
        });
    }
}

/// TLS for clients of HTTP/2, and of HTTP/1.1.
fn tls(chain: &str, key: &str) -> Result<ServerConfig, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<_, _>>()?;
    let builder =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()?;
    let mut tls = builder.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}
