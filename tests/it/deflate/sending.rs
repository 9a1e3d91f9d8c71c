//! Messages that leave compressed, and those that do not.

use super::{
    BOTH_WAYS, NO_TAKEOVER, RSV1, agreed, all, carry, compressing, compressing_with, inflate_alone, noise, only_frame,
    pair, payloads, records,
};
use crate::support::{ROLES, Raw, drain, established, feed, peer_sends, walker::walk_message};
use statesocket::{
    Agreed, Config, Connection, Deflate, Event, Message, Role, SendError, SharedMessage, Window,
    handshake::{Accept, Connect},
};
use std::{io, sync::Arc, time::Instant};

/// The ways to send one whole text message.
fn send_by(way: usize, connection: &mut Connection, text: &str) {
    let message = Message::from(text);
    match way {
        0 => connection.send_text(text),
        1 => connection.send(&message),
        2 => connection.send(text.to_owned()),
        3 => connection.send_through(&message, io::sink()),
        4 => connection.send_through(text.to_owned(), io::sink()),
        _ => connection.send(Message::from(text.to_owned())),
    }
    .expect("the connection is open");
}

#[test]
fn every_way_to_send_a_message_compresses_it_alike() {
    for role in ROLES {
        for len in [200, 10_000, 200_000] {
            let text = records(1, len);
            let sent = |way| {
                let mut connection = compressing(role, BOTH_WAYS, |_| {});
                send_by(way, &mut connection, &text);
                send_by(way, &mut connection, &records(1, 300));
                all(&mut connection)
            };
            let first = sent(0);
            assert!(first.len() < len / 2 + 100, "{} of {len}", first.len());
            (1..6).for_each(|way| assert!(sent(way) == first, "way {way}, {len} bytes"));
            let mut peer = compressing(role.peer(), BOTH_WAYS, |_| {});
            assert_eq!(payloads(&feed(&mut peer, &first)), [text, records(1, 300)].map(String::into_bytes));
        }
    }
}

#[test]
fn a_message_leaves_compressed_from_the_threshold_on() {
    let cases = [
        (BOTH_WAYS, None, 32),
        (NO_TAKEOVER, None, 256),
        (BOTH_WAYS, Some(0), 8),
        (BOTH_WAYS, Some(100), 100),
        (NO_TAKEOVER, Some(50), 50),
        (BOTH_WAYS, Some(usize::MAX), usize::MAX),
    ];
    for role in ROLES {
        for (answer, threshold, least) in cases {
            for len in [least.saturating_sub(1), least, 1_000].into_iter().filter(|len| *len < 2_000) {
                let mut connection = compressing_with(role, answer, |deflate| deflate.threshold = threshold);
                connection.send_text(&"a".repeat(len)).unwrap();
                let frame = only_frame(&mut connection);
                let is_compressed = frame.first & RSV1 != 0;
                let is_worth = len >= least || (threshold == Some(0) && len > 5);
                assert_eq!(is_compressed, is_worth, "{len} bytes, {threshold:?}, {answer}");
                if is_compressed {
                    assert_eq!(inflate_alone(&frame), "a".repeat(len).as_bytes());
                }
            }
            let mut connection = compressing_with(role, answer, |deflate| deflate.threshold = threshold);
            connection.send_text("").unwrap();
            assert_eq!(only_frame(&mut connection), Raw::new(Raw::TEXT, ""), "an empty message is never compressed");
        }
    }
}

/// The first of the faults of others: what was not worth it stayed in the window of the compressor.
#[test]
fn a_message_that_does_not_become_shorter_leaves_plain_and_enters_no_window() {
    for role in ROLES {
        for answer in [BOTH_WAYS, NO_TAKEOVER] {
            let [mut from, mut to] = pair(role, answer, |_| {});
            for round in 0..6 {
                let junk = noise(7, [400, 5_000, 100_000][round % 3]);
                for bytes in [&records(1, 500).into_bytes(), &junk, &junk] {
                    from.send_binary(bytes).unwrap();
                    let wire = all(&mut from);
                    assert_eq!(wire[0] & RSV1 == 0, *bytes == junk);
                    assert_eq!(payloads(&feed(&mut to, &wire)), [&bytes[..]], "round {round}");
                }
            }
        }
    }
}

#[test]
fn an_uncompressed_message_leaves_plain_and_no_other_refers_to_it() {
    let token = "the token is 5d41402abc4b2a76, the token is 5d41402abc4b2a76, once more: 5d41402abc4b2a76";
    for role in ROLES {
        let [mut from, mut to] = pair(role, BOTH_WAYS, |_| {});
        let mut before = Vec::new();
        for round in 0..3 {
            from.send_uncompressed(token).unwrap();
            assert_eq!(only_frame(&mut from), Raw::new(Raw::TEXT, token), "round {round}");
            from.send_shared(&SharedMessage::text(token).uncompressed()).unwrap();
            assert_eq!(only_frame(&mut from), Raw::new(Raw::TEXT, token), "round {round}");
            from.send_text(token).unwrap();
            let bytes = all(&mut from);
            assert_eq!(payloads(&feed(&mut to, &bytes)), [token.as_bytes()]);
            // All that was compressed before is enough to read it.
            let frame = Raw::parse(&mut &bytes[..]);
            assert_eq!(walk_message(&frame.payload, &before).expect("no reference to others").text, token.as_bytes());
            before.extend(token.as_bytes());
        }
        assert_eq!(from.send_uncompressed(vec![7; 100_000]), Ok(()), "bytes that are owned");
        assert_eq!(payloads(&carry(&mut from, &mut to)), [vec![7; 100_000]]);
        from.begin_text("one").unwrap();
        assert_eq!(from.send_uncompressed("two"), Err(SendError::MessageInProgress));
        from.continue_text("", true).unwrap();
        from.close(1000, "").unwrap();
        assert!(matches!(from.send_uncompressed("late"), Err(SendError::Transition(_))));
    }
}

#[test]
fn without_takeover_each_message_inflates_alone() {
    for role in ROLES {
        let by_choice = compressing_with(role, BOTH_WAYS, |deflate| deflate.send_history = Window::None);
        for mut connection in [compressing(role, NO_TAKEOVER, |_| {}), by_choice] {
            for round in 0..5 {
                let text = records(round % 2, 300 + 5_000 * round as usize);
                connection.send_text(&text).unwrap();
                let bytes = all(&mut connection);
                assert_eq!(inflate_alone(&Raw::parse(&mut &bytes[..])), text.as_bytes());
            }
        }
    }
}

#[test]
fn what_is_sent_refers_no_farther_back_than_agreed() {
    for bits in [8, 9, 10, 12, 15] {
        let answer = format!("permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}");
        for role in ROLES {
            for history in [Window::KiB32, Window::Bytes256, Window::None] {
                let mut connection = compressing_with(role, &answer, |deflate| deflate.send_history = history);
                let (mut before, mut farthest, mut compressed) = (Vec::new(), 0, 0);
                for (round, len) in [300, 40_000, 100, 1_000, 5_000, 40, 300].into_iter().enumerate() {
                    let text = records(round as u32 % 3, len);
                    connection.send_text(&text).unwrap();
                    let bytes = all(&mut connection);
                    let frame = Raw::parse(&mut &bytes[..]);
                    if frame.first & RSV1 == 0 {
                        continue;
                    }
                    let window = if history == Window::None { &[][..] } else { &before };
                    let walk = walk_message(&frame.payload, window).expect("it refers to what was sent");
                    assert_eq!(walk.text, text.as_bytes());
                    farthest = farthest.max(walk.farthest);
                    compressed += 1;
                    before.extend(text.as_bytes());
                }
                assert!(farthest <= 1 << bits, "{farthest} bytes with {bits} bits");
                assert!(compressed >= 4, "{compressed}");
            }
        }
    }
}

/// A compressor that goes on has a larger window than the peer.
#[test]
fn short_messages_in_a_row_do_not_refer_beyond_the_window() {
    let lines: Vec<String> = (0..40).map(|seed| format!("{:x?}", noise(seed, 30))).collect();
    for (bits, role) in [(8, Role::Server), (9, Role::Client), (10, Role::Server)] {
        let answer = format!("permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}");
        let mut connection = compressing(role, &answer, |_| {});
        let mut before = Vec::new();
        for line in lines.iter().chain(&lines).chain(lines.iter().step_by(5)) {
            connection.send_text(line).unwrap();
            let frame = only_frame(&mut connection);
            assert_eq!(frame.first & RSV1, RSV1, "{line}");
            let walk = walk_message(&frame.payload, &before).expect("it refers to what was sent");
            assert_eq!(walk.text, line.as_bytes());
            assert!(walk.farthest <= 1 << bits, "{} bytes with {bits} bits", walk.farthest);
            before.extend(line.as_bytes());
        }
    }
}

/// The same bytes leave as if the refused calls had not been made.
#[test]
fn an_err_of_a_send_leaves_what_was_sent_as_it_was() {
    let small = |config: &mut Config| (config.max_output_bytes, config.high_water) = (2_000, None);
    for role in ROLES {
        for answer in [BOTH_WAYS, NO_TAKEOVER] {
            let mut other = compressing(role, answer, small);
            let mut refused = compressing(role, answer, small);
            for round in 0..6 {
                let text = records(round % 2, 500);
                for connection in [&mut other, &mut refused] {
                    connection.send_text(&text).unwrap();
                }
                let long = records(9, 1_999);
                let message = Message::from(long.as_str());
                let full = |result| assert!(matches!(result, Err(SendError::OutputFull { .. })), "{result:?}");
                full(refused.send_text(&long));
                full(refused.send(&message));
                full(refused.send(long.clone()));
                full(refused.send_through(&message, io::sink()));
                full(refused.send_uncompressed(&message));
                full(refused.send_shared(&SharedMessage::text(&long)));
                full(refused.send_shared_all(&[&SharedMessage::text(&long)].into_iter().collect()));
                full(refused.begin_text(&long));
                assert_eq!(refused.continue_text("no", true), Err(SendError::NoMessageInProgress));
                assert_eq!(all(&mut other), all(&mut refused), "round {round}");
            }
        }
    }
}

/// Done with the handshake elsewhere, a connection compresses as agreed, with the default choices or its own.
#[test]
fn an_agreement_holds_with_and_without_choices() {
    let agreement = agreed("permessage-deflate; client_max_window_bits", BOTH_WAYS);
    for role in ROLES {
        let without = Config::default();
        let with = Config::default().with(|config| config.deflate = Some(Deflate::default().with(|it| it.level = 1)));
        for config in [without, with] {
            let open = |role, deflate| {
                let agreed = if deflate { Agreed::new().deflate(agreement) } else { Agreed::new() };
                Connection::established(role, agreed.seed([7; 32]), Arc::new(config.clone()), Instant::now())
            };
            let [mut from, mut to] = [role, role.peer()].map(|role| open(role, true));
            assert_eq!((from.deflate(), to.deflate()), (Some(agreement), Some(agreement)));
            from.send_text(&records(1, 1_000)).unwrap();
            let bytes = drain(&mut from);
            assert!(bytes[0] & RSV1 != 0 && bytes.len() < 600, "{}", bytes.len());
            assert_eq!(payloads(&feed(&mut to, &bytes)), [records(1, 1_000).as_bytes()]);

            // A choice is no agreement.
            let mut plain = open(role, false);
            assert_eq!(plain.deflate(), None);
            plain.send_text(&records(1, 1_000)).unwrap();
            assert_eq!(only_frame(&mut plain), Raw::new(Raw::TEXT, records(1, 1_000)));
        }
    }
    let mut plain = established(Role::Server, Config::default());
    plain.send_uncompressed("plain").unwrap();
    assert_eq!(only_frame(&mut plain), Raw::new(Raw::TEXT, "plain"));
}

/// What a client sends before the answer is held, and read once the terms are known.
#[test]
fn early_data_is_inflated_once_the_request_is_accepted() {
    let config = Config::default().with(|config| config.deflate = Some(Deflate::default()));
    for accept_first in [false, true] {
        let mut server = Connection::server(Arc::new(config.clone()), Instant::now());
        let connect = Connect::new("ws://server.example.com/chat").unwrap().seed([7; 32]);
        let mut client = Connection::client(&connect, Arc::new(config.clone()), Instant::now());
        let head = drain(&mut client);
        let early = [super::text(super::deflated(records(2, 700).as_bytes())), Raw::new(Raw::PING, "early")];
        let early: Vec<u8> = early.into_iter().flat_map(|frame| frame.for_endpoint(Role::Server)).collect();
        let mut events = feed(&mut server, &if accept_first { head.clone() } else { [&head[..], &early].concat() });
        assert!(matches!(events.remove(0), Event::Request(_)) && events.is_empty());
        server.accept(Accept::new()).unwrap();
        let events = if accept_first {
            peer_sends(&mut server, []).into_iter().chain(feed(&mut server, &early)).collect()
        } else {
            crate::support::pending(&mut server)
        };
        let [Event::Message(message), Event::Ping(_)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(message.as_bytes(), records(2, 700).as_bytes());
    }
}

/// Payload that is compressed does not go straight into the memory of a message.
#[test]
fn read_from_reads_compressed_payload_into_the_buffer() {
    let content = [noise(5, 100_000), vec![0; 100_000], noise(5, 30_000)].concat();
    for role in ROLES {
        let bytes = super::binary(super::deflated(&content)).for_endpoint(role);
        let plain = Raw::new(Raw::BINARY, &content).for_endpoint(role);
        let mut connection = compressing(role, BOTH_WAYS, |_| {});
        let (stream, now) = ([&bytes[..], &plain, &bytes].concat(), Instant::now());
        let (mut rest, mut buffer, mut heard, mut direct) = (&stream[..], vec![0; 20_000], Vec::new(), 0);
        while !rest.is_empty() {
            let read = connection.read_from(&mut rest, &mut buffer, now).unwrap();
            direct += read.total - read.in_buffer;
            let mut input = &mut buffer[..read.in_buffer];
            while let Some(event) = connection.receive(&mut input, now) {
                heard.push(event.into_owned());
            }
        }
        assert_eq!(payloads(&heard), [&content[..]; 3]);
        assert!((150_000..content.len()).contains(&direct), "{direct} bytes of the plain message only");
    }
}
