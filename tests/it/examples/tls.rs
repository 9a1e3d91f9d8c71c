//! The examples `echo`, `client` and `tls_client` over TLS.

use crate::support::{
    Raw,
    loopback::{RawClient, dial},
    process::Process,
    raw_client, request_head,
    tls::{TlsStream, VERSIONS, file, secure, trust},
};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    thread,
};

/// An echo server whose files can be changed.
struct SecureServer {
    process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

impl SecureServer {
    /// `name` is that of a folder for the files.
    fn start(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("a folder for tests");
        install("localhost", &folder);
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
        let args = ["--listen", "127.0.0.1:0", "--log", "info", "--cert", &cert, "--key", &key];
        let process = Process::start("echo", &args);
        let first = process.stdout.next().expect("the first line is the address");
        let address = first.strip_prefix("listening on https://").expect("the page's address comes first");
        let address: SocketAddr = address.parse().expect("an address");
        assert_eq!(process.stdout.next(), Some(format!("WebSocket at wss://{address}/ws")));
        Self { process, address, folder }
    }

    fn url(&self) -> String {
        format!("wss://localhost:{}/echo", self.address.port())
    }

    /// A client that trusts the certificate `name`, and is open.
    fn open(&self, name: &str) -> raw_client::RawClient<TlsStream<TcpStream>> {
        let mut client = raw_client::RawClient::new(secure(dial(self.address), &trust(name, &VERSIONS)));
        client.write(&request_head("/echo", &[]));
        client.assert_accepted();
        client
    }

    /// Has the server read its files anew. Returns the line about it.
    #[cfg(unix)]
    fn reload(&self) -> String {
        self.process.signal("HUP");
        self.process.stderr.find("certificate")
    }
}

/// Copies the certificate `name` and its key.
fn install(name: &str, folder: &std::path::Path) {
    fs::copy(file(&format!("{name}.pem")), folder.join("cert.pem")).expect("a file");
    fs::copy(file(&format!("{name}.key")), folder.join("key.pem")).expect("a file");
}

#[test]
fn the_client_talks_to_the_server_over_tls() {
    let server = SecureServer::start("tls-talk");
    let mut client = Process::start("client", &[&server.url(), "--ca", &file("localhost.pem")]);
    let long = "x".repeat(1 << 20);
    client.write(&format!("Hello\n{long}\n"));
    assert_eq!(client.stdout.next().as_deref(), Some("Hello"));
    assert!(client.stdout.next().is_some_and(|line| line == long));
    client.end_input();
    let (status, stdout, stderr) = client.wait();
    assert_eq!((status, stdout), (Some(0), vec![]));
    assert_eq!(stderr, ["disconnect 1000 (closed by us)"]);
    assert!(server.process.stderr.find("disconnect 1000").contains("closed by the peer"));
}

#[test]
fn a_certificate_that_is_not_trusted_is_one_line() {
    let server = SecureServer::start("tls-distrust");
    let (status, _, stderr) = Process::start("client", &[&server.url(), "--ca", &file("renewed.pem")]).wait();
    assert_eq!(status, Some(2));
    let [line] = stderr.as_slice() else { panic!("not exactly one line: {stderr:#?}") };
    assert!(line.starts_with("error: cannot connect to ") && line.contains("certificate"), "{line}");
}

#[test]
fn a_server_that_stops_in_a_handshake_is_an_error_of_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("wss://localhost:{}/", listener.local_addr().expect("a bound socket").port());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let (status, _, stderr) = Process::start("client", &[&url, "--ca", &file("localhost.pem")]).wait();
    server.join().expect("the thread does not panic");
    assert_eq!((status, stderr.len()), (Some(2), 1), "{stderr:?}");
}

#[test]
#[cfg(unix)]
fn sighup_reads_the_certificate_anew_and_drops_nobody() {
    let server = SecureServer::start("tls-reload");
    let mut old = server.open("localhost");
    old.echo("before");
    install("renewed", &server.folder);
    assert!(server.reload().contains("the certificate is read anew"));
    server.open("renewed").echo("Hello");
    old.echo("after");
    fs::write(server.folder.join("cert.pem"), "no certificate").expect("a file");
    let line = server.reload();
    assert!(line.contains("the old certificate stays: ") && line.contains("has no certificate"), "{line}");
    server.open("renewed").echo("Hello");
    old.send(Raw::new(Raw::CLOSE, 1000_u16.to_be_bytes()));
    old.assert_closed(1000);
}

#[test]
fn plain_http_gets_an_alert_and_files_that_cannot_be_used_one_line() {
    let server = SecureServer::start("tls-plain");
    let mut client = RawClient::dial(server.address);
    client.write(&request_head("/echo", &[]));
    let alert = client.rest().expect("the server ends the stream");
    assert!(matches!(alert[..], [21, 3, _, 0, 2, 2, 50]), "{alert:?}");
    for (cert, key) in [("localhost.pem", "renewed.key"), ("localhost.key", "localhost.key"), ("no.pem", "no.key")] {
        let args = ["--listen", "127.0.0.1:0", "--cert", &file(cert), "--key", &file(key)];
        let (status, stdout, stderr) = Process::start("echo", &args).wait();
        assert_eq!((status, stdout), (Some(1), vec![]), "{cert}, {key}");
        assert!(matches!(stderr.as_slice(), [line] if line.starts_with("error: ")), "{stderr:?}");
    }
}

#[test]
#[cfg(all(feature = "tls-ring", feature = "tokio"))]
fn a_client_on_tokio_with_tls_is_short_and_trusts_whom_it_should() {
    use crate::support::process::path_of;
    use std::process::Command;

    super::assert_short("tls_client", 45);
    let server = SecureServer::start("tls-tokio");
    let certificate = file("localhost.pem");
    let run = |args: &[&str], system: &str| {
        let mut client = Command::new(path_of("tls_client"));
        // In place of the certificates of the system.
        Process::spawn(client.arg(server.url()).args(args).env("SSL_CERT_FILE", system)).wait()
    };
    for (args, system) in [(&[certificate.as_str()][..], file("renewed.pem")), (&[], certificate.clone())] {
        let (status, stdout, stderr) = run(args, &system);
        assert_eq!((status, stderr.as_slice()), (Some(0), &[][..]));
        assert_eq!(stdout, ["101 Switching Protocols", "received: Hello WebSocket", "1000 (closed by us)"]);
    }
    for (args, system) in [(&[file("renewed.pem").as_str()][..], &certificate), (&[], &file("renewed.pem"))] {
        let (status, stdout, stderr) = run(args, system);
        assert_eq!((status, stdout), (Some(1), vec![]));
        assert!(matches!(stderr.as_slice(), [line] if line.contains("InvalidCertificate")), "{stderr:?}");
    }
}
