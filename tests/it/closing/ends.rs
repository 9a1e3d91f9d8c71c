//! How a connection ends: RFC 6455 section 7.1.

use crate::support::{
    Pair, ROLES, Raw, after_own_close, assert_deaf, disconnect_in, drain, established, feed, manual, peer_sends,
    pending, sent,
};
use statesocket::{
    Action, Cause, CloseFrame, Config, Connection, Disconnect, Event, HandshakeError, Party, Phase, ProtocolError,
    Role, SocketAction, Timer, http::StatusCode,
};
use std::{error::Error, time::Instant};

fn code_and_reason(disconnect: &Disconnect) -> (u16, &str) {
    (disconnect.code.into(), &disconnect.reason)
}

fn frame(code: u16, reason: &str) -> Option<CloseFrame> {
    Some(CloseFrame { code: code.into(), reason: reason.into() })
}

#[test]
fn c7_the_connection_is_closed_once_both_parties_have_closed() {
    for role in ROLES {
        let mut pair = Pair::open(Config::default());
        let (closer, other) = match role {
            Role::Client => (&mut pair.client, &mut pair.server),
            Role::Server => (&mut pair.server, &mut pair.client),
        };
        closer.close(4000, "enough").unwrap();
        assert_eq!(closer.phase(), after_own_close(role));
        assert_eq!(other.phase(), Phase::Open);
        let theirs = disconnect_in(&feed(other, &drain(closer)));
        assert_eq!(other.phase(), Phase::Closed);
        assert_eq!(closer.phase(), after_own_close(role), "the answer has not arrived");
        let ours = disconnect_in(&feed(closer, &drain(other)));
        assert_eq!(closer.phase(), Phase::Closed);

        assert_eq!((code_and_reason(&theirs), &theirs.cause), ((4000, "enough"), &Cause::PeerClosed));
        assert_eq!((code_and_reason(&ours), &ours.cause), ((4000, "enough"), &Cause::LocalClosed));
        assert!(ours.is_clean && theirs.is_clean);
        assert_eq!((&ours.sent, &ours.received), (&theirs.received, &theirs.sent));
        assert_eq!(ours.initiator, theirs.initiator);
        assert_eq!(pair.client.history(), pair.server.history(), "both ends have seen the same transitions");
        let closer = if role == Role::Client { Party::Client } else { Party::Application };
        let moves: Vec<_> = pair.client.history().iter().map(|row| (row.party, row.action)).collect();
        let opening = [(Party::Client, Action::Open), (Party::Application, Action::Accept)];
        assert_eq!(moves, [opening, [(closer, Action::Close), (closer.peer(), Action::Close)]].concat());
        assert_eq!(pair.client.output().len() + pair.server.output().len(), 0);
    }
}

#[test]
fn c8_a_server_shuts_down_writing_once_its_close_is_written() {
    let peer_first: fn(&mut Connection) = |server| drop(peer_sends(server, [Raw::close(1000, "")]));
    let we_first: fn(&mut Connection) = |server| {
        server.close(1000, "").unwrap();
        assert_eq!(server.poll_socket(), None, "the peer's Close has not arrived");
        drop(peer_sends(server, [Raw::close(1000, "")]));
    };
    for close in [peer_first, we_first] {
        let mut server = established(Role::Server, Config::default());
        assert_eq!(server.poll_socket(), None);
        close(&mut server);
        assert_eq!(server.poll_socket(), None, "the Close is not written");
        server.advance(server.output().len() - 1);
        assert_eq!(server.poll_socket(), None, "the last byte is not written");
        server.advance(1);
        assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite));
        assert_eq!(server.poll_socket(), None, "each once");
        assert!(server.wants_read() && !server.is_finished());
        server.receive_eof();
        assert_eq!(pending(&mut server), []);
        assert_eq!(server.poll_socket(), Some(SocketAction::Close));
        assert_eq!(server.poll_socket(), None, "each once");
        assert!(!server.wants_read() && server.is_finished());
    }
}

#[test]
fn c9_a_client_waits_for_the_end_of_the_stream_within_a_timeout() {
    for ends_in_time in [true, false] {
        let now = Instant::now();
        let mut client = established(Role::Client, Config::default());
        peer_sends(&mut client, [Raw::close(1000, "")]);
        assert_eq!(client.poll_socket(), None, "the Close is not written");
        drain(&mut client);
        assert_eq!(client.poll_socket(), None, "the server closes first");
        assert!(client.wants_read());
        if ends_in_time {
            client.receive_eof();
        } else {
            let (deadline, timer) = client.poll_timeout(now).expect("the wait has a deadline");
            assert_eq!(timer, Timer::Linger);
            client.handle_timeout(deadline);
        }
        assert_eq!(pending(&mut client), []);
        assert_eq!(client.poll_socket(), Some(SocketAction::Close));
        assert_eq!((client.poll_socket(), client.is_finished(), client.wants_read()), (None, true, false));
    }
}

#[test]
fn c10_with_simultaneous_closes_each_end_sees_the_others_code() {
    let mut pair = Pair::open(Config::default());
    pair.client.close(4001, "client").unwrap();
    pair.server.close(4002, "server").unwrap();
    let from_client = drain(&mut pair.client);
    let by_client = disconnect_in(&pair.to_client());
    let by_server = disconnect_in(&feed(&mut pair.server, &from_client));
    assert_eq!(code_and_reason(&by_client), (4002, "server"));
    assert_eq!(code_and_reason(&by_server), (4001, "client"));
    assert_eq!((by_client.cause, by_server.cause), (Cause::LocalClosed, Cause::LocalClosed));
    assert_eq!((by_client.initiator, by_server.initiator), (Some(Party::Client), Some(Party::Application)));
    assert!(by_client.is_clean && by_server.is_clean);
    for connection in [&mut pair.client, &mut pair.server] {
        assert_eq!(connection.output(), b"", "no third Close");
        assert_eq!(connection.phase(), Phase::Closed);
    }
}

#[test]
fn c11_an_end_is_clean_if_both_closes_were_exchanged() {
    for role in ROLES {
        let mut answered = established(role, Config::default());
        assert!(disconnect_in(&peer_sends(&mut answered, [Raw::close(1000, "")])).is_clean);

        let mut unanswered = established(role, Config::default());
        unanswered.close(1000, "").unwrap();
        assert_eq!(unanswered.phase(), after_own_close(role));
        unanswered.receive_eof();
        let disconnect = disconnect_in(&pending(&mut unanswered));
        assert_eq!((disconnect.is_clean, disconnect.sent), (false, frame(1000, "")));

        let mut violated = established(role, Config::default());
        violated.close(1000, "").unwrap();
        assert!(!disconnect_in(&peer_sends(&mut violated, [Raw::new(Raw::CLOSE, "1")])).is_clean);
    }
}

type End = fn(&mut Connection) -> Vec<Event<'static>>;

#[test]
fn c12_the_code_is_that_of_the_first_close_or_1005_or_1006() {
    for role in ROLES {
        let ends: [(&str, u16, End); 6] = [
            ("a code", 1011, |c| peer_sends(c, [Raw::close(1011, ""), Raw::close(1001, "")])),
            ("no code", 1005, |c| peer_sends(c, [Raw::new(Raw::CLOSE, ""), Raw::close(1001, "")])),
            ("nothing", 1006, |c| {
                c.receive_eof();
                pending(c)
            }),
            ("nothing after ours", 1006, |c| {
                c.close(1001, "").unwrap();
                c.receive_eof();
                pending(c)
            }),
            ("a code after ours", 1011, |c| {
                c.close(1001, "").unwrap();
                peer_sends(c, [Raw::close(1011, "")])
            }),
            ("a violation", 1006, |c| peer_sends(c, [Raw::close(999, "")])),
        ];
        for (name, code, end) in ends {
            let mut connection = established(role, Config::default());
            let disconnect = disconnect_in(&end(&mut connection));
            assert_eq!(u16::from(disconnect.code), code, "{name} to a {role:?}");
            assert_eq!(connection.disconnected(), Some(&disconnect), "{name} to a {role:?}");
        }
    }
}

#[test]
fn c13_the_reason_is_that_of_the_first_close() {
    for role in ROLES {
        for (reason, ours) in [("", ""), ("why", ""), ("", "our own"), ("why", "our own")] {
            let mut connection = established(role, Config::default());
            if !ours.is_empty() {
                connection.close(1000, ours).unwrap();
            }
            let events = peer_sends(&mut connection, [Raw::close(1000, reason), Raw::close(1000, "second")]);
            assert_eq!(disconnect_in(&events).reason, reason, "{role:?}");
        }
    }
}

#[test]
fn c14_a_violation_sends_one_close_and_ends_all_parsing() {
    let late = [Raw::new(Raw::TEXT, "late"), Raw::new(Raw::PING, "late"), Raw::close(1000, "")];
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_text("queued before").unwrap();
        let frames = [Raw::new(Raw::TEXT, "good"), Raw::new(Raw::PING, "p"), Raw::new(0x5, "")];
        let events = peer_sends(&mut connection, frames.into_iter().chain(late.clone()));
        assert_eq!(events[..2], [Event::Message("good".into()), Event::Ping(b"p".into())], "{role:?}");
        let disconnect = disconnect_in(&events);
        let error = ProtocolError::UnknownOpCode(5);
        assert_eq!((disconnect.cause, events.len()), (Cause::Protocol(error), 3), "{role:?}");
        let expected =
            [Raw::new(Raw::TEXT, "queued before"), Raw::new(Raw::PONG, "p"), Raw::close(1002, &error.to_string())];
        assert_eq!(sent(&mut connection), expected, "{role:?}");
        assert_deaf(&mut connection, &format!("{role:?}"));
        assert_eq!(connection.poll_socket(), (role == Role::Server).then_some(SocketAction::ShutdownWrite));
        connection.receive_eof();
        assert_eq!((pending(&mut connection), connection.poll_socket()), (vec![], Some(SocketAction::Close)));

        let mut connection = established(role, Config::default());
        connection.close(1001, "").unwrap();
        let events = peer_sends(&mut connection, [Raw::new(0x5, "")].into_iter().chain(late.clone()));
        let disconnect = disconnect_in(&events);
        assert_eq!((disconnect.cause, disconnect.sent), (Cause::Protocol(error), frame(1001, "")), "{role:?}");
        assert_eq!(sent(&mut connection), [Raw::close(1001, "")], "no second Close from a {role:?}");
        assert_deaf(&mut connection, &format!("{role:?} after its Close"));
    }
}

#[test]
fn c19_a_server_reads_to_the_end_before_it_closes() {
    let mut server = established(Role::Server, Config::default());
    let mut bytes = Raw::close(1000, "").masked().bytes();
    bytes.extend(Raw::new(Raw::BINARY, vec![0; 100_000]).masked().bytes());
    assert_eq!(feed(&mut server, &bytes).len(), 1);
    drain(&mut server);
    assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite));
    for _ in 0..10 {
        assert!(server.wants_read());
        assert_eq!(feed(&mut server, &[0; 1000]), []);
        assert_eq!((server.poll_socket(), server.output()), (None, &[][..]));
    }
    server.receive_eof();
    assert_eq!(server.poll_socket(), Some(SocketAction::Close));
}

#[test]
fn a_disconnect_is_one_line_in_a_log() {
    for role in ROLES {
        let ends: [(&str, End); 6] = [
            ("1001 \"away\" (closed by the peer)", |c| peer_sends(c, [Raw::close(1001, "away")])),
            ("1005 (closed by the peer)", |c| peer_sends(c, [Raw::new(Raw::CLOSE, "")])),
            ("4000 \"two\\nlines\" (closed by us)", |c| {
                c.close(1000, "our own reason").unwrap();
                peer_sends(c, [Raw::close(4000, "two\nlines")])
            }),
            ("1006 (transport lost)", |c| {
                c.receive_eof();
                pending(c)
            }),
            ("1006 (transport lost, not clean)", |c| {
                c.close(1000, "").unwrap();
                c.receive_eof();
                pending(c)
            }),
            ("1006 (protocol violation: a reserved bit is set, not clean)", |c| {
                peer_sends(c, [Raw::new(Raw::TEXT, "").set(0x40)])
            }),
        ];
        for (line, end) in ends {
            let disconnect = disconnect_in(&end(&mut established(role, Config::default())));
            assert_eq!(disconnect.to_string(), line, "{role:?}");
        }
        let unanswered = disconnect_in(&peer_sends(&mut established(role, manual()), [Raw::close(1001, "away")]));
        assert_eq!(unanswered.to_string(), "1001 \"away\" (closed by the peer, not clean)", "{role:?}");
    }
}

#[test]
fn a_cause_explains_itself() {
    for (cause, words) in [
        (Cause::PeerClosed, "closed by the peer"),
        (Cause::LocalClosed, "closed by us"),
        (Cause::Rejected(StatusCode::NOT_FOUND), "answered with 404 Not Found"),
        (Cause::Answered(StatusCode::OK), "answered with 200 OK"),
        (
            Cause::Handshake(HandshakeError::InvalidHost),
            "opening handshake failed: a request needs exactly one valid Host header",
        ),
        (Cause::Protocol(ProtocolError::InvalidText), "protocol violation: a text message is not UTF-8"),
        (Cause::TransportLost(None), "transport lost"),
        (Cause::Aborted, "aborted by us"),
    ] {
        assert_eq!(cause.to_string(), words);
    }
    let awaited = Timer::ALL.map(|timer| Cause::TimedOut(timer).to_string());
    assert_eq!(
        awaited.map(|words| words.strip_prefix("timed out: ").expect("the cause comes first").to_owned()),
        [
            "opening handshake",
            "answer to the request",
            "next ping",
            "sign of life after a ping",
            "next message",
            "end of a message",
            "room to write",
            "queued bytes, which leave too slowly",
            "closing handshake",
            "end of stream",
        ]
    );
}

/// The `?` of a function that returns any error takes an end, boxed or not.
#[test]
fn k13_an_end_is_an_error_that_a_program_can_return() {
    fn boxed(end: Box<Disconnect>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Err(end)?
    }
    fn plain(end: Disconnect) -> Result<(), Box<dyn Error>> {
        Err(end)?
    }
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "bye")]));
        let error = boxed(Box::new(end.clone())).expect_err("it is an error");
        assert_eq!(error.to_string(), "4001 \"bye\" (closed by the peer)");
        let error = plain(end.clone()).expect_err("it is an error");
        assert_eq!(error.downcast_ref::<Disconnect>(), Some(&end), "{role:?}");
        assert!(error.source().is_none(), "the text has the cause");
    }
}

/// An end by a violation tells it once: in its text, not in a source that would repeat it.
#[test]
fn k13_the_error_of_a_violation_tells_its_cause_once() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        let end = disconnect_in(&peer_sends(&mut connection, [Raw::new(Raw::TEXT, b"\xFF")]));
        let text = end.to_string();
        assert_eq!(text.matches(&ProtocolError::InvalidText.to_string()).count(), 1, "{text}");
        assert!(Error::source(&end).is_none());
    }
}
