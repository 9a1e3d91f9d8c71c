//! Closures that the loop calls with its server, while it runs on another thread.

use crate::support::loopback::{Client, PATIENCE, RawClient, Served, turns::Echo};
use statesocket::{Config, Message, server::Server};
use std::{io::ErrorKind, panic::resume_unwind, sync::mpsc, time::Duration};

/// What `look` returns on the loop.
#[track_caller]
fn ask<T: Send + 'static>(served: &Served, look: impl FnOnce(&mut Server) -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let tell = move |server: &mut Server| sender.send(look(server)).expect("the test waits for it");
    served.handle.run(tell).expect("the server is running");
    receiver.recv_timeout(PATIENCE).expect("the loop calls it")
}

#[test]
fn a_route_can_be_added_while_the_server_runs() {
    let served = Served::echo(Config::default());
    served.handle.run(|server| server.route("/late", || Echo).expect("the route is new")).expect("it is running");
    let mut client = Client::open(&served.url("/late"));
    client.ws.send("Hello").expect("the connection is open");
    assert_eq!(client.message(), Message::from("Hello"));
}

#[test]
fn the_status_of_a_server_that_runs_is_told() {
    let served = Served::echo(Config::default());
    let clients = [(); 3].map(|()| RawClient::open(served.address, "/ws"));
    let (sender, receiver) = mpsc::channel();
    served.handle.status(move |status| drop(sender.send(status))).expect("the server is running");
    let told = receiver.recv_timeout(PATIENCE).expect("the loop tells");
    assert_eq!((told.connections, told.tally.accepted, told.tally.total_ended()), (3, 3, 0));
    let mut later = ask(&served, |server| server.status());
    assert!(later.turns.count >= told.turns.count && later.turns.busy >= told.turns.busy);
    later.turns = told.turns;
    assert_eq!(later, told);
    drop(clients);
}

#[test]
fn a_panic_of_such_a_closure_ends_neither_the_server_nor_a_session() {
    let served = Served::echo(Config::default());
    let mut client = Client::open(&served.url("/ws"));
    served.handle.run(|_| resume_unwind(Box::new("this is what the test is about"))).expect("it is running");
    assert_eq!(ask(&served, |server| server.connections()), 1);
    client.ws.send("Hello").expect("the connection is open");
    assert_eq!(client.message(), Message::from("Hello"));
}

#[test]
fn such_a_closure_cannot_run_the_server() {
    let served = Served::echo(Config::default());
    let errors = ask(&served, |server| {
        let turn = server.turn(Some(Duration::ZERO));
        [turn, server.run()].map(|result| result.map_err(|error| error.kind()))
    });
    assert_eq!(errors, [Err(ErrorKind::ResourceBusy); 2]);
    RawClient::open(served.address, "/ws");
}
