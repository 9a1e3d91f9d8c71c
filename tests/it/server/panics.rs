//! Handlers and commands that panic.

use crate::support::{
    Raw, Witness,
    memory::{Echo, RawClient, Served},
    request_head,
};
use statesocket::{
    CauseKind, Config, Disconnect, Message, Phase,
    handshake::Request,
    server::{Handler, Session, SessionId},
};
use std::{panic, sync::mpsc};

/// Panics without a message on standard error, where it would only be noise.
fn give_up() -> ! {
    panic::resume_unwind(Box::new("a handler gives up"));
}

/// Panics where the query says.
struct Fragile {
    at: String,
    ends: mpsc::Sender<String>,
}

impl Fragile {
    fn pass(&self, at: &str) {
        if self.at == at {
            give_up();
        }
    }
}

impl Handler for Fragile {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.at = request.raw_query().unwrap_or_default().to_owned();
        self.pass("request");
        Witness::accept(session, request);
        self.pass("accepted");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.send(message).expect("the connection is open");
        self.pass("message");
    }

    fn on_ping(&mut self, _: &mut Session<'_>, _: &[u8]) {
        self.pass("ping");
    }

    fn on_pong(&mut self, _: &mut Session<'_>, _: &[u8]) {
        self.pass("pong");
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, _: &Disconnect) {
        self.ends.send(self.at.clone()).expect("the test is waiting");
        self.pass("disconnect");
    }
}

fn serve() -> (Served, mpsc::Receiver<String>) {
    let (sender, ends) = mpsc::channel();
    let served = Served::start(Config::default(), move |server| {
        server.route("/ws", || Witness::new(mpsc::channel().0, Witness::accept)).expect("the route is new");
        server
            .route("/fragile", move || Fragile { at: String::new(), ends: sender.clone() })
            .expect("the route is new");
        server.route("/unmade", || -> Witness<fn(&mut Session<'_>, &Request)> { give_up() }).expect("the route is new");
    });
    (served, ends)
}

#[test]
fn s6_a_panic_before_the_answer_gives_a_500() {
    let (served, ends) = serve();
    let mut neighbour = served.open();
    for target in ["/fragile?request", "/unmade"] {
        neighbour.echo(target);
        let mut client = RawClient::dial(&served);
        client.write(&request_head(target, &[]));
        let answer = client.rest_as_text();
        assert!(answer.starts_with("HTTP/1.1 500 "), "{target}: {answer}");
    }
    neighbour.echo("all is well");
    let tally = served.stop();
    assert_eq!(tally.ended(CauseKind::Rejected), 2, "{tally}");
    assert_eq!(ends.try_iter().collect::<Vec<_>>(), ["request"], "its end is told once; nobody was made for the other");
}

#[test]
fn s6_a_panic_on_an_open_connection_closes_it_with_1011() {
    let (served, ends) = serve();
    let mut neighbour = served.open();
    for (at, frame, replies) in [
        ("accepted", Raw::new(Raw::PONG, ""), &[][..]),
        ("message", Raw::new(Raw::TEXT, "m"), &[Raw::new(Raw::TEXT, "m")]),
        ("ping", Raw::new(Raw::PING, "p"), &[Raw::new(Raw::PONG, "p")]),
        ("pong", Raw::new(Raw::PONG, "p"), &[]),
    ] {
        neighbour.echo(at);
        let mut client = RawClient::open(&served, &format!("/fragile?{at}"));
        client.send(frame);
        for reply in replies {
            assert_eq!(client.frame(), *reply, "{at}: messages from before the panic are sent");
        }
        assert_eq!(client.frame(), Raw::close(1011, ""), "{at}");
        client.send(Raw::close(1011, ""));
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"", "{at}");
    }
    neighbour.echo("all is well");
    let tally = served.stop();
    assert_eq!(tally.ended(CauseKind::LocalClosed), 4, "{tally}");
    let ends: Vec<_> = ends.try_iter().collect();
    assert_eq!(ends, ["accepted", "message", "ping", "pong"], "each end is told once");
}

#[test]
fn a_panic_at_the_end_changes_nothing() {
    let (served, ends) = serve();
    let mut neighbour = served.open();
    for round in 1..=3 {
        neighbour.echo(&round.to_string());
        let mut client = RawClient::open(&served, "/fragile?disconnect");
        client.send(Raw::close(4000 + round, "bye"));
        assert_eq!(client.frame(), Raw::close(4000 + round, "bye"));
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
        drop(client);
        drop(RawClient::open(&served, "/fragile?disconnect"));
    }
    neighbour.echo("all is well");
    assert_eq!(ends.try_iter().count(), 6, "every handler gets its end once");
    let tally = served.stop();
    assert_eq!((tally.ended(CauseKind::PeerClosed), tally.clean), (3, 3), "{tally}");
}

/// Panics when it is dropped.
struct Bomb;

impl Handler for Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        give_up();
    }
}

#[test]
fn a_handler_that_panics_when_dropped_ends_its_own_connection() {
    let served = Served::start(Config::default(), |server| {
        server.route("/bomb", || Bomb).expect("the route is new");
        server.route("/ws", || Echo).expect("the route is new");
    });
    let mut other = served.open();
    let mut bomb = RawClient::open(&served, "/bomb");
    bomb.send(Raw::close(1000, ""));
    assert_eq!(bomb.frame(), Raw::close(1000, ""));
    drop(bomb);
    other.echo("still here");
    served.open().echo("and for newcomers");
}

#[test]
fn a_command_that_panics_ends_only_its_own_connection() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    let mut neighbour = served.open();
    let command = |session: &mut Session<'_>| {
        assert_eq!(session.phase(), Phase::Open);
        give_up();
    };
    served.handle.with_session(id, command).expect("the server is running");
    assert_eq!(client.frame(), Raw::close(1011, ""));
    neighbour.echo("all is well");
}

/// Tells the id of its session.
struct Armed {
    ids: mpsc::Sender<SessionId>,
    _bomb: Bomb,
}

impl Handler for Armed {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        Witness::accept(session, request);
        self.ids.send(session.id()).expect("the test is waiting");
    }
}

#[test]
fn a14_a_server_whose_handlers_factories_and_commands_panic_can_be_dropped() {
    let (sender, ids) = mpsc::channel();
    let served = Served::start(Config::default(), |server| {
        for path in ["/", "/other"] {
            let (sender, bomb) = (sender.clone(), Bomb);
            let factory = move || {
                let _ = &bomb;
                Armed { ids: sender.clone(), _bomb: Bomb }
            };
            server.route(path, factory).expect("the route is new");
        }
    });
    let _clients = [(); 3].map(|()| RawClient::open(&served, "/"));
    let opened: Vec<_> = ids.try_iter().collect();
    assert_eq!(opened.len(), 3);
    for id in opened {
        let bomb = Bomb;
        served.handle.with_session(id, move |_| drop(bomb)).expect("the server is running");
    }
    served.drop_server();
}

/// Leaves a command for its own connection, which is gone when the command is executed.
struct Leaving;

impl Handler for Leaving {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        let (id, bomb) = (session.id(), Bomb);
        session.abort();
        session.handle().with_session(id, move |_| drop(bomb)).expect("the server is running");
    }
}

#[test]
fn a_dropped_command_for_an_ended_connection_may_panic() {
    let served = Served::start(Config::default(), |server| {
        server.route("/leaving", || Leaving).expect("the route is new");
        server.route("/ws", || Echo).expect("the route is new");
    });
    let mut client = RawClient::dial(&served);
    client.write(&request_head("/leaving", &[]));
    let _ = client.rest();
    served.open();
}
