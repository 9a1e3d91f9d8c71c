//! Connections that somebody else has accepted. They come from a real listener.

use crate::support::{
    loopback::{
        PATIENCE, RawClient, dial,
        turns::{self, Echo, turn_until, turn_until_received},
    },
    request_head,
};
use statesocket::{
    Config,
    http::StatusCode,
    server::{HandleError, Limits, Server, WhenFull},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// A server without a listener, and a listener for it.
fn server() -> (Server, TcpListener) {
    let mut server = Server::without_listener(Config::default()).expect("the system has what it needs");
    server.route("/ws", || Echo).expect("the route is new");
    (server, TcpListener::bind("127.0.0.1:0").expect("a free port"))
}

/// A client that has sent its request, and whose connection `server` has adopted.
fn adopted(server: &Server, listener: &TcpListener) -> TcpStream {
    let mut client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    client.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    let (stream, address) = listener.accept().expect("a client waits");
    server.handle().adopt(stream, address).expect("the server is running");
    client
}

const ACCEPTED: &[u8] = b"HTTP/1.1 101 ";
const BUSY: &[u8] = b"HTTP/1.1 503 ";

#[test]
fn an_adopted_connection_is_served_like_any_other() {
    let (mut server, listener) = server();
    assert_eq!(server.local_addr(), SocketAddr::from(([0, 0, 0, 0], 0)));
    server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    assert!(!server.is_stopped(), "it waits for connections");
    let mut clients = [(); 3].map(|()| adopted(&server, &listener));
    for client in &mut clients {
        turn_until_received(&mut server, client, ACCEPTED);
    }
    assert_eq!((server.connections(), server.tally().accepted), (3, 3));
    server.handle().shutdown(1001, PATIENCE).expect("the server is running");
    drop(clients);
    turn_until(&mut server, Server::is_stopped);
    assert_eq!(server.tally().total_ended(), 3);
    let late = listener.local_addr().and_then(TcpStream::connect).expect("it listens");
    let address = late.local_addr().expect("it is connected");
    assert_eq!(server.handle().adopt(late, address), Err(HandleError::Stopped));
}

#[test]
fn a_server_that_listens_adopts_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    server.route("/ws", || Echo).expect("the route is new");
    let mut client = adopted(&server, &listener);
    turn_until_received(&mut server, &mut client, ACCEPTED);
    server.stop_accepting();
    let mut late = adopted(&server, &listener);
    turn_until_received(&mut server, &mut late, BUSY);
}

#[test]
fn an_adopted_connection_without_room_is_refused() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait] {
        let (mut server, listener) = server();
        let mut limits = Limits::default();
        (limits.max_connections, limits.when_full) = (2, when_full);
        server.set_limits(limits);
        let mut clients = [(); 2].map(|()| adopted(&server, &listener));
        for client in &mut clients {
            turn_until_received(&mut server, client, ACCEPTED);
        }
        for _ in 0..3 {
            let mut refused = adopted(&server, &listener);
            turn_until_received(&mut server, &mut refused, BUSY);
        }
        drop(clients);
        turn_until(&mut server, |server| server.connections() == 0);
        let mut client = adopted(&server, &listener);
        turn_until_received(&mut server, &mut client, ACCEPTED);
        assert_eq!(server.tally().accepted, 6, "{when_full:?}");
        assert_eq!(server.tally().answered(StatusCode::SERVICE_UNAVAILABLE), 3, "{when_full:?}");
    }
}

#[test]
fn a_connection_that_waits_for_room_comes_before_an_adopted_one() {
    let mut server = turns::server(Config::default());
    let limits = |limits: &mut Limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait);
    server.set_limits(Limits::default().with(limits));
    let mut first = dial(server.local_addr());
    turn_until(&mut server, |server| server.connections() == 1);
    // The first client could make room until its request comes, so the loop accepts the next one.
    let mut waiting = turns::ask(&server, &[]);
    first.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    turn_until_received(&mut server, &mut first, ACCEPTED);
    drop(first);
    turn_until(&mut server, |server| server.connections() == 0);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut late = adopted(&server, &listener);
    turn_until_received(&mut server, &mut late, BUSY);
    turn_until_received(&mut server, &mut waiting, ACCEPTED);
}

#[test]
fn an_adopted_connection_sends_at_once() {
    let (mut server, listener) = server();
    let _client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (stream, address) = listener.accept().expect("a client waits");
    let same = stream.try_clone().expect("a descriptor is free");
    assert!(!same.nodelay().expect("a TCP socket"));
    server.handle().adopt(stream, address).expect("the server is running");
    turn_until(&mut server, |server| server.connections() == 1);
    assert!(same.nodelay().expect("a TCP socket"));
}

#[cfg(unix)]
#[test]
fn a_stream_that_is_not_of_tcp_is_dropped() {
    let (mut server, _) = server();
    let (mut client, stream) = std::os::unix::net::UnixStream::pair().expect("descriptors are free");
    let stream = TcpStream::from(std::os::fd::OwnedFd::from(stream));
    server.handle().adopt(stream, SocketAddr::from(([0, 0, 0, 0], 0))).expect("the server is running");
    server.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    assert_eq!((server.connections(), server.tally().accepted, server.tally().dropped), (0, 1, 1));
    assert_eq!(client.read(&mut [0]).expect("the server has closed it"), 0);
}

#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
#[test]
fn an_adopted_connection_without_room_gets_an_alert_of_tls() {
    let (mut server, listener) = server();
    server.set_tls(Some(crate::support::tls::certificate("localhost")));
    let limits = |limits: &mut Limits| (limits.max_connections, limits.when_full) = (0, WhenFull::Wait);
    server.set_limits(Limits::default().with(limits));
    let mut refused = adopted(&server, &listener);
    // An internal error.
    turn_until_received(&mut server, &mut refused, &[21, 3, 3, 0, 2, 2, 80]);
    assert_eq!((server.tally().dropped, server.tally().answered(StatusCode::SERVICE_UNAVAILABLE)), (1, 0));
}

#[test]
fn one_listener_feeds_several_loops_in_equal_shares() {
    const LOOPS: usize = 3;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (sender, handles) = std::sync::mpsc::channel();
    let loops = [(); LOOPS].map(|()| {
        let sender = sender.clone();
        thread::spawn(move || {
            let (mut server, _) = server();
            sender.send(server.handle()).expect("the test waits for it");
            server.run().expect("the loop does not fail");
            server.tally().accepted
        })
    });
    let handles: Vec<_> = handles.iter().take(LOOPS).collect();
    let acceptor = thread::spawn({
        let handles = handles.clone();
        move || {
            for handle in handles.iter().cycle().take(10 * LOOPS) {
                let (stream, address) = listener.accept().expect("a client comes");
                handle.adopt(stream, address).expect("the loop is running");
            }
        }
    });
    let clients: Vec<_> = (0..10 * LOOPS).map(|_| RawClient::open(address, "/ws")).collect();
    acceptor.join().expect("every connection is adopted");
    for handle in handles {
        handle.shutdown(1001, Duration::from_millis(100)).expect("the loop is running");
    }
    assert_eq!(loops.map(|thread| thread.join().expect("the loop does not panic")), [10; LOOPS]);
    drop(clients);
}
