//! `examples/tokio_echo.rs`.

use crate::support::{Raw, loopback::RawClient, process::Process};
use std::net::SocketAddr;

fn start() -> (Process, SocketAddr) {
    let server = Process::start("tokio_echo", &["--listen", "127.0.0.1:0"]);
    let first = server.stdout.next().expect("the first line is the address");
    let address = first.strip_prefix("listening on ws://").expect("the address is a URL");
    let address = address.parse().expect("an address");
    (server, address)
}

#[test]
fn connections_are_served_beside_each_other_and_end_one_by_one() {
    let (server, address) = start();
    let mut clients: Vec<_> = (0..3).map(|_| RawClient::open(address, "/")).collect();
    for client in &mut clients {
        client.echo("Hello");
    }
    let mut first = clients.remove(0);
    first.send(Raw::new(Raw::CLOSE, 4001_u16.to_be_bytes()).masked());
    first.assert_closed(4001);
    for client in &mut clients {
        client.echo("still there");
    }
    server.signal("KILL");
}

#[cfg(unix)]
#[test]
fn an_interrupt_closes_every_connection_and_ends_the_program() {
    for signal in ["INT", "TERM"] {
        let (server, address) = start();
        let mut clients: Vec<_> = (0..3).map(|_| RawClient::open(address, "/")).collect();
        clients.iter_mut().for_each(|client| client.echo("Hello"));
        server.signal(signal);
        for client in &mut clients {
            client.assert_closed(1001);
        }
        drop(clients);
        assert_eq!(server.wait().0, Some(0), "{signal}");
    }
}
