//! Every error of an open connection: the call that produces it, its message, and that the refused call changed
//! nothing.

use crate::support::{Fragments, ROLES, Raw, assert_fails, config, drain, established, in_every_phase};
use statesocket::{
    Action, CloseCode, CloseError, Config, Connection, Phase, PingError, ProtocolError, Role, SendError,
    TransitionError,
};
use std::{collections::HashSet, error::Error, fmt::Debug, mem, time::Instant};

/// A violation, the frames that cause it at an endpoint of one role, and its message and code.
struct Violation {
    error: ProtocolError,
    role: Role,
    frames: Vec<Raw>,
    words: &'static str,
    code: u16,
}

fn violation(error: ProtocolError, frames: &[Raw], code: u16, words: &'static str) -> Violation {
    Violation { error, role: Role::Client, frames: frames.to_vec(), words, code }
}

/// The limits that the violations exceed.
fn limits() -> Config {
    config(|config| {
        config.max_frame_bytes = 200;
        config.max_message_bytes = 300;
        config.max_fragments = 3;
    })
}

fn violations() -> Vec<Violation> {
    let text = |payload: &str| Raw::new(Raw::TEXT, payload);
    let more = || Raw::new(Raw::CONTINUATION, [0; 150]).more();
    let empty = || Raw::new(Raw::CONTINUATION, "").more();
    let begun = || Raw::new(Raw::BINARY, [0; 150]).more();
    let mut all = vec![
        violation(ProtocolError::ReservedBits, &[text("").set(0x40)], 1002, "a reserved bit is set"),
        violation(ProtocolError::UnknownOpCode(0xB), &[Raw::new(0xB, "")], 1002, "opcode 0xb is not known"),
        violation(ProtocolError::MaskedFrame, &[text("").masked()], 1002, "a frame from the server is masked"),
        violation(
            ProtocolError::FragmentedControl,
            &[Raw::new(Raw::PING, "").more()],
            1002,
            "a control frame is fragmented",
        ),
        violation(
            ProtocolError::ControlTooLong,
            &[Raw::new(Raw::PING, [0; 126])],
            1002,
            "a control frame is longer than 125 bytes",
        ),
        violation(ProtocolError::UnexpectedContinuation, &[more()], 1002, "a continuation frame continues no message"),
        violation(
            ProtocolError::InterleavedMessage,
            &[begun(), text("")],
            1002,
            "a new message begins inside a fragmented one",
        ),
        violation(ProtocolError::InvalidText, &[Raw::new(Raw::TEXT, b"\xFF")], 1007, "a text message is not UTF-8"),
        violation(
            ProtocolError::CloseBodyTooShort,
            &[Raw::new(Raw::CLOSE, "1")],
            1002,
            "the body of a close frame is one byte long",
        ),
        violation(
            ProtocolError::InvalidCloseCode(1005),
            &[Raw::close(1005, "")],
            1002,
            "1005 is not a close code that may be sent",
        ),
        violation(
            ProtocolError::InvalidCloseReason,
            &[Raw::new(Raw::CLOSE, b"\x03\xE8\xFF")],
            1007,
            "the reason of a close frame is not UTF-8",
        ),
        violation(
            ProtocolError::FrameTooLarge { size: 201, limit: 200 },
            &[Raw::new(Raw::BINARY, [0; 201])],
            1009,
            "a frame of 201 bytes is over the limit of 200",
        ),
        violation(
            ProtocolError::MessageTooLarge { size: 450, limit: 300 },
            &[begun(), more(), more()],
            1009,
            "a message of at least 450 bytes is over the limit of 300",
        ),
        violation(
            ProtocolError::TooManyFragments { limit: 3 },
            &[text("").more(), empty(), empty(), empty()],
            1008,
            "a message has more than 3 fragments",
        ),
    ];
    let unmasked = violation(ProtocolError::UnmaskedFrame, &[text("")], 1002, "a frame from the client is not masked");
    all.push(Violation { role: Role::Server, ..unmasked });
    all
}

#[test]
fn every_protocol_error_has_its_code_and_message() {
    let mut seen = HashSet::new();
    for Violation { error, role, frames, words, code } in violations() {
        let mut connection = established(role, limits());
        let bytes: Vec<u8> = frames.iter().flat_map(Raw::bytes).collect();
        assert_fails(&mut connection, &bytes, error, words);
        assert_says(&error, words);
        assert_eq!(u16::from(error.close_code()), code, "{words}");
        seen.insert(mem::discriminant(&error));
    }
    // Lengths that no frame above can have.
    for (error, wire, words) in [
        (
            ProtocolError::LengthNotMinimal,
            &b"\x82\x7E\0\x7D"[..],
            "a payload length is not encoded in the fewest bytes",
        ),
        (
            ProtocolError::LengthOverflow,
            b"\x82\x7F\x80\0\0\0\0\0\0\0",
            "the most significant bit of a 64-bit payload length is set",
        ),
    ] {
        assert_fails(&mut established(Role::Client, limits()), wire, error, words);
        assert_says(&error, words);
        assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR, "{words}");
        seen.insert(mem::discriminant(&error));
    }
    assert_eq!(seen.len(), 17, "every variant of ProtocolError");
}

#[test]
fn the_message_of_every_protocol_error_fits_into_a_close() {
    let (size, limit) = (u64::MAX, u64::MAX);
    let longest = [
        ProtocolError::FrameTooLarge { size, limit },
        ProtocolError::MessageTooLarge { size, limit },
        ProtocolError::TooManyFragments { limit: u32::MAX },
        ProtocolError::InvalidCloseCode(u16::MAX),
        ProtocolError::UnknownOpCode(u8::MAX),
        ProtocolError::LengthNotMinimal,
        ProtocolError::LengthOverflow,
    ];
    for error in violations().into_iter().map(|violation| violation.error).chain(longest) {
        assert!(error.to_string().len() <= 123, "{error}");
        for role in ROLES {
            established(role, Config::default())
                .close(error.close_code(), &error.to_string())
                .expect("the reason fits a Close");
        }
    }
}

/// Checks the message of an error: lower case, no full stop, and its source not repeated.
#[track_caller]
fn assert_says(error: &dyn Error, words: &str) {
    assert_eq!(error.to_string(), words);
    assert!(words.starts_with(|c: char| !c.is_uppercase()) && !words.ends_with('.'), "{words}");
    if let Some(source) = error.source() {
        assert!(!words.contains(&source.to_string()), "{words} repeats its source");
    }
}

/// Makes a call that is refused, and checks that nothing has changed.
#[track_caller]
fn refused<T: Debug, E: Debug>(connection: &mut Connection, call: impl FnOnce(&mut Connection) -> Result<T, E>) -> E {
    let now = Instant::now();
    let deadline = connection.poll_timeout(now);
    let inside = format!("{:?}", connection.internals());
    let phase = connection.phase();
    let wire = connection.output().to_vec();
    let error = call(connection).expect_err("the call is refused");
    assert_eq!((connection.phase(), connection.output()), (phase, wire.as_slice()), "{error:?}");
    assert_eq!(connection.poll_timeout(now), deadline, "{error:?}");
    assert_eq!(format!("{:?}", connection.internals()), inside, "{error:?}");
    error
}

fn begun(role: Role) -> Connection {
    let mut connection = established(role, Config::default());
    connection.send_text_fragment("begun", false).unwrap();
    connection
}

fn full(role: Role) -> Connection {
    let mut connection = established(role, config(|config| config.max_output_bytes = 50));
    connection.send_text("0123456789").unwrap();
    connection
}

type Send = fn(&mut Connection) -> Result<(), SendError>;

#[test]
fn every_send_error_has_its_message_and_changes_nothing() {
    let sends: [Send; 3] = [
        |c| c.send_text("a text that is longer than what is left"),
        |c| c.send_binary(b"bytes that are longer than what is left"),
        |c| c.send_binary_fragment(b"bytes that are longer than what is left", false),
    ];
    for role in ROLES {
        for send in sends {
            let error = refused(&mut begun(role), send);
            assert_eq!(error, SendError::MessageInProgress);
            assert_says(&error, "a fragmented message is in progress");

            let mut connection = full(role);
            let queued = connection.output().len();
            let error = refused(&mut connection, send);
            assert_eq!(error, SendError::OutputFull { queued, limit: 50 });
            assert_says(&error, &format!("{queued} bytes are queued, and the message would go over the limit of 50"));
        }
    }
    let mut server = established(Role::Server, Config::default());
    server.close(1000, "").unwrap();
    for send in sends {
        let error = refused(&mut server, send);
        let SendError::Transition(TransitionError { phase, action, .. }) = error else { panic!("{error:?}") };
        assert_eq!((phase, action), (Phase::ApplicationClosed, Action::Message));
        let words = "application cannot send a message while the client is connected and the application is \
                     disconnected";
        assert_says(&error, words);
    }
}

#[test]
fn every_ping_error_has_its_message_and_changes_nothing() {
    for role in ROLES {
        let error = refused(&mut established(role, Config::default()), |c| c.ping(&[0; 126]));
        assert_eq!(error, PingError::PayloadTooLong(126));
        assert_says(&error, "a payload of 126 bytes is over the limit of 125");

        let mut connection = full(role);
        let queued = connection.output().len();
        let error = refused(&mut connection, |c| c.ping(&[0; 125]));
        assert_eq!(error, PingError::OutputFull { queued, limit: 50 });
        assert_says(&error, &format!("{queued} bytes are queued, and the frame would go over the limit of 50"));
    }
    let mut client = established(Role::Client, Config::default());
    client.close(1000, "").unwrap();
    let error = refused(&mut client, |c| c.ping(&[0; 126]));
    assert!(matches!(error, PingError::Transition(TransitionError { action: Action::Ping, .. })), "{error:?}");
    assert_says(&error, "client cannot ping while the client is disconnected and the application is connected");
}

#[test]
fn every_close_error_has_its_message_and_changes_nothing() {
    for role in ROLES {
        for mut connection in [established(role, Config::default()), begun(role), full(role)] {
            let error = refused(&mut connection, |c| c.close(1006, ""));
            assert_eq!(error, CloseError::InvalidCode(CloseCode::ABNORMAL_CLOSURE));
            assert_says(&error, "1006 is not a close code that this endpoint may send");
            let error = refused(&mut connection, |c| c.close(1000, &"x".repeat(124)));
            assert_eq!(error, CloseError::ReasonTooLong(124));
            assert_says(&error, "a close reason of 124 bytes is over the limit of 123");
            connection.close(1000, "").expect("the connection is still open");
            let error = refused(&mut connection, |c| c.close(1000, ""));
            assert!(matches!(error, CloseError::Transition(TransitionError { action: Action::Close, .. })));
        }
    }
    let mut server = established(Role::Server, Config::default());
    server.abort();
    let error = refused(&mut server, |c| c.close(1000, ""));
    let words = "application cannot close while the client is disconnected and the application is disconnected";
    assert_says(&error, words);
}

#[test]
fn a_refused_call_draws_no_masking_key() {
    let after = |calls: &[fn(&mut Connection)]| {
        let mut client = established(Role::Client, config(|config| config.max_output_bytes = 50));
        client.send_text("before").unwrap();
        calls.iter().for_each(|call| call(&mut client));
        client.send_text("next").unwrap();
        drain(&mut client)
    };
    let refusals: [fn(&mut Connection); 4] = [
        |c| assert!(c.send_text(&"x".repeat(100)).is_err()),
        |c| assert!(c.ping(&[0; 126]).is_err()),
        |c| assert!(c.close(1006, "").is_err()),
        |c| assert!(c.close(1000, &"x".repeat(124)).is_err()),
    ];
    assert_eq!(after(&refusals), after(&[]));
}

#[test]
fn calls_that_the_table_forbids_are_refused_and_change_nothing() {
    let names = ["send_text", "send_text_fragment", "ping", "close"];
    for (case, mut connection) in in_every_phase() {
        let may_close = connection.can(Action::Close) || connection.phase() == Phase::Requested;
        let allowed = [connection.can_send(), connection.can_send(), connection.can(Action::Ping), may_close];
        for (name, is_allowed) in names.into_iter().zip(allowed) {
            if is_allowed {
                continue;
            }
            let words = match name {
                "send_text" => refused(&mut connection, |c| c.send_text("text")).to_string(),
                "send_text_fragment" => refused(&mut connection, |c| c.send_text_fragment("text", false)).to_string(),
                "ping" => refused(&mut connection, |c| c.ping(b"")).to_string(),
                _ => refused(&mut connection, |c| c.close(1000, "")).to_string(),
            };
            let (client, application) = (connection.client_state(), connection.application_state());
            let states = format!("while the client is {client} and the application is {application}");
            assert!(words.ends_with(&states), "{case}, {name}: {words}");
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn every_send_json_error_has_its_message_and_changes_nothing() {
    use statesocket::SendJsonError;
    use std::collections::HashMap;

    let no_json = HashMap::from([(vec![1, 2], "a key must be a string")]);
    for role in ROLES {
        for mut connection in [established(role, Config::default()), begun(role)] {
            for error in [
                refused(&mut connection, |c| c.send_json(&no_json)),
                refused(&mut connection, |c| c.send_json_binary(&no_json)),
            ] {
                assert_eq!(error, SendJsonError::Serialize("key must be a string".into()));
                assert_says(&error, "the value cannot be written as JSON: key must be a string");
            }
        }
        let error = refused(&mut begun(role), |c| c.send_json(&[1, 2, 3]));
        assert_eq!(error, SendJsonError::Send(SendError::MessageInProgress));
        assert_says(&error, "a fragmented message is in progress");

        let mut closed = established(role, Config::default());
        closed.abort();
        let error = refused(&mut closed, |c| c.send_json(&no_json));
        assert!(matches!(error, SendJsonError::Send(SendError::Transition(_))), "the state is checked first: {error}");
    }
}
