//! Clients that leave while the application has paused reading or the output is full. Only the system shows in which
//! ways it reports that.

use crate::support::{
    Raw,
    loopback::{
        dial,
        turns::{turn_until, turn_until_answered},
    },
    request_head,
};
use socket2::SockRef;
use statesocket::{
    Cause, CauseKind, Config, Disconnect, Hold, Message,
    handshake::{Accept, Request},
    server::{Handler, Server, Session, SessionId},
};
use std::{
    cell::RefCell,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    rc::Rc,
    time::Duration,
};

/// What a handler has seen.
#[derive(Debug, Default)]
struct Seen {
    id: Option<SessionId>,
    messages: usize,
    end: Option<Disconnect>,
}

/// Pauses at the request or at the first message. `/full` fills the output, `/wait` does not answer.
struct Pauses(Rc<RefCell<Seen>>);

impl Handler for Pauses {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.0.borrow_mut().id = Some(session.id());
        if request.path() != "/wait" {
            session.accept(Accept::new()).expect("a request waits");
        }
        match request.path() {
            "/full" => {
                session.send(vec![7; 16 << 20]).expect("one message may be as long as it is");
                assert_eq!(session.held_by(), Some(Hold::Output));
            }
            "/later" => {}
            _ => session.pause_reading(),
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.0.borrow_mut().messages += 1;
        session.pause_reading();
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &Disconnect) {
        self.0.borrow_mut().end = Some(disconnect.clone());
    }
}

/// No Ping, and no other timer that a test reaches, helps the server.
fn without_pings() -> Config {
    Config::default().with(|config| config.ping_interval = None)
}

fn server(config: Config) -> (Server, Rc<RefCell<Seen>>) {
    let mut server = Server::bind("127.0.0.1:0", config).expect("a free port");
    let seen = Rc::new(RefCell::new(Seen::default()));
    for path in ["/", "/wait", "/full", "/later"] {
        let seen = Rc::clone(&seen);
        server.route(path, move || Pauses(Rc::clone(&seen))).expect("the route is new");
    }
    (server, seen)
}

/// A client whose request the handler has seen.
fn come(server: &mut Server, seen: &RefCell<Seen>, path: &str) -> TcpStream {
    let mut client = dial(server.local_addr());
    client.write_all(&request_head(path, &[])).expect("the socket buffer has room");
    turn_until(server, |_| seen.borrow().id.is_some());
    if path != "/wait" {
        // Unread bytes would make the system reset the connection.
        client.set_nonblocking(true).expect("the socket is open");
        assert_eq!(turn_until_answered(server, &mut client), 101);
        client.set_nonblocking(false).expect("the socket is open");
    }
    client
}

/// Sends all of `bytes`, while the server does what it does.
fn send(server: &mut Server, client: &mut TcpStream, bytes: &[u8]) {
    client.set_nonblocking(true).expect("the socket is open");
    let mut written = 0;
    turn_until(server, |_| {
        written += client.write(&bytes[written..]).unwrap_or(0);
        written == bytes.len()
    });
}

#[track_caller]
fn assert_lost(server: &mut Server, seen: &RefCell<Seen>, messages: usize, case: &str) {
    turn_until(server, |server| server.connections() == 0);
    let seen = seen.borrow();
    let cause = seen.end.as_ref().map(|end| &end.cause);
    assert_eq!((cause, seen.messages), (Some(&Cause::TransportLost(None)), messages), "{case}");
}

fn messages(count: usize) -> Vec<u8> {
    Raw::new(Raw::BINARY, [7; 10_000]).masked().bytes().repeat(count)
}

#[test]
fn a8_a_reset_is_noticed_during_a_pause() {
    for path in ["/", "/wait", "/full"] {
        for count in [0, 1, 6] {
            let (mut server, seen) = server(without_pings());
            let mut client = come(&mut server, &seen, path);
            send(&mut server, &mut client, &messages(count));
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
            drop(client);
            turn_until(&mut server, |server| server.connections() == 0);
            let cause = seen.borrow().end.as_ref().map(|end| end.cause.clone());
            let reset = Cause::TransportLost(Some(ErrorKind::ConnectionReset));
            assert_eq!(cause, Some(reset), "{path} and {count} messages");
        }
    }
}

#[test]
fn a8_the_end_is_noticed_behind_any_number_of_bytes() {
    // As many as the system takes while the server does not read.
    for count in [0, 1, 6] {
        for is_half_closed in [false, true] {
            let (mut server, seen) = server(without_pings());
            let mut client = come(&mut server, &seen, "/");
            client.write_all(&messages(count)).expect("the system takes it");
            client.shutdown(Shutdown::Write).expect("the socket is open");
            let kept = is_half_closed.then_some(client);
            turn_until(&mut server, |_| seen.borrow().end.is_some());
            assert_lost(&mut server, &seen, count, &format!("{count} messages, half-closed: {is_half_closed}"));
            drop(kept);
        }
    }
}

#[test]
fn a8_a_pause_that_begins_with_the_last_message_hides_no_end() {
    let (mut server, seen) = server(without_pings());
    let mut client = come(&mut server, &seen, "/later");
    client.write_all(&messages(2)).expect("the system takes it");
    drop(client);
    assert_lost(&mut server, &seen, 2, "both messages and the end have come at once");
}

#[test]
fn a8_a_client_that_leaves_while_the_output_is_full_is_noticed() {
    for is_reset in [false, true] {
        let (mut server, seen) = server(without_pings());
        let mut client = come(&mut server, &seen, "/full");
        send(&mut server, &mut client, &messages(1));
        if is_reset {
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
        }
        drop(client);
        // What came before the failure is handed out.
        turn_until(&mut server, |server| server.connections() == 0);
        assert_eq!(
            seen.borrow().end.as_ref().map(|end| end.cause.kind()),
            Some(CauseKind::TransportLost),
            "{is_reset}"
        );
    }
}

#[test]
fn a8_a_half_closed_client_gets_its_output_before_the_end() {
    let (mut server, seen) = server(without_pings());
    let mut client = come(&mut server, &seen, "/full");
    client.shutdown(Shutdown::Write).expect("the socket is open");
    client.set_nonblocking(true).expect("the socket is open");
    let mut received = Vec::new();
    turn_until(&mut server, |_| client.read_to_end(&mut received).is_ok());
    assert!(received.ends_with(&Raw::new(Raw::BINARY, vec![7; 16 << 20]).bytes()));
    assert_lost(&mut server, &seen, 0, "half-closed");
}

#[test]
fn a8_a_ping_during_a_pause_finds_a_client_that_has_gone() {
    let config = Config::default().with(|config| config.ping_interval = Some(Duration::from_millis(50)));
    let (mut server, seen) = server(config);
    let mut client = come(&mut server, &seen, "/full");
    server
        .handle()
        .with_session(seen.borrow().id.expect("the handler was called"), |session| session.pause_reading())
        .expect("the server is running");
    send(&mut server, &mut client, &messages(1));
    drop(client);
    turn_until(&mut server, |server| server.connections() == 0);
    assert_eq!(seen.borrow().end.as_ref().map(|end| end.cause.kind()), Some(CauseKind::TransportLost));
}
