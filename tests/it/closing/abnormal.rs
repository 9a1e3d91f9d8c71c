//! Ends without a closing handshake, in every phase: end of stream, transport failure, `abort`, `ensure_closed` and
//! `shutdown`.

use crate::support::{
    ROLES, Raw, after_own_close, after_peer_close, assert_deaf, client, disconnect_in, drain, established, feed,
    in_every_phase, manual, peer_sends, pending, requested_server, sent,
};
use statesocket::{
    Action, Cause, Config, Connection, Event, Phase, Role, SocketAction, State, handshake::Accept, http::StatusCode,
};
use std::{io::ErrorKind, sync::Arc, time::Instant};

/// Whether [`in_every_phase`] has already taken the one Disconnect of the connection.
fn is_told(connection: &Connection) -> bool {
    connection.disconnected().is_some()
}

#[test]
fn c15_the_end_of_the_stream_is_a_loss_unless_the_peer_has_closed() {
    for (case, mut connection) in in_every_phase() {
        let (before, was_told) = (connection.phase(), is_told(&connection));
        let peer_is_gone = before.state_of(connection.local_party().peer()) == State::Disconnected;
        connection.receive_eof();
        assert_eq!(connection.phase(), before, "{case}: the state changes with the event");
        let events = pending(&mut connection);
        if peer_is_gone {
            assert_eq!((events, connection.phase()), (vec![], before), "{case}");
        } else {
            assert!(!was_told, "{case}");
            let disconnect = disconnect_in(&events);
            assert_eq!((disconnect.cause, events.len()), (Cause::TransportLost(None), 1), "{case}");
            assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1006, false), "{case}");
            assert_eq!(connection.phase(), Phase::Closed, "{case}");
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{case}");
            assert_eq!(connection.poll_socket(), None, "{case}: once");
        }
        connection.receive_eof();
        assert_eq!(pending(&mut connection), [], "{case}: a second end of the stream");
        assert!(!connection.wants_read(), "{case}");
    }
}

#[test]
fn c15_a_failed_transport_ends_the_connection_in_every_phase() {
    for (case, mut connection) in in_every_phase() {
        let (before, was_told) = (connection.phase(), is_told(&connection));
        if connection.can_send() {
            connection.send_text("never leaves").unwrap();
        }
        connection.transport_failed();
        assert_eq!(connection.output(), b"", "{case}");
        let events = pending(&mut connection);
        assert_eq!(connection.phase(), Phase::Closed, "{case}");
        assert_eq!(events.len(), usize::from(!was_told), "{case}: {events:?}");
        if !was_told {
            assert_eq!(disconnect_in(&events).cause, Cause::TransportLost(None), "{case}");
        }
        let closes_now = before != Phase::Closed || !connection.is_finished();
        if closes_now {
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{case}");
        }
        connection.transport_failed();
        connection.receive_eof();
        assert_eq!((pending(&mut connection), connection.poll_socket()), (vec![], None), "{case}");
        assert_deaf(&mut connection, &case);
    }
}

#[test]
fn c15_messages_from_before_the_loss_are_reported_first() {
    for role in ROLES {
        for lose in [Connection::receive_eof, Connection::transport_failed] {
            let mut connection = established(role, Config::default());
            let mut bytes = Raw::new(Raw::TEXT, "one").for_endpoint(role);
            bytes.extend(Raw::new(Raw::TEXT, "two").for_endpoint(role));
            let mut input = bytes.as_mut_slice();
            lose(&mut connection);
            let now = Instant::now();
            assert_eq!(connection.receive(&mut input, now), Some(Event::Message("one".into())));
            assert_eq!(connection.receive(&mut input, now), Some(Event::Message("two".into())));
            assert_eq!(connection.phase(), Phase::Open);
            let Some(Event::Disconnect(disconnect)) = connection.receive(&mut input, now) else { panic!() };
            assert_eq!(disconnect.cause, Cause::TransportLost(None), "{role:?}");
        }
    }
}

#[test]
fn c15_a_close_from_before_the_loss_counts() {
    for role in ROLES {
        for lose in [Connection::receive_eof, Connection::transport_failed] {
            let mut connection = established(role, Config::default());
            lose(&mut connection);
            let disconnect = disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "bye")]));
            assert_eq!((u16::from(disconnect.code), disconnect.cause), (4001, Cause::PeerClosed), "{role:?}");
        }
    }
}

#[test]
fn c15_a_failed_transport_leaves_no_output() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.transport_failed();
        peer_sends(&mut connection, [Raw::new(Raw::PING, "p"), Raw::close(1000, "")]);
        assert_eq!(connection.output(), b"", "{role:?}: the replies cannot be sent");
        assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{role:?}");
    }
}

#[test]
fn c15_no_pong_is_queued_after_the_transport_failed() {
    let mut server = requested_server(Config::default());
    feed(&mut server, &Raw::new(Raw::PING, "early").for_endpoint(Role::Server));
    server.accept(Accept::new()).expect("a request is pending");
    server.transport_failed();
    assert!(matches!(server.poll_event(), Some(Event::Ping(payload)) if *payload == *b"early"));
    assert_eq!(server.output(), b"");
    assert_eq!(disconnect_in(&pending(&mut server)).cause, Cause::TransportLost(None));
}

#[test]
fn c15_a_server_cannot_accept_a_client_that_is_gone() {
    for lose in [Connection::receive_eof, Connection::transport_failed] {
        let mut server = requested_server(Config::default());
        lose(&mut server);
        assert!(server.accept(Accept::new()).is_err());
        assert_eq!((server.phase(), server.output()), (Phase::Requested, &[][..]));
        assert_eq!(disconnect_in(&pending(&mut server)).cause, Cause::TransportLost(None));
    }
}

#[test]
fn abort_ends_every_phase() {
    for (case, mut connection) in in_every_phase() {
        let (before, was_told) = (connection.phase(), is_told(&connection));
        let socket_is_done = connection.is_finished();
        if connection.can_send() {
            connection.send_text("never leaves").unwrap();
        }
        connection.abort();
        assert_eq!((connection.phase(), connection.output()), (Phase::Closed, &[][..]), "{case}");
        let events = pending(&mut connection);
        assert_eq!(events.len(), usize::from(!was_told), "{case}: {events:?}");
        if !was_told {
            let disconnect = disconnect_in(&events);
            let by = Some(connection.local_party());
            assert_eq!((&disconnect.cause, disconnect.initiator), (&Cause::Aborted, by), "{case}");
            assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1006, false), "{case}");
        }
        if before != Phase::Closed {
            assert_eq!(connection.poll_socket(), Some(SocketAction::Close), "{case}");
            assert!(!socket_is_done && connection.is_finished(), "{case}");
        }
        connection.abort();
        assert_eq!(pending(&mut connection), [], "{case}");
        assert_deaf(&mut connection, &case);
    }
}

#[test]
fn the_party_with_the_first_close_is_the_initiator_of_any_end() {
    for role in ROLES {
        for lose in [Connection::receive_eof, Connection::transport_failed, Connection::abort] {
            let mut connection = established(role, Config::default());
            connection.close(1000, "").unwrap();
            lose(&mut connection);
            let disconnect = disconnect_in(&pending(&mut connection));
            assert_eq!(disconnect.initiator, Some(connection.local_party()), "{role:?}: {disconnect}");
        }
        let mut connection = established(role, Config::default());
        connection.receive_eof();
        assert_eq!(disconnect_in(&pending(&mut connection)).initiator, None, "{role:?}: the network ended it");
    }
}

#[test]
fn ensure_closed_closes_in_every_phase() {
    for (code, reason, sent_code) in [(1001, "away", 1001), (1005, "", 1005), (999, "x", 1011), (4000, "y", 4000)] {
        for (case, mut connection) in in_every_phase() {
            let (before, was_told, role) = (connection.phase(), is_told(&connection), connection.role());
            let is_due = connection.can(Action::Close);
            connection.ensure_closed(code, reason);
            let (phase, wire) = (connection.phase(), drain(&mut connection));
            match before {
                Phase::Idle => assert_eq!((phase, wire.len()), (Phase::Closed, 0), "{case}"),
                Phase::Requested if role == Role::Client => {
                    assert_eq!((phase, wire.len()), (Phase::Closed, 0), "{case}")
                }
                Phase::Requested => {
                    assert_eq!(phase, Phase::Closed, "{case}");
                    assert!(wire.starts_with(b"HTTP/1.1 403 Forbidden\r\n"), "{case}");
                }
                Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed if is_due => {
                    let after = if before == Phase::Open { after_own_close(role) } else { Phase::Closed };
                    assert_eq!(phase, after, "{case}");
                    let close = Raw { key: None, ..Raw::parse(&mut wire.as_slice()) };
                    let empty = Raw::new(Raw::CLOSE, "");
                    assert_eq!(close, if sent_code == 1005 { empty } else { Raw::close(sent_code, reason) });
                }
                Phase::Open | Phase::ClientClosed | Phase::ApplicationClosed | Phase::Closed => {
                    assert_eq!((phase, wire.len()), (before, 0), "{case}: it had already closed");
                }
            }
            let events = pending(&mut connection);
            let ends_now = phase == Phase::Closed && !was_told;
            assert_eq!(events.len(), usize::from(ends_now), "{case}: {events:?}");
            connection.ensure_closed(code, reason);
            assert_eq!((connection.phase(), connection.output()), (phase, &[][..]), "{case}: again");
            assert_eq!(pending(&mut connection), [], "{case}: again");
        }
    }
}

#[test]
fn shutdown_ends_every_phase() {
    let mut begun = Connection::server(Arc::new(Config::default()), Instant::now());
    assert_eq!(feed(&mut begun, b"GET / HT"), []);
    let all = in_every_phase().into_iter().map(|(case, connection)| (case, connection, false));
    for (case, mut connection, has_begun) in all.chain([("begun".to_owned(), begun, true)]) {
        let (before, role) = (connection.phase(), connection.role());
        let is_due = connection.can(Action::Close);
        connection.shutdown(1012);
        let wire = drain(&mut connection);
        let cause = pending(&mut connection).first().map(|_| connection.disconnected().unwrap().cause.clone());
        if has_begun || before == Phase::Requested && role == Role::Server {
            assert!(wire.starts_with(b"HTTP/1.1 503 Service Unavailable\r\n"), "{case}: {}", wire.escape_ascii());
            let rejected = Cause::Rejected(StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(cause, Some(if has_begun { Cause::Aborted } else { rejected }), "{case}");
        } else if is_due {
            assert_eq!(Raw { key: None, ..Raw::parse(&mut wire.as_slice()) }, Raw::close(1012, ""), "{case}");
            assert!(!connection.can(Action::Close), "{case}");
        } else {
            let is_aborted = matches!(before, Phase::Idle | Phase::Requested);
            assert_eq!((wire.len(), cause), (0, is_aborted.then_some(Cause::Aborted)), "{case}: nothing is sent");
        }
    }
}

#[test]
fn close_before_the_connection_is_open_refuses_or_leaves() {
    let mut server = requested_server(Config::default());
    assert!(server.close(1006, "").is_err(), "the code is still checked");
    assert_eq!((server.phase(), server.output()), (Phase::Requested, &[][..]));
    server.close(1008, "not you").unwrap();
    assert_eq!(server.phase(), Phase::Closed);
    assert!(drain(&mut server).starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
    let disconnect = disconnect_in(&pending(&mut server));
    assert_eq!(disconnect.cause, Cause::Rejected(StatusCode::FORBIDDEN));
    assert_eq!((u16::from(disconnect.code), disconnect.reason.as_str(), disconnect.sent), (1006, "", None));
    assert_eq!(server.poll_socket(), Some(SocketAction::ShutdownWrite));

    let mut client = client(Config::default(), &[]);
    client.close(1000, "").unwrap();
    assert_eq!((client.phase(), client.output()), (Phase::Closed, &[][..]), "a client sends nothing at that point");
    assert_eq!(disconnect_in(&pending(&mut client)).cause, Cause::Aborted);
    assert_eq!(client.poll_socket(), Some(SocketAction::Close));
}

#[test]
fn a_disconnect_is_visible_only_after_it_was_reported() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.abort();
        assert_eq!(connection.disconnected(), None);
        let disconnect = disconnect_in(&pending(&mut connection));
        assert_eq!(connection.disconnected(), Some(&disconnect));

        let mut connection = established(role, manual());
        peer_sends(&mut connection, [Raw::close(1000, "")]);
        assert_eq!(connection.phase(), after_peer_close(role));
        assert!(connection.disconnected().is_some());
        assert_eq!(sent(&mut connection), []);
    }
}

/// The fuzz target `operations` found that the model of the parties expected one of them to stay.
#[test]
fn k20_an_answer_that_cannot_leave_is_not_told_and_ends_both_parties() {
    let close = Raw::close(4001, "bye");
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.transport_failed();
        let end = disconnect_in(&peer_sends(&mut connection, [close.clone()]));
        assert_eq!((u16::from(end.code), &end.cause, &end.sent), (4001, &Cause::PeerClosed, &None), "{role:?}");
        assert_eq!((end.is_clean, connection.phase(), connection.output()), (false, Phase::Closed, &[][..]));
    }
    let mut early = requested_server(Config::default());
    assert_eq!(feed(&mut early, &close.clone().masked().bytes()), []);
    early.accept(Default::default()).unwrap();
    early.transport_failed();
    let end = disconnect_in(&pending(&mut early));
    assert_eq!((u16::from(end.code), end.sent, early.phase()), (4001, None, Phase::Closed), "a Close in early bytes");
}

#[test]
fn k20_the_programs_answer_that_cannot_leave_ends_both_parties_too() {
    for role in ROLES {
        let mut connection = established(role, manual());
        connection.transport_failed();
        let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "")]));
        assert_eq!((end.sent, end.is_clean), (None, false), "{role:?}");
        assert_eq!((pending(&mut connection), connection.phase()), (vec![], Phase::Closed), "nobody could answer it");

        let mut answered = established(role, manual());
        peer_sends(&mut answered, [Raw::close(4001, "")]);
        answered.transport_failed();
        answered.reply_close().unwrap();
        let end = answered.disconnected().unwrap();
        assert_eq!((&end.sent, end.is_clean, answered.output()), (&None, false, &[][..]), "{role:?}");
    }
}

#[test]
fn k20_no_command_tells_an_answer_that_cannot_leave() {
    let commands: [fn(&mut Connection); 4] = [
        |connection| connection.fail(1008, "why").unwrap(),
        |connection| connection.close(1008, "why").unwrap(),
        |connection| connection.ensure_closed(1008, "why"),
        |connection| connection.shutdown(1001),
    ];
    for (role, command) in ROLES.into_iter().flat_map(|role| commands.map(|command| (role, command))) {
        let mut connection = established(role, manual());
        peer_sends(&mut connection, [Raw::close(1000, "")]);
        connection.transport_failed();
        command(&mut connection);
        let end = connection.disconnected().unwrap();
        assert_eq!((&end.sent, end.is_clean, connection.output()), (&None, false, &[][..]), "{role:?}");
    }
}

#[test]
fn k20_a_close_after_the_loss_makes_no_clean_end() {
    let commands: [fn(&mut Connection); 3] = [
        |connection| connection.close(1011, "the send failed").unwrap(),
        |connection| connection.ensure_closed(1011, "the send failed"),
        |connection| connection.shutdown(1001),
    ];
    for (role, command) in ROLES.into_iter().flat_map(|role| commands.map(|command| (role, command))) {
        for config in [Config::default(), manual()] {
            let mut connection = established(role, config);
            connection.transport_failed();
            command(&mut connection);
            assert!(connection.output().is_empty(), "{role:?}: nothing is written to a stream that has failed");
            let end = disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "")]));
            let told = (u16::from(end.code), end.cause, end.sent, end.is_clean);
            assert_eq!(told, (4001, Cause::PeerClosed, None, false), "{role:?}");
            assert!(!connection.has_closed_cleanly() && connection.output().is_empty(), "{role:?}");
        }
    }
}

#[test]
fn k20_our_own_close_that_cannot_leave_is_told() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.close(1001, "").unwrap();
        connection.transport_failed();
        let end = disconnect_in(&pending(&mut connection));
        assert_eq!((end.sent.map(|close| u16::from(close.code)), end.is_clean), (Some(1001), false), "{role:?}");
    }
}

#[test]
fn the_first_error_of_the_system_is_kept_in_the_cause() {
    for role in ROLES {
        for (first, second, kept) in [
            (Some(ErrorKind::ConnectionReset), Some(ErrorKind::BrokenPipe), Some(ErrorKind::ConnectionReset)),
            (Some(ErrorKind::TimedOut), None, Some(ErrorKind::TimedOut)),
            (None, Some(ErrorKind::BrokenPipe), None),
        ] {
            let mut connection = established(role, Config::default());
            for failure in [first, second] {
                match failure {
                    Some(error) => connection.transport_failed_with(error),
                    None => connection.transport_failed(),
                }
            }
            let disconnect = disconnect_in(&pending(&mut connection)).clone();
            assert_eq!(disconnect.cause, Cause::TransportLost(kept), "{role:?}");
            assert!(disconnect.is_retryable());
        }
    }
}

#[test]
fn an_error_after_the_end_changes_no_cause() {
    for role in ROLES {
        let mut ended = established(role, Config::default());
        ended.receive_eof();
        assert_eq!(disconnect_in(&pending(&mut ended)).cause, Cause::TransportLost(None), "{role:?}");
        ended.transport_failed_with(ErrorKind::ConnectionReset);
        assert_eq!(ended.disconnected().map(|end| &end.cause), Some(&Cause::TransportLost(None)), "{role:?}");
    }
}
