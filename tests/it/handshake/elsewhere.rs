//! Opening handshakes that took place elsewhere (rows X3 to X5 and X7): on HTTP/2 and HTTP/3 a stream carries the
//! frames of RFC 6455, but not its handshake.

use crate::support::{Raw, config, drain, established, feed};
use statesocket::{
    Agreed, Cause, CloseCode, Config, Connection, Event, Message, Party, Phase, Role, SocketAction, State, Timer,
};
use std::{sync::Arc, time::Instant};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn hx3_an_established_connection_is_open_and_writes_no_handshake() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        assert_eq!((connection.client_state(), connection.application_state()), (State::Connected, State::Connected));
        assert_eq!((connection.poll_event(), connection.output(), connection.request()), (None, &b""[..], None));
        assert_eq!((connection.phase(), connection.poll_socket()), (Phase::Open, None));
        let timer = connection.poll_timeout(Instant::now()).map(|(_, timer)| timer);
        assert_eq!(timer, Some(Timer::Ping), "{role:?}: no opening timeout runs");
        assert!(connection.can_send() && connection.wants_read(), "{role:?}");
    }
}

#[test]
fn hx3_an_established_connection_takes_no_handshake() {
    let mut server = established(Role::Server, Config::default());
    server.accept(Default::default()).expect_err("the connection is already open");
    let mut client = established(Role::Client, Config::default());
    let events = feed(&mut client, b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert!(matches!(disconnect.cause, Cause::Protocol(_)), "{disconnect:?}");
}

#[test]
fn hx4_the_subprotocol_agreed_on_elsewhere_is_known() {
    for role in ROLES {
        let agreed = Agreed::new().subprotocol("chat");
        let connection = Connection::established(role, agreed, Arc::new(Config::default()), Instant::now());
        assert_eq!(connection.subprotocol(), Some("chat"), "{role:?}");
        assert_eq!(established(role, Config::default()).subprotocol(), None, "{role:?}");
    }
}

#[test]
fn a_connection_returns_its_configuration() {
    for role in ROLES {
        let made_with = config(|config| config.max_message_bytes = 1234);
        assert_eq!(established(role, made_with.clone()).config(), &made_with, "{role:?}");
    }
}

/// RFC 8441 section 5: the end of the stream stands for the end of the TCP connection, a reset for a reset.
#[test]
fn hx5_the_end_or_reset_of_the_stream_ends_the_connection() {
    for role in ROLES {
        for lose in [Connection::receive_eof as fn(&mut Connection), Connection::transport_failed] {
            let mut connection = established(role, Config::default());
            lose(&mut connection);
            let Some(Event::Disconnect(disconnect)) = connection.poll_event() else { panic!("the end is reported") };
            assert_eq!(
                (disconnect.code, &disconnect.cause),
                (CloseCode::ABNORMAL_CLOSURE, &Cause::TransportLost(None)),
                "{role:?}"
            );
            assert_eq!((connection.phase(), connection.poll_event()), (Phase::Closed, None), "{role:?}");
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{role:?}");
        }
    }
}

#[test]
fn hx5_masking_still_applies() {
    let mut client = established(Role::Client, Config::default());
    let mut server = established(Role::Server, Config::default());
    client.send_text("Hello").expect("the connection is open");
    let frame = drain(&mut client);
    assert_eq!((frame[..2].to_vec(), frame.len()), (vec![0x81, 0x85], 11));
    assert_eq!(feed(&mut server, &frame), [Event::Message(Message::from("Hello"))]);
    server.send_text("Hello").expect("the connection is open");
    assert_eq!(drain(&mut server), b"\x81\x05Hello");
}

/// RFC 9220 section 3 says the same about HTTP/3 as RFC 8441 about HTTP/2.
#[test]
fn hx7_a_stream_ends_after_the_closing_handshake() {
    let mut server = established(Role::Server, Config::default());
    let events = feed(&mut server, &Raw::close(1000, "bye").masked().bytes());
    let [Event::Disconnect(disconnect)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (disconnect.code, disconnect.initiator, disconnect.is_clean),
        (CloseCode::NORMAL_CLOSURE, Some(Party::Client), true)
    );
    assert_eq!(drain(&mut server), b"\x88\x05\x03\xE8bye");
    assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite));
    server.receive_eof();
    assert_eq!((server.poll_event(), server.poll_socket()), (None, Some(SocketAction::Close)));
}
