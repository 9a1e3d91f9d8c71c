//! The client that the Autobahn testsuite tests: it echoes in each test case. See `tests/autobahn`. With `--deflate` it
//! offers compression, which needs the feature `deflate`; with `--tokio`, and the feature, tokio drives it. With `--ca
//! FILE` it speaks TLS, on tokio, and trusts the certificate in the file; that needs the feature `tls-ring`, too.

mod drive;

use drive::drive;
use statesocket::{Config, Event};
use std::{env, error::Error, sync::Arc};

fn main() -> Result<(), Box<dyn Error>> {
    let base = env::var("AUTOBAHN_URL").map_err(|_| "AUTOBAHN_URL is not set: the testsuite starts this program")?;
    let config = Arc::new(config(env::args().any(|arg| arg == "--deflate"))?);
    if let Some(file) = env::args().skip_while(|arg| arg != "--ca").nth(1) {
        return over_tls(&base, config, &file);
    }
    if env::args().any(|arg| arg == "--tokio") {
        return on_tokio(&base, config);
    }
    let mut count = 0;
    drive(&format!("{base}/getCaseCount"), &config, |_, event| {
        if let Event::Message(message) = event {
            count = message.as_text().unwrap_or("0").parse().unwrap_or(0);
        }
    })?;
    for case in 1..=count {
        drive(&format!("{base}/runCase?case={case}&agent=statesocket"), &config, |connection, event| {
            if let Event::Message(message) = event {
                // After our Close a message of the peer may still arrive, which needs no echo.
                let _ = connection.send(message);
            }
        })?;
    }
    drive(&format!("{base}/updateReports?agent=statesocket"), &config, |_, _| {})
}

#[cfg(feature = "tokio")]
fn on_tokio(base: &str, config: Arc<Config>) -> Result<(), Box<dyn Error>> {
    on_tokio_with(base, config, async |stream| Ok(stream))
}

#[cfg(not(feature = "tokio"))]
fn on_tokio(_: &str, _: Arc<Config>) -> Result<(), Box<dyn Error>> {
    Err("--tokio needs a build with `--features tokio`".into())
}

#[cfg(all(feature = "tokio", feature = "tls-ring"))]
fn over_tls(base: &str, config: Arc<Config>, file: &str) -> Result<(), Box<dyn Error>> {
    use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName, pem::PemObject};
    use rustls::{ClientConfig, RootCertStore, crypto::ring};

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file)?)?;
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
    on_tokio_with(base, config, |stream| tls.connect(name.clone(), stream))
}

#[cfg(not(all(feature = "tokio", feature = "tls-ring")))]
fn over_tls(_: &str, _: Arc<Config>, _: &str) -> Result<(), Box<dyn Error>> {
    Err("--ca needs a build with `--features tokio,tls-ring`".into())
}

/// The same with tasks of tokio, over what `secure` makes of a stream.
#[cfg(feature = "tokio")]
#[tokio::main(flavor = "current_thread")]
async fn on_tokio_with<T, F>(
    base: &str,
    config: Arc<Config>,
    secure: impl Fn(tokio::net::TcpStream) -> F,
) -> Result<(), Box<dyn Error>>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    F: Future<Output = std::io::Result<T>>,
{
    use statesocket::{handshake::Connect, tokio::WebSocket};

    let connect = async |path: String| -> Result<_, Box<dyn Error>> {
        let connect = Connect::new(&format!("{base}{path}"))?;
        let mut ws = WebSocket::connect_with(&connect, Arc::clone(&config), &secure).await?;
        ws.opened().await?;
        Ok(ws)
    };
    let mut ws = connect("/getCaseCount".to_owned()).await?;
    let count: u32 = ws.recv().await?.as_text().unwrap_or("0").parse()?;
    ws.finish().await;
    for case in 1..=count {
        let mut ws = connect(format!("/runCase?case={case}&agent=statesocket")).await?;
        while let Ok(message) = ws.recv().await {
            // After our Close a message of the peer may still arrive, which needs no echo.
            let _ = ws.feed(message).await;
        }
    }
    connect("/updateReports?agent=statesocket".to_owned()).await?.finish().await;
    Ok(())
}

/// The default configuration, with compression if that is wanted.
#[cfg(feature = "deflate")]
fn config(deflate: bool) -> Result<Config, &'static str> {
    Ok(Config::default().with(|config| config.deflate = deflate.then(statesocket::Deflate::default)))
}

#[cfg(not(feature = "deflate"))]
fn config(deflate: bool) -> Result<Config, &'static str> {
    if deflate { Err("--deflate needs a build with `--features deflate`") } else { Ok(Config::default()) }
}
