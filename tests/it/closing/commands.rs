//! Closes of the program's choice: an empty one, a reply with the peer's code, and one that fails the connection.

use crate::support::{
    Fragments, Pair, ROLES, Raw, after_own_close, after_peer_close, assert_deaf, disconnect_in, drain, established,
    manual, peer_sends, pending, requested_server, sent,
};
use statesocket::{
    Cause, CloseCode, CloseError, CloseFrame, Config, Connection, Event, Phase, ProtocolError, Role, SocketAction,
};

fn empty_close() -> Raw {
    Raw::new(Raw::CLOSE, "")
}

#[test]
fn k5_an_empty_close_is_sent_and_survives_both_ways() {
    for role in ROLES {
        let mut pair = Pair::open(Config::default());
        let (near, far) = match role {
            Role::Client => {
                pair.client.close(1005, "").unwrap();
                (disconnect_in(&pair.to_server()), disconnect_in(&pair.to_client()))
            }
            Role::Server => {
                pair.server.close(1005, "").unwrap();
                (disconnect_in(&pair.to_client()), disconnect_in(&pair.to_server()))
            }
        };
        let empty = Some(CloseFrame::new(1005, ""));
        for end in [near, far] {
            assert_eq!((u16::from(end.code), end.is_clean), (1005, true), "begun by a {role:?}");
            assert_eq!((&end.sent, &end.received), (&empty, &empty), "begun by a {role:?}");
        }
    }
}

#[test]
fn k5_an_empty_close_has_no_reason_and_replaces_no_other_code() {
    for role in ROLES {
        for (code, reason) in [(1005, "why"), (1004, ""), (1006, ""), (1015, ""), (0, ""), (5000, "")] {
            let mut connection = established(role, Config::default());
            let before = format!("{:?}", connection.internals());
            let refused = Err(CloseError::InvalidCode(CloseCode::new(code)));
            assert_eq!(connection.close(code, reason), refused, "{code} {reason:?} from a {role:?}");
            assert_eq!(connection.fail(code, reason), refused, "{code} {reason:?} from a {role:?}");
            assert_eq!(format!("{:?}", connection.internals()), before, "{code} {reason:?} from a {role:?}");
        }
        for (reason, expected) in [("", empty_close()), ("so be it", Raw::close(1000, "so be it"))] {
            let mut connection = established(role, Config::default());
            connection.ensure_closed(1005, reason);
            assert_eq!(sent(&mut connection), [expected], "{reason:?} from a {role:?}");
        }
    }
}

#[test]
fn k5_a_reply_has_the_code_and_reason_that_came() {
    let closes = [empty_close(), Raw::close(1000, ""), Raw::close(1010, "x"), Raw::close(4999, &"é".repeat(61))];
    for role in ROLES {
        for close in &closes {
            let mut connection = established(role, manual());
            let end = disconnect_in(&peer_sends(&mut connection, [close.clone()]));
            assert_eq!((connection.phase(), end.is_clean), (after_peer_close(role), false));
            connection.send_text("last").unwrap();
            connection.reply_close().unwrap();
            assert_eq!(sent(&mut connection), [Raw::new(Raw::TEXT, "last"), close.clone()], "{role:?}");
            let end = connection.disconnected().unwrap();
            assert_eq!((connection.phase(), end.is_clean, &end.sent), (Phase::Closed, true, &end.received));
        }
    }
}

#[test]
fn k5_a_reply_needs_a_close_of_the_peer_and_is_sent_once() {
    for role in ROLES {
        let mut connection = established(role, manual());
        assert_eq!(connection.reply_close(), Err(CloseError::NothingToReply), "{role:?}");
        assert_eq!((connection.phase(), connection.output()), (Phase::Open, &[][..]));
        connection.close(1000, "").unwrap();
        assert!(matches!(connection.reply_close(), Err(CloseError::Transition(_))), "{role:?} has closed");
        peer_sends(&mut connection, [empty_close()]);
        assert!(matches!(connection.reply_close(), Err(CloseError::Transition(_))), "{role:?} has closed first");

        let mut automatic = established(role, Config::default());
        peer_sends(&mut automatic, [empty_close()]);
        assert!(matches!(automatic.reply_close(), Err(CloseError::Transition(_))), "{role:?} has replied");
        assert_eq!(sent(&mut automatic), [empty_close()]);
    }
    assert!(matches!(requested_server(manual()).reply_close(), Err(CloseError::Transition(_))));
}

#[test]
fn k17_a_failed_connection_sends_one_close_and_hands_out_nothing_more() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.send_text("queued before").unwrap();
        connection.fail(CloseCode::POLICY_VIOLATION, "too rude").unwrap();
        assert_eq!(connection.phase(), Phase::Closed, "{role:?}");
        assert!(matches!(connection.close(1000, ""), Err(CloseError::Transition(_))));
        let late = [Raw::new(Raw::TEXT, "late"), Raw::new(Raw::PING, "p"), Raw::new(0xB, ""), Raw::close(1000, "")];
        let events = peer_sends(&mut connection, late);
        let end = disconnect_in(&events);
        assert_eq!((events.len(), end.cause, u16::from(end.code), end.is_clean), (1, Cause::Aborted, 1006, false));
        assert_eq!((end.initiator, end.received), (Some(connection.local_party()), None));
        assert_eq!(end.sent, Some(CloseFrame::new(1008, "too rude")));
        let expected = [Raw::new(Raw::TEXT, "queued before"), Raw::close(1008, "too rude")];
        assert_eq!(sent(&mut connection), expected, "{role:?}");
        assert_deaf(&mut connection, &format!("{role:?}"));
    }
}

#[test]
fn k17_a_connection_can_fail_within_a_message_and_after_the_peers_close() {
    for role in ROLES {
        let mut connection = established(role, Config::default());
        peer_sends(&mut connection, [Raw::new(Raw::TEXT, "half").more()]);
        connection.send_text_fragment("half", false).unwrap();
        connection.fail(4000, "").unwrap();
        assert_eq!(peer_sends(&mut connection, [Raw::new(Raw::CONTINUATION, "the rest")]).len(), 1);
        assert_eq!(sent(&mut connection).last(), Some(&Raw::close(4000, "")), "{role:?}");

        let mut connection = established(role, manual());
        peer_sends(&mut connection, [Raw::close(1001, "")]);
        connection.fail(1011, "").unwrap();
        assert_eq!((connection.phase(), sent(&mut connection)), (Phase::Closed, vec![Raw::close(1011, "")]));
        assert_eq!(pending(&mut connection), [], "the end has been told");
        assert!(connection.disconnected().unwrap().is_clean);
    }
}

#[test]
fn k17_before_the_connection_is_open_failing_acts_like_close() {
    let mut server = requested_server(Config::default());
    server.fail(1008, "").unwrap();
    assert!(drain(&mut server).starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
    for role in ROLES {
        let mut connection = established(role, Config::default());
        connection.close(1000, "").unwrap();
        assert!(matches!(connection.fail(1008, ""), Err(CloseError::Transition(_))));
        assert_eq!(connection.phase(), after_own_close(role));
        assert!(matches!(peer_sends(&mut connection, [Raw::new(Raw::TEXT, "x")])[..], [Event::Message(_)]));
    }
}

/// The next step, if the peer neither closes nor sends, and the step after the end of its stream.
fn steps(connection: &mut Connection) -> (Option<SocketAction>, Option<SocketAction>) {
    drain(connection);
    let first = connection.poll_socket();
    connection.receive_eof();
    pending(connection);
    (first, connection.poll_socket())
}

#[test]
fn k16_a_client_that_fails_the_connection_waits_for_the_server_to_close() {
    let violate = |connection: &mut Connection| assert_eq!(peer_sends(connection, [Raw::new(0xB, "")]).len(), 1);
    let invalid_text = |connection: &mut Connection| {
        let events = peer_sends(connection, [Raw::new(Raw::TEXT, b"\xFF")]);
        assert_eq!(disconnect_in(&events).cause, Cause::Protocol(ProtocolError::InvalidText));
    };
    let fail = |connection: &mut Connection| connection.fail(1008, "").unwrap();
    let after_our_close = |connection: &mut Connection| {
        connection.close(1000, "").unwrap();
        peer_sends(connection, [Raw::new(0xB, "")]);
    };
    let ways: [fn(&mut Connection); 4] = [violate, invalid_text, fail, after_our_close];
    for (i, way) in ways.into_iter().enumerate() {
        let mut client = established(Role::Client, Config::default());
        way(&mut client);
        assert_eq!(steps(&mut client), (None, Some(SocketAction::Close)), "a client, way {i}");
        let mut server = established(Role::Server, Config::default());
        way(&mut server);
        let expected = (Some(SocketAction::ShutdownWrite), Some(SocketAction::Close));
        assert_eq!(steps(&mut server), expected, "a server, way {i}");
    }
}
