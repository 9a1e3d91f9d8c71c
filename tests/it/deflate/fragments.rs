//! Messages that the application sends in fragments.

use super::{BOTH_WAYS, NO_TAKEOVER, RSV1, all, carry, compressing, noise, pair, payloads, records};
use crate::support::{ROLES, Raw, drain, feed};
use statesocket::{Connection, Deflate, Event, OutputBuffer, SendError};

/// Some browsers fail on compressed fragments.
#[test]
fn fragments_leave_plain_unless_they_are_to_be_compressed() {
    for role in ROLES {
        let [mut from, mut to] = pair(role, BOTH_WAYS, |_| {});
        from.send_text(&records(1, 300)).unwrap();
        from.begin_text(&records(1, 300)).unwrap();
        from.continue_text(&records(2, 300), true).unwrap();
        from.send_text(&records(1, 300)).unwrap();
        let bytes = all(&mut from);
        let mut rest = &bytes[..];
        let firsts = [(); 4].map(|()| Raw::parse(&mut rest).first);
        assert_eq!(firsts, [0xC1, 0x01, 0x80, 0xC1]);
        let both = records(1, 300) + &records(2, 300);
        assert_eq!(
            payloads(&feed(&mut to, &bytes)),
            [&records(1, 300), &both, &records(1, 300)].map(|it| it.as_bytes())
        );
    }
}

/// Section 6.1: the bit is on the first frame only. It decides for all.
#[test]
fn d11_d13_compressed_fragments_are_one_message() {
    let parts = [records(1, 300), String::new(), records(1, 300), "x".to_owned(), records(2, 100_000)];
    for role in ROLES {
        for answer in [BOTH_WAYS, NO_TAKEOVER, "permessage-deflate; server_max_window_bits=8"] {
            let [mut from, mut to] = pair(role, answer, |deflate| deflate.fragments = true);
            for count in 1..=parts.len() {
                from.begin_text(&parts[0]).unwrap();
                for part in &parts[1..count] {
                    from.continue_text(part, false).unwrap();
                    from.ping(b"between").unwrap();
                }
                from.continue_text("", true).unwrap();
                from.send_text(&records(1, 400)).unwrap();
                let bytes = all(&mut from);
                let mut rest = &bytes[..];
                let mut firsts = Vec::new();
                while !rest.is_empty() {
                    firsts.push(Raw::parse(&mut rest).first);
                }
                firsts.retain(|first| *first != 0x89);
                let middle = vec![0x00; count - 1];
                assert_eq!(firsts, [&[0x41][..], &middle, &[0x80, 0xC1]].concat(), "{answer}");
                let mut events = feed(&mut to, &bytes);
                events.retain(|event| !matches!(event, Event::Ping(_)));
                drain(&mut to);
                assert_eq!(payloads(&events), [parts[..count].concat(), records(1, 400)].map(String::into_bytes));
            }
        }
    }
}

#[test]
fn fragments_that_do_not_become_shorter_are_right() {
    for role in ROLES {
        for answer in [BOTH_WAYS, NO_TAKEOVER] {
            let [mut from, mut to] = pair(role, answer, |deflate| deflate.fragments = true);
            for len in [1, 10, 1_000, 70_000, 200_000] {
                let content = noise(len as u64, len);
                from.send_text(&records(1, 100)).unwrap();
                from.begin_binary(&content).unwrap();
                from.continue_binary(&content, true).unwrap();
                from.send_text(&records(1, 100)).unwrap();
                let text = records(1, 100).into_bytes();
                let heard = payloads(&carry(&mut from, &mut to));
                assert_eq!(heard, [text.clone(), content.repeat(2), text], "{len}");
            }
        }
    }
}

/// The limit of the output counts the stored blocks of what does not compress.
#[test]
fn i_21_fragments_that_become_longer_stay_within_the_limit() {
    type Send = fn(&mut Connection, &[u8]) -> Result<(), SendError>;
    let sends: [(Send, Send); 3] = [
        (|it, _| it.send_binary(b""), |it, content| it.begin_binary(content)),
        (|it, _| it.begin_binary(b""), |it, content| it.continue_binary(content, false)),
        (|it, _| it.begin_binary(b""), |it, content| it.continue_binary(content, true)),
    ];
    for (role, (first, second)) in ROLES.into_iter().flat_map(|role| sends.map(|send| (role, send))) {
        for len in [0, 1, 10, 200, 65_535, 65_536, 140_000, 1 << 20] {
            let content = noise(len as u64, len);
            let (mut accepted, mut refused) = (0, 0);
            for limit in len..len + 130 {
                let mut connection = compressing(role, BOTH_WAYS, |config| {
                    config.deflate = Some(Deflate::default().with(|deflate| deflate.fragments = true));
                    config.max_output_bytes = limit;
                });
                first(&mut connection, &[]).unwrap();
                let before = format!("{:?}", connection.internals());
                if second(&mut connection, &content).is_ok() {
                    assert!(connection.output_len() <= limit, "{} of {limit}, {len}", connection.output_len());
                    accepted += 1;
                } else {
                    assert_eq!(format!("{:?}", connection.internals()), before, "an error changes nothing");
                    refused += 1;
                }
                // Compressing a large one costs most of the time.
                if accepted == 3 {
                    break;
                }
            }
            assert!(accepted == 3 && refused > 10, "{accepted} and {refused} of {len}");
        }
    }
}

/// A fragment is compressed by an engine that may have served others since the last.
#[test]
fn fragments_of_several_connections_take_turns() {
    for role in ROLES {
        let mut buffer = OutputBuffer::default();
        let mut pairs: Vec<_> = (0..4).map(|_| pair(role, BOTH_WAYS, |deflate| deflate.fragments = true)).collect();
        for round in 0..5 {
            for (at, [from, _]) in pairs.iter_mut().enumerate() {
                lent(from, &mut buffer, |from| from.begin_text(&records(at as u32 + round, 400)).unwrap());
            }
            for (at, [from, to]) in pairs.iter_mut().enumerate() {
                let text = records(at as u32 + round, 400);
                lent(from, &mut buffer, |from| from.continue_text(&text, true).unwrap());
                let mut bytes = all(from);
                assert_eq!(bytes[0] & RSV1, RSV1);
                let mut events = Vec::new();
                lent(to, &mut buffer, |to| events = feed(to, &std::mem::take(&mut bytes)));
                assert_eq!(payloads(&events), [text.repeat(2).as_bytes()], "round {round}");
            }
        }
    }
}

fn lent(connection: &mut Connection, buffer: &mut OutputBuffer, act: impl FnOnce(&mut Connection)) {
    connection.lend_buffer(buffer);
    act(connection);
    connection.reclaim_buffer(buffer);
}
