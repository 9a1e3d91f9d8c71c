//! The listening socket.

use crate::support::loopback::RawClient;
use statesocket::{
    Config,
    server::{Handler, Server},
};
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
};

struct Accepting;

impl Handler for Accepting {}

#[test]
fn the_first_address_that_is_free_is_taken() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addresses = [busy.local_addr().expect("a bound socket"), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let server = Server::bind(&addresses[..], Config::default()).expect("the second address is free");
    assert_ne!(server.local_addr().port(), addresses[0].port());
    assert_ne!(server.local_addr().port(), 0, "the system chose a port");
}

#[test]
fn an_address_that_cannot_be_bound_is_an_error() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let error = Server::bind(busy.local_addr().expect("a bound socket"), Config::default()).expect_err("it is busy");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let none: [SocketAddr; 0] = [];
    let error = Server::bind(&none[..], Config::default()).expect_err("no address");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    Server::bind("127.0.0.1:http", Config::default()).expect_err("no port");
}

#[test]
fn a_listening_socket_can_be_taken_over_with_its_backlog() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let early = RawClient::dial(address);
    let (started, start) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        let mut server = Server::from_listener(listener, Config::default()).expect("a socket that listens");
        server.route("/", || Accepting).expect("the route is new");
        assert_eq!(server.local_addr(), address);
        started.send(server.handle()).expect("the test is waiting");
        server.run()
    });
    let handle = start.recv().expect("the server starts");
    drop(RawClient::open(address, "/"));
    drop(early);
    handle.stop().expect("the server is running");
    server.join().expect("the thread does not panic").expect("the loop does not fail");
}

#[test]
fn a_server_can_be_printed() {
    let server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    assert!(format!("{server:?}").starts_with("Server {"));
    assert_eq!(format!("{:?}", server.handle()), "Handle");
}
