//! The application answers the peer's Close: `CloseReply::Manual`.

use crate::support::{
    Fragments, ROLES, Raw, after_own_close, after_peer_close, assert_deaf, disconnect_in, drain, established, manual,
    peer_sends, pending, sent,
};
use statesocket::{Cause, Config, Connection, Event, Phase, Role, SocketAction, Timer};
use std::time::Instant;

/// A connection whose peer has sent Close(4001, "bye"); the event is already reported.
fn peer_closed(role: Role) -> Connection {
    let mut connection = established(role, manual());
    connection.send_text_fragment("begun ", false).unwrap();
    sent(&mut connection);
    let disconnect = disconnect_in(&peer_sends(&mut connection, [Raw::close(4001, "bye")]));
    assert_eq!((u16::from(disconnect.code), disconnect.reason.as_str()), (4001, "bye"));
    assert_eq!((disconnect.cause, disconnect.is_clean), (Cause::PeerClosed, false), "our Close is not sent yet");
    assert_eq!(disconnect.sent, None);
    assert_eq!(connection.phase(), after_peer_close(role));
    connection
}

#[test]
fn c5_the_application_may_finish_sending_before_it_answers() {
    for role in ROLES {
        let mut connection = peer_closed(role);
        assert_eq!((connection.poll_socket(), connection.output()), (None, &[][..]));
        connection.send_text_fragment("ended", true).unwrap();
        connection.send_binary(b"and more").unwrap();
        connection.ping(b"").unwrap();
        connection.close(4002, "me too").unwrap();
        assert_eq!(connection.phase(), Phase::Closed);
        let expected = [
            Raw::new(Raw::CONTINUATION, "ended"),
            Raw::new(Raw::BINARY, "and more"),
            Raw::new(Raw::PING, ""),
            Raw::close(4002, "me too"),
        ];
        assert_eq!(sent(&mut connection), expected, "{role:?}");
        assert_eq!(pending(&mut connection), [], "the only Disconnect is already reported");

        let disconnect = connection.disconnected().expect("the connection has ended");
        assert!(disconnect.is_clean);
        assert_eq!((u16::from(disconnect.code), disconnect.reason.as_str()), (4001, "bye"), "the peer's code stays");
        assert_eq!(disconnect.sent.as_ref().map(|close| u16::from(close.code)), Some(4002));
        assert_eq!(
            (&disconnect.cause, disconnect.initiator),
            (&Cause::PeerClosed, Some(connection.local_party().peer()))
        );
        let action = connection.poll_socket();
        assert_eq!(action, (role == Role::Server).then_some(SocketAction::ShutdownWrite), "{role:?}");
        assert_deaf(&mut connection, &format!("{role:?}"));
    }
}

#[test]
fn c17_bytes_before_the_applications_answer_are_discarded() {
    for role in ROLES {
        let mut connection = peer_closed(role);
        assert_deaf(&mut connection, &format!("{role:?}"));
        connection.send_text_fragment("can still send", true).unwrap();
    }
}

#[test]
fn c5_a_close_that_follows_ours_needs_no_answer() {
    for role in ROLES {
        let mut connection = established(role, manual());
        connection.close(1000, "").unwrap();
        assert_eq!(connection.phase(), after_own_close(role));
        let disconnect = disconnect_in(&peer_sends(&mut connection, [Raw::close(1001, "")]));
        assert_eq!((disconnect.cause, disconnect.is_clean), (Cause::LocalClosed, true));
        assert_eq!((connection.phase(), sent(&mut connection)), (Phase::Closed, vec![Raw::close(1000, "")]));
    }
}

#[test]
fn c6_the_application_may_answer_an_empty_close_with_a_code() {
    for role in ROLES {
        let mut connection = established(role, manual());
        peer_sends(&mut connection, [Raw::new(Raw::CLOSE, "")]);
        connection.ensure_closed(1005, "so be it");
        assert_eq!(sent(&mut connection), [Raw::close(1000, "so be it")]);
        let disconnect = connection.disconnected().unwrap();
        assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1005, true));
    }
}

#[test]
fn c11_the_transport_may_end_before_the_application_answers() {
    for role in ROLES {
        let mut at_eof = peer_closed(role);
        at_eof.receive_eof();
        assert_eq!(pending(&mut at_eof), [], "the peer has already closed");
        assert_eq!(at_eof.phase(), after_peer_close(role), "the rest can still be sent");
        at_eof.close(1000, "").unwrap();
        assert_eq!((at_eof.phase(), at_eof.poll_socket()), (Phase::Closed, None));
        drain(&mut at_eof);
        assert_eq!((at_eof.poll_socket(), at_eof.poll_socket()), (Some(SocketAction::Close), None));
        assert!(at_eof.disconnected().unwrap().is_clean);

        let lose: [fn(&mut Connection); 2] = [Connection::transport_failed, Connection::abort];
        for (i, lose) in lose.iter().enumerate() {
            let mut connection = peer_closed(role);
            lose(&mut connection);
            assert_eq!(pending(&mut connection), [], "no second Disconnect, end {i}");
            assert_eq!((connection.phase(), connection.poll_socket()), (Phase::Closed, Some(SocketAction::Close)));
            let disconnect = connection.disconnected().unwrap();
            assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (4001, false), "end {i}");
            assert!(connection.close(1000, "").is_err());
        }
    }
}

#[test]
fn c9_the_closing_timeout_applies_to_the_application_too() {
    let now = Instant::now();
    for role in ROLES {
        let mut connection = peer_closed(role);
        let (deadline, timer) = connection.poll_timeout(now).expect("the client waits for the answer");
        assert_eq!(timer, Timer::Closing);
        let mut answered = peer_closed(role);
        assert!(answered.poll_timeout(now).is_some());
        answered.close(1000, "").unwrap();
        drain(&mut answered);
        let (_, timer) = answered.poll_timeout(now).expect("the client waits for the end of the stream");
        assert_eq!(timer, Timer::Linger);

        connection.handle_timeout(deadline);
        assert_eq!(pending(&mut connection), [], "no second Disconnect");
        assert_eq!((connection.phase(), connection.poll_socket()), (Phase::Closed, Some(SocketAction::Close)));
        assert!(!connection.disconnected().unwrap().is_clean);
    }
}

#[test]
fn c14_a_violation_is_answered_at_once_in_manual_mode() {
    for role in ROLES {
        let mut connection = established(role, manual());
        let events = peer_sends(&mut connection, [Raw::new(Raw::TEXT, "good"), Raw::new(Raw::CLOSE, "1")]);
        assert!(matches!(events.as_slice(), [Event::Message(_), Event::Disconnect(_)]), "{events:?}");
        assert_eq!(connection.phase(), Phase::Closed);
        assert_eq!(sent(&mut connection).len(), 1);
    }
}

#[test]
fn c5_the_automatic_reply_is_the_default() {
    assert_eq!(Config::default().close_reply, statesocket::CloseReply::Automatic);
}
