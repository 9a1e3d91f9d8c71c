//! The certificate of a server, and its change while the server runs.

use super::{open, open_with, serve};
use crate::support::{
    memory::{RawClient, Served},
    tls::{VERSIONS, certificate, file, provider, trust},
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use statesocket::{
    Config,
    server::{Tls, TlsError},
    testing::ClientOptions,
};
use std::{error::Error, sync::Arc};

#[test]
fn new_connections_get_the_new_certificate_and_the_others_go_on() {
    let (served, _calls) = serve(Config::default());
    let tls = certificate("localhost");
    served.server().set_tls(Some(tls.clone()));
    let config = trust("localhost", &VERSIONS);
    let mut old = open_with(&served, &ClientOptions::default(), &config);
    old.echo("before");
    tls.reload(certificate("renewed"));
    old.echo("after");
    let mut new = open_with(&served, &ClientOptions::default(), &trust("renewed", &VERSIONS));
    new.echo("Hello");
    old.echo("still there");
    // A ticket of the old certificate does not resume.
    let mut distrustful = super::dial(&served, &ClientOptions::default(), &config);
    let result = std::io::Write::write_all(distrustful.stream_mut(), b"GET ");
    assert!(result.is_err_and(|error| error.to_string().contains("certificate")));
    tls.reload(certificate("localhost"));
    open(&served).echo("and back");
    new.echo("still there");
}

#[test]
fn nobody_is_dropped_by_reloads_while_all_talk() {
    let (served, _calls) = serve(Config::default());
    let tls = certificate("localhost");
    served.server().set_tls(Some(tls.clone()));
    let mut clients = Vec::new();
    for name in ["localhost", "renewed"].into_iter().cycle().take(8) {
        tls.reload(certificate(name));
        clients.push(open_with(&served, &ClientOptions::default(), &trust(name, &VERSIONS)));
        // Half a handshake of the old certificate is finished with it.
        let mut late = super::dial(&served, &ClientOptions::default(), &trust(name, &VERSIONS));
        let stream = late.stream_mut();
        stream.conn.write_tls(&mut stream.sock).expect("the server reads");
        served.settle();
        tls.reload(certificate(if name == "renewed" { "localhost" } else { "renewed" }));
        super::request(&mut late);
        clients.push(late);
        for client in &mut clients {
            client.echo(name);
        }
    }
    drop(clients);
    assert_eq!(served.stop().accepted, 16);
}

#[test]
fn a_reload_copies_what_is_given() {
    let (served, _calls) = serve(Config::default());
    let (tls, given) = (certificate("renewed"), certificate("localhost"));
    served.server().set_tls(Some(tls.clone()));
    tls.reload(given.clone());
    given.reload(certificate("renewed"));
    tls.reload(tls.clone());
    open(&served).echo("Hello");
}

#[test]
fn tls_can_be_switched_off_for_new_connections() {
    let (served, _calls) = serve(Config::default());
    let mut secure = open(&served);
    served.server().set_tls(None);
    let mut plain = RawClient::open(&served, "/ws");
    plain.echo("plain");
    secure.echo("secure");
}

#[test]
fn a_configuration_of_the_program_serves() {
    let chain = vec![CertificateDer::from_pem_file(file("localhost.pem")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(file("localhost.key")).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has them").with_no_client_auth();
    let config = builder.with_single_cert(chain, key).expect("they fit");
    let (old, new) = (b"http/1.1".to_vec(), b"h2".to_vec());
    for (alpn_protocols, max_early_data_size) in
        [(vec![new.clone()], 1000), (vec![old.clone()], 1000), (vec![new.clone(), old.clone()], 0)]
    {
        let mut config = config.clone();
        (config.alpn_protocols, config.max_early_data_size) = (alpn_protocols, max_early_data_size);
        let served = Served::echo(Config::default());
        served.server().set_tls(Some(Arc::new(config).into()));
        let mut client = (*trust("localhost", &VERSIONS)).clone();
        client.alpn_protocols = vec![new.clone(), old.clone()];
        client.enable_early_data = true;
        let client = Arc::new(client);
        for _ in 0..2 {
            let mut client = super::dial(&served, &ClientOptions::default(), &client);
            assert!(client.stream_mut().conn.early_data().is_none(), "the server allows no early data");
            client.write(&crate::support::request_head("/ws", &[]));
            client.assert_accepted();
            client.echo("Hello");
            assert_eq!(client.stream().conn.alpn_protocol(), Some(&*old));
        }
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let (pem, key) = (file("localhost.pem"), file("localhost.key"));
    let error = |chain: &str, key: &str| Tls::from_pem_files(chain, key).expect_err("it cannot be used");
    let missing = error("/no/such.pem", &key);
    assert!(matches!(&missing, TlsError::Certificates { path, .. } if path.ends_with("such.pem")));
    assert_eq!(missing.to_string(), "the certificates in /no/such.pem cannot be read");
    assert!(missing.source().expect("a reason").to_string().contains("No such file"));
    let empty = error(&key, &key);
    assert_eq!(empty.to_string(), format!("{key} has no certificate"));
    assert_eq!(error(&pem, &pem).to_string(), format!("the private key in {pem} cannot be read"));
    let strange = error(&pem, &file("renewed.key"));
    assert!(matches!(&strange, TlsError::Unusable(_)), "{strange}");
    assert_eq!(strange.to_string(), "the certificate and the private key cannot be used");
    assert!(strange.source().is_some());
    assert_eq!(format!("{:?}", certificate("localhost")), "Tls");
}
