//! A server that stops accepting gives its address free, which only a system has.

use crate::support::{
    Raw,
    loopback::{
        PATIENCE, Served, Witness,
        turns::{self, Echo},
    },
};
use statesocket::{
    Cause, Config,
    server::{HandleError, Server},
};
use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Instant,
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
    assert!(causes.contains(&Cause::PeerClosed) && causes.contains(&Cause::TransportLost(None)), "{causes:?}");
}
