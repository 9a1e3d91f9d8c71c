//! `examples/tokio_client.rs`.

use super::assert_short;
use crate::support::process::Process;

fn start() -> (Process, Process) {
    let server = Process::start("tokio_echo", &["--listen", "127.0.0.1:0"]);
    let first = server.stdout.next().expect("the first line is the address");
    let url = first.strip_prefix("listening on ").expect("the address is a URL");
    let client = Process::start("tokio_client", &[url]);
    assert_eq!(client.stderr.next().as_deref(), Some("101 Switching Protocols"));
    (server, client)
}

#[test]
fn a_client_on_tokio_is_short_and_prints_what_comes_back() {
    assert_short("tokio_client", 27);
    let (_server, mut client) = start();
    client.write("Hello\n");
    assert_eq!(client.stdout.next().as_deref(), Some("Hello"));
    client.write("the last line");
    client.end_input();
    let (status, stdout, stderr) = client.wait();
    assert_eq!((status, stdout), (Some(0), vec!["the last line".to_owned()]));
    assert_eq!(stderr, ["1000 (closed by us)"]);
}

#[test]
fn a_client_on_tokio_sends_and_receives_at_once() {
    let (_server, mut client) = start();
    let line = "x".repeat(100_000);
    client.write(&format!("{line}\n").repeat(100));
    client.end_input();
    let (status, stdout, _) = client.wait();
    assert_eq!((status, stdout.len()), (Some(0), 100));
    assert!(stdout.iter().all(|echo| *echo == line));
}

#[cfg(unix)]
#[test]
fn a_client_on_tokio_ends_with_the_connection_while_nobody_types() {
    let (server, client) = start();
    server.signal("INT");
    let (status, stdout, stderr) = client.wait();
    assert_eq!((status, stdout), (Some(0), vec![]));
    assert_eq!(stderr, ["1001 \"the server stops\" (closed by the peer)"]);
}
