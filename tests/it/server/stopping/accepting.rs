//! A server that stops accepting, and keeps its sessions.

use crate::support::{
    Raw,
    loopback::{
        LONG, PATIENCE, RawClient, Served, Witness, dial,
        turns::{self, Echo, ask, server, turn_until, turn_until_answered},
    },
    request_head,
};
use statesocket::{
    Cause, CauseKind, Config,
    server::{HandleError, Limits, Server, WhenFull},
};
use std::{
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Waits until nobody listens at `address`.
#[track_caller]
fn wait_until_refused(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match TcpStream::connect(address).map_err(|error| error.kind()) {
            Err(io::ErrorKind::ConnectionRefused) => return,
            // At the moment at which the listener closes, the system resets who is connecting.
            Ok(_) | Err(io::ErrorKind::ConnectionReset) => std::thread::yield_now(),
            Err(other) => panic!("an unexpected error: {other}"),
        }
    }
    panic!("the server still listens");
}

#[test]
fn s15_who_stops_accepting_makes_way_for_another_and_keeps_its_sessions() {
    let (mut old, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut clients = [(); 2].map(|()| old.open());
    old.handle.stop_accepting().expect("the server is running");
    wait_until_refused(old.address);
    let mut new = Server::bind(old.address, Config::default()).expect("the address is free");
    new.route("/ws", || Echo).expect("the route is new");
    let mut newcomer = turns::open(&mut new);
    for client in &mut clients {
        client.echo("still here");
    }
    turns::echo(&mut new, &mut newcomer);
    assert_eq!(new.tally().accepted, 1);

    old.handle.stop_accepting().expect("the server is running, and has nothing to do");
    let [mut first, second] = clients;
    first.send(Raw::close(4000, ""));
    first.assert_closed(4000);
    drop((first, second));
    old.wait_for_end();
    assert_eq!(old.handle.stop_accepting(), Err(HandleError::Stopped));
    let causes = [(); 2].map(|()| calls.end_after_all().disconnect.cause);
    assert!(causes.contains(&Cause::PeerClosed) && causes.contains(&Cause::TransportLost), "{causes:?}");
}

#[test]
fn s15_the_backlog_of_a_server_that_stops_accepting_is_served() {
    for by_handle in [false, true] {
        let mut server = server(Config::default());
        let mut clients: Vec<_> = (0..300).map(|_| ask(&server, &[])).collect();
        if by_handle {
            server.handle().stop_accepting().expect("the server is running");
        } else {
            server.stop_accepting();
        }
        for client in &mut clients {
            assert_eq!(turn_until_answered(&mut server, client), 101);
            turns::echo(&mut server, client);
        }
        assert!(TcpStream::connect(server.local_addr()).is_err());
        drop(clients);
        turn_until(&mut server, Server::is_stopped);
        assert_eq!(server.tally().accepted, 300);
    }
}

#[test]
fn s15_who_has_not_asked_when_the_server_stops_accepting_is_served() {
    let served = Served::echo(Config::default());
    let mut silent = RawClient::dial(served.address);
    let mut begun = RawClient::dial(served.address);
    let request = request_head("/ws", &[]);
    begun.write(&request[..30]);
    served.open();
    served.handle.stop_accepting().expect("the server is running");
    wait_until_refused(served.address);
    silent.write(&request);
    begun.write(&request[30..]);
    for client in [&mut silent, &mut begun] {
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client.echo("Hello");
    }
}

#[test]
fn s15_clients_that_wait_for_room_when_the_server_stops_accepting_get_a_503() {
    let served = Served::start(Config::default(), |server| {
        let limits = |limits: &mut Limits| (limits.max_connections, limits.when_full) = (1, WhenFull::Wait);
        server.set_limits(Limits::default().with(limits));
        server.route("/ws", || Echo).expect("the route is new");
    });
    let mut inside = served.open();
    let mut waiting: Vec<_> = (0..20).map(|_| RawClient::dial(served.address)).collect();
    for client in &mut waiting {
        client.write(&request_head("/ws", &[]));
    }
    served.handle.stop_accepting().expect("the server is running");
    for client in &mut waiting {
        assert!(client.head().starts_with("HTTP/1.1 503 "));
    }
    inside.echo("still here");
}

#[test]
fn s15_a_shutdown_or_a_stop_follows_as_usual() {
    for stops in [false, true] {
        let (mut served, calls) = Served::witnessed(Config::default(), Witness::accept);
        let mut open = served.open();
        calls.request();
        let mut silent = RawClient::dial(served.address);
        let mut begun = RawClient::dial(served.address);
        begun.write(&request_head("/ws", &[])[..30]);
        served.handle.stop_accepting().expect("the server is running");
        wait_until_refused(served.address);
        open.echo("still here");
        if stops {
            served.handle.stop().expect("the server is running");
        } else {
            served.handle.shutdown(1012, LONG).expect("the server is running");
            assert_eq!(open.frame(), Raw::close(1012, ""));
            open.send(Raw::close(1012, ""));
            assert!(begun.head().starts_with("HTTP/1.1 503 "));
        }
        for client in [&mut open, &mut silent, &mut begun] {
            assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
        }
        drop((open, silent, begun));
        served.wait_for_end();
        let cause = if stops { Cause::Aborted } else { Cause::LocalClosed };
        assert_eq!(calls.end_after_all().disconnect.cause, cause);
    }
}

#[test]
fn s15_requests_that_arrive_with_the_shutdown_after_that_get_a_503() {
    let mut server = server(Config::default());
    let mut silent = dial(server.local_addr());
    turn_until(&mut server, |server| server.connections() == 1);
    server.stop_accepting();
    silent.write_all(&request_head("/ws", &[])).expect("the socket buffer has room");
    silent.set_nonblocking(true).expect("the socket is open");
    server.handle().shutdown(1001, LONG).expect("the server is running");
    assert_eq!(turn_until_answered(&mut server, &mut silent), 503);
    drop(silent);
    turn_until(&mut server, Server::is_stopped);
    assert_eq!(server.tally().ended(CauseKind::Rejected), 1);
}

#[test]
fn s15_an_empty_server_that_stops_accepting_has_stopped() {
    let mut first = server(Config::default());
    first.stop_accepting();
    assert!(first.is_stopped());
    assert_eq!(first.handle().stop(), Err(HandleError::Stopped));
    first.run().expect("it returns at once");

    let mut second = server(Config::default());
    second.handle().stop_accepting().expect("the server is running");
    second.turn(Some(Duration::ZERO)).expect("the loop does not fail");
    assert!(second.is_stopped());
    second.stop_accepting();
    assert!(second.is_stopped());
}
