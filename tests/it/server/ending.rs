//! The end of one connection: its last bytes arrive, and its stream ends cleanly.

use super::without_linger_timeout;
use crate::support::{
    Raw, Witness,
    memory::{RawClient, Served},
};
use statesocket::{
    CauseKind, CloseReply, Config, Disconnect, Message,
    handshake::{Accept, Request},
    server::{Handler, Session, SessionId},
    testing::ClientOptions,
};
use std::{cell::Cell, rc::Rc, time::Duration};

#[test]
fn a_slow_reader_gets_everything_from_before_the_close() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    let message = vec![7; 1 << 20];
    served.handle.send_binary(id, message.clone()).expect("the server is running");
    served.handle.close(id, 1000, "all sent").expect("the server is running");
    served.settle();
    client.send(Raw::new(Raw::TEXT, "meanwhile"));
    client.send(Raw::close(1000, ""));
    served.settle();
    assert!(client.frame() == Raw::new(Raw::BINARY, message));
    assert_eq!(client.frame(), Raw::close(1000, "all sent"));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
}

#[test]
fn the_stream_ends_at_once_when_our_close_is_answered() {
    let (served, calls) = Served::witnessed(without_linger_timeout(), Witness::accept);
    let mut client = served.open();
    let (id, _) = calls.request();
    served.handle.close(id, 1000, "").expect("the server is running");
    client.send(Raw::close(1000, ""));
    client.assert_closed(1000);
}

/// Answers a Close later: tells the test which connection to close.
struct Late(Rc<Cell<Option<SessionId>>>);

impl Handler for Late {
    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        assert!(!disconnect.is_clean, "our Close is not sent yet");
        session.send_text("last words").expect("the application has not closed");
        self.0.set(Some(session.id()));
    }
}

#[test]
fn a_handler_may_answer_a_close_later() {
    let config = Config::default().with(|config| config.close_reply = CloseReply::Manual);
    let asked = Rc::new(Cell::new(None));
    let factory_asked = Rc::clone(&asked);
    let served = Served::start(config, |server| {
        server.route("/ws", move || Late(Rc::clone(&factory_asked))).expect("the route is new");
    });
    let mut client = served.open();
    client.send(Raw::close(4001, "bye"));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "last words"));
    client.assert_silent();
    let id = asked.get().expect("the handler was called");
    served.handle.close(id, 4001, "bye yourself").expect("the server is running");
    assert_eq!(client.frame(), Raw::close(4001, "bye yourself"));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    drop(client);
    served.settle();
    assert_eq!(served.connections(), 0);
}

#[test]
fn s8_a_client_that_leaves_during_a_pause_is_noticed() {
    for is_reset in [false, true] {
        let (served, calls) = Served::witnessed(Config::default(), |session, request| {
            Witness::accept(session, request);
            session.pause_reading();
        });
        let mut client = served.open();
        let (id, _) = calls.request();
        if is_reset {
            // Unread bytes make the system of the client reset the connection.
            served.handle.send_text(id, "unread").expect("the server is running");
            served.settle();
        } else {
            client.send(Raw::new(Raw::TEXT, "nobody asks for this"));
        }
        drop(client);
        assert_eq!(calls.end_after_all().disconnect.cause.kind(), CauseKind::TransportLost, "reset: {is_reset}");
    }
}

/// Sends numbered messages while there is room, and its Close behind the last one.
struct Stream {
    next: u32,
    is_asked: bool,
}

const STREAMED: u32 = 400;

impl Stream {
    fn pump(&mut self, session: &mut Session<'_>) {
        while session.has_room() && self.next < STREAMED {
            let message = [&self.next.to_be_bytes()[..], &[7; 16 << 10]].concat();
            session.send_binary(&message).expect("our Close is not sent");
            self.next += 1;
        }
        if self.is_asked && self.next == STREAMED && session.can_send() {
            session.reply_close().expect("the client has closed");
        }
    }
}

impl Handler for Stream {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        self.pump(session);
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.pump(session);
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, disconnect: &Disconnect) {
        assert!(self.next < STREAMED && !disconnect.is_clean, "the client closes in the middle");
        self.is_asked = true;
        self.pump(session);
    }
}

const CLOSING: Duration = Duration::from_secs(5);

/// The client reads nothing for longer than `closing_timeout`.
#[test]
fn s7_a_stream_goes_on_to_its_end_after_the_clients_close() {
    let config = Config::default().with(|config| {
        (config.close_reply, config.closing_timeout) = (CloseReply::Manual, Some(CLOSING));
        config.ping_interval = None;
    });
    let served = Served::start(config, |server| {
        server.route("/ws", || Stream { next: 0, is_asked: false }).expect("the route is new");
    });
    // The pipe takes what is sent before the Close is read, and much less than all.
    let wide = ClientOptions::default().with(|options| options.pipe_bytes = 2 << 20);
    let mut client = RawClient::open_with(&served, "/ws", &wide);
    client.write(&[Raw::new(Raw::TEXT, "go").masked().bytes(), Raw::close(4001, "").masked().bytes()].concat());
    for number in 0..STREAMED {
        if number % 200 == 0 {
            served.advance(2 * CLOSING);
        }
        assert_eq!(client.frame().payload[..4], number.to_be_bytes());
    }
    client.assert_closed(4001);
    drop(client);
    assert_eq!(served.stop().clean, 1);
}

/// Does this when the connection has ended.
struct AtEnd(fn(&mut Session<'_>));

impl Handler for AtEnd {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        session.send_text("last words").expect("it is open");
        session.ensure_closed(4002, "");
        session.finish();
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        (self.0)(session);
    }
}

#[test]
fn s18_our_close_leaves_whatever_a_handler_does_at_the_end() {
    let acts: [fn(&mut Session<'_>); 4] = [
        |session| session.abort(),
        |session| session.finish(),
        |session| session.handle().stop().expect("the server is running"),
        |session| session.handle().with_session(session.id(), |session| session.abort()).expect("it is running"),
    ];
    for act in acts {
        let served = Served::start(without_linger_timeout(), |server| {
            server.route("/ws", move || AtEnd(act)).expect("the route is new");
        });
        let mut client = served.open();
        client.send(Raw::close(4001, "bye"));
        // The client does not end its stream.
        served.settle();
        assert_eq!((served.tally().clean, served.connections()), (1, 0));
        assert_eq!(client.frame(), Raw::close(4001, "bye"));
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    }
}

#[test]
fn s18_a_finish_closes_the_socket_once_what_is_queued_has_left() {
    let config = without_linger_timeout().with(|config| config.closing_timeout = None);
    let served = Served::start(config, |server| server.route("/ws", || AtEnd(|_| {})).expect("the route is new"));
    let mut client = served.open();
    client.send(Raw::new(Raw::TEXT, "go"));
    served.settle();
    assert_eq!(served.connections(), 0);
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "last words"));
    assert_eq!(client.frame(), Raw::close(4002, ""));
    assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    assert_eq!((served.tally().ended(CauseKind::Aborted), served.tally().clean), (1, 0));
}

/// Pauses at once.
struct Paused;

impl Handler for Paused {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request waits");
        session.pause_reading();
    }
}

#[test]
fn s7_a_client_that_leaves_during_a_pause_is_let_go() {
    let served = Served::start(Config::default(), |server| server.route("/ws", || Paused).expect("the route is new"));
    drop(served.open());
    served.settle();
    assert_eq!(served.connections(), 0);
    assert_eq!(served.tally().ended(CauseKind::TransportLost), 1);
}
