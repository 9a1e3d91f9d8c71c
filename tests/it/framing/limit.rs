//! The limit of the output, and what it leaves out.

use crate::support::{Fragments, ROLES, Raw, config, drain, established, peer_sends, requested_server, sent};
use statesocket::{Connection, Phase, PingError, Role, SendError, SharedMessage, handshake::Accept};
use std::time::{Duration, Instant};

#[test]
fn f21_the_output_has_a_limit_and_takes_more_once_written() {
    let config = config(|config| (config.max_output_bytes, config.high_water) = (100, None));
    for role in ROLES {
        let mut connection = established(role, config.clone());
        let mut queued = 0;
        while connection.send_binary(&[0; 10]).is_ok() {
            assert!(connection.output().len() > queued);
            queued = connection.output().len();
            assert!(queued <= 100, "{queued} bytes of a {role:?} are queued");
        }
        assert!(queued > 100 - (14 + 10), "only {queued} bytes fit");
        let full = SendError::OutputFull { queued, limit: 100 };
        assert_eq!(connection.send_text("0123456789"), Err(full));
        assert_eq!(connection.send_text_fragment("0123456789", false), Err(full));
        assert_eq!(connection.ping(&[0; 10]), Err(PingError::OutputFull { queued, limit: 100 }));
        assert_eq!((connection.output().len(), connection.phase()), (queued, Phase::Open));

        peer_sends(&mut connection, [Raw::new(Raw::PING, [0; 125])]);
        connection.close(1000, &"x".repeat(123)).expect("a Close always has room");
        let frames = sent(&mut connection);
        assert_eq!(frames[frames.len() - 2..], [Raw::new(Raw::PONG, [0; 125]), Raw::close(1000, &"x".repeat(123))]);

        let mut connection = established(role, config.clone());
        connection.send_binary(&[0; 101]).expect("alone, a message over the limit is taken");
        assert!(connection.send_binary(b"").is_err() && connection.ping(b"").is_err(), "nothing goes beside it");
        drain(&mut connection);
        while connection.send_binary(&[0; 10]).is_ok() {}
        drain(&mut connection);
        connection.send_text_fragment("0123456789", true).expect("a refused fragment begins no message");
        drain(&mut connection);
        connection.send_binary(&[0; 100 - 14]).expect("the longest frame fits with its header");
    }
}

/// 14 bytes is the longest header.
#[test]
fn f21_the_output_limit_is_exact_below_and_above_the_high_water_mark() {
    for (role, high_water) in ROLES.into_iter().flat_map(|role| [(role, None), (role, Some(20)), (role, Some(90))]) {
        let config = config(|config| {
            (config.max_output_bytes, config.high_water, config.client_high_water) = (100, high_water, high_water);
        });
        for over in [0, 1] {
            let mut connection = established(role, config.clone());
            connection.send_binary(&[0; 30]).unwrap();
            let room = 100 - connection.output_len() - 14;
            let result = connection.send_binary(&vec![0; room + over]);
            assert_eq!(result.is_ok(), over == 0, "{role:?}, high water at {high_water:?}: {result:?}");
        }
    }
}

/// A connection whose limit is 100 bytes, and the same after each kind of frame that it queues by itself.
fn with_automatic_output(role: Role) -> Vec<(&'static str, Connection)> {
    let config = config(|config| {
        config.max_output_bytes = 100;
        (config.high_water, config.ping_interval, config.pong_timeout) = (None, Some(Duration::from_secs(1)), None);
    });
    let pinged = |count: u8| {
        let mut connection = established(role, config.clone());
        peer_sends(&mut connection, (0..count).map(|n| Raw::new(Raw::PING, [n; 125])));
        connection
    };
    let mut begun = pinged(2);
    begun.advance(1);
    let mut kept_alive = pinged(1);
    kept_alive.handle_timeout(Instant::now() + Duration::from_secs(1));
    let mut behind = established(role, config.clone());
    behind.send_text("written").unwrap();
    let text = behind.output_len();
    peer_sends(&mut behind, [Raw::new(Raw::PING, "")]);
    behind.advance(text);
    let mut refused = pinged(1);
    let long = SharedMessage::binary(&[0; 50]);
    refused.send_shared_all(&[&long; 2].into_iter().collect()).unwrap_err();
    let mut again = pinged(1);
    again.send_binary(&[0; 101]).expect("only a Pong is queued");
    drain(&mut again);
    peer_sends(&mut again, [Raw::new(Raw::PING, [7; 90])]);
    let _ = again.poll_timeout(Instant::now());
    let mut all = vec![
        ("a Pong", pinged(1)),
        ("as many Pongs as are kept", pinged(16)),
        ("replaced Pongs", pinged(40)),
        ("a part of a Pong", begun),
        ("a Pong and a keepalive Ping", kept_alive),
        ("a Pong behind a message that has left", behind),
        ("a Pong after a large message", again),
        ("a Pong, after a refusal", refused),
    ];
    if role == Role::Server {
        let mut accepted = requested_server(config.clone());
        accepted.accept(Accept::new()).unwrap();
        all.push(("the response", accepted));
    }
    all
}

#[test]
fn a3_what_a_connection_queues_by_itself_keeps_no_large_message_out() {
    for role in ROLES {
        for way in 0..4 {
            for (case, mut connection) in with_automatic_output(role) {
                let large = "x".repeat(1000);
                let before = connection.output_len();
                let result = match way {
                    0 => connection.send_text(&large),
                    1 => connection.send(large.into_bytes()),
                    2 => connection.begin_text(&large),
                    _ => connection.send_shared_all(&[&SharedMessage::text(&large)].into_iter().collect()),
                };
                assert_eq!(result, Ok(()), "{role:?}, way {way}, behind {case}");
                assert!(connection.output_len() > before + 1000);
                let queued = connection.output_len();
                let full = PingError::OutputFull { queued, limit: 100 };
                assert_eq!(connection.pong(b""), Err(full), "{role:?}, behind {case}");
            }
        }
    }
}

#[test]
fn a3_what_a_command_has_queued_keeps_a_large_message_out() {
    let config = config(|config| (config.max_output_bytes, config.high_water) = (100, None));
    for role in ROLES {
        let commands: [fn(&mut Connection); 4] = [
            |connection| connection.send_text("").unwrap(),
            |connection| connection.begin_text("").unwrap(),
            |connection| connection.ping(b"").unwrap(),
            |connection| connection.pong(b"").unwrap(),
        ];
        for (n, command) in commands.into_iter().enumerate() {
            for pings_before in [0, 1, 16] {
                for pings_behind in [0, 1, 40] {
                    let mut connection = established(role, config.clone());
                    peer_sends(&mut connection, (0..pings_before).map(|_| Raw::new(Raw::PING, "")));
                    let before = connection.output_len();
                    command(&mut connection);
                    let end = connection.output_len();
                    peer_sends(&mut connection, (0..pings_behind).map(|_| Raw::new(Raw::PING, "")));
                    let is_full = |connection: &mut Connection| {
                        let result = match n {
                            1 => connection.continue_text(&"x".repeat(1000), true),
                            _ => connection.send_binary(&[0; 1000]),
                        };
                        matches!(result, Err(SendError::OutputFull { limit: 100, .. }))
                    };
                    let case = format!("{role:?}, command {n}, {pings_before} Pings before, {pings_behind} behind");
                    assert!(is_full(&mut connection), "{case}");
                    // A Pong before the command's frame may have been replaced by one behind it.
                    let replaced = if pings_before == 16 && pings_behind > 0 { before / 16 } else { 0 };
                    connection.advance(end - replaced - 1);
                    assert!(is_full(&mut connection), "{case}, the last byte is queued");
                    connection.advance(1);
                    assert!(!is_full(&mut connection), "{case}, the frame has left");
                }
            }
        }
    }
}
