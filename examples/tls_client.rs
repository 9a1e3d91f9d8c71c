//! Says hello to an echo server over TLS, and prints the answer: `tls_client URL [FILE]`. It trusts the certificates in
//! the file, or those of the system.
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use statesocket::{Config, handshake::Connect, tokio::WebSocket};
use std::{env, error::Error, sync::Arc};
use tokio_rustls::TlsConnector;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let connect = Connect::new(&env::args().nth(1).ok_or("usage: tls_client URL [FILE]")?)?;
    let (tls, (host, _)) = (TlsConnector::from(trust(env::args().nth(2))?), connect.address());
    let name = ServerName::try_from(host.to_owned())?;
    let mut ws = WebSocket::connect_with(&connect, Config::default(), |stream| tls.connect(name, stream)).await?;
    println!("{}", ws.opened().await?.status);
    ws.send("Hello WebSocket").await?;
    println!("received: {}", ws.recv().await?.as_text().unwrap_or_default());
    println!("{}", ws.close(1000, "").await?);
    Ok(())
}

fn trust(file: Option<String>) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = file {
        for root in CertificateDer::pem_file_iter(file)? {
            roots.add(root?)?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    // The provider is named: where rustls has to choose among none or two, it panics.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}
