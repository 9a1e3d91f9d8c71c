//! Processes that are stopped in the middle, as a laptop that sleeps, and go on after a deadline. The system then ends
//! their wait early, without a word about the sockets.

use super::EchoServer;
use crate::support::{
    loopback::{RawClient, patient},
    process::Process,
    request_head,
};
use statesocket::{Config, Connection, handshake::Accept};
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

/// Stops `process` for longer than its opening handshake may take. `act` comes in time.
fn stop_during(process: &Process, act: impl FnOnce()) {
    process.signal("STOP");
    act();
    let opening_timeout = Config::default().opening_timeout.expect("it is finite by default");
    thread::sleep(opening_timeout + Duration::from_secs(1));
    process.signal("CONT");
}

#[test]
fn x1_a_client_that_was_stopped_reads_before_it_looks_at_the_clock() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("a bound socket"));
    let client = Process::start("client", &[&url]);
    let mut stream = patient(listener.accept().expect("the client connects").0);
    let mut server = Connection::server(Default::default(), Instant::now());
    let mut buffer = [0; 4096];
    while server.request().is_none() {
        let len = stream.read(&mut buffer).expect("the client sends a request");
        server.receive(&mut &mut buffer[..len], Instant::now());
    }
    stop_during(&client, || {
        server.accept(Accept::new()).expect("a request is pending");
        server.send_text("in time").expect("it is open");
        server.close(1000, "").expect("it is open");
        stream.write_all(server.output()).expect("there is room");
    });
    assert_eq!(client.stdout.next().as_deref(), Some("in time"));
    drop(stream);
    assert_eq!(client.wait().2, ["disconnect 1000 (closed by the peer)"]);
}

#[test]
fn x1_a_server_that_was_stopped_reads_before_it_looks_at_the_clock() {
    let server = EchoServer::start(&[]);
    let mut early = RawClient::dial(server.address);
    // Connections are accepted in order.
    server.open("/echo").echo("accepted");
    stop_during(&server.process, || early.write(&request_head("/echo", &[])));
    assert!(early.head().starts_with("HTTP/1.1 101 "), "the request came in time");
    early.echo("open");
}
