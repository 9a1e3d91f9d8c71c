//! Engines that many connections share, by a lent buffer or by none.

use super::{BOTH_WAYS, NO_TAKEOVER, all, noise, pair, payloads, records};
use crate::support::feed;
use statesocket::{Connection, OutputBuffer, Role};

/// The messages of several connections in turn, all from one buffer, from two, or from none.
#[test]
fn connections_that_take_turns_with_one_buffer_do_not_mix() {
    for sender in crate::support::ROLES {
        let mut buffers = [OutputBuffer::default(), OutputBuffer::default()];
        let answers = [BOTH_WAYS, NO_TAKEOVER, "permessage-deflate", "permessage-deflate; server_max_window_bits=8"];
        let mut pairs: Vec<[Connection; 2]> =
            answers.iter().chain(&answers).map(|answer| pair(sender, answer, |_| {})).collect();
        let mut compressed = 0;
        for round in 0..24_usize {
            let count = pairs.len();
            let [from, to] = &mut pairs[(round * 5 + round / 9) % count];
            let text = records(round as u32 % 5, 40 + 97 * (round % 7));
            let lends = round % 3 > 0;
            if lends {
                from.lend_buffer(&mut buffers[round % 2]);
                to.lend_buffer(&mut buffers[(round + 1) % 2]);
            }
            from.send_text(&text).unwrap();
            from.send_binary(&noise(round as u64, 300)).unwrap();
            let bytes = all(from);
            compressed += usize::from(bytes[0] == 0xC1);
            let events = feed(to, &bytes);
            assert_eq!(payloads(&events), [text.into_bytes(), noise(round as u64, 300)], "{round}");
            if lends {
                from.reclaim_buffer(&mut buffers[round % 2]);
                to.reclaim_buffer(&mut buffers[(round + 1) % 2]);
            }
        }
        assert!(compressed > 12, "{compressed}");
    }
}

/// What a connection has compressed is in the engine that it was lent then, and not in the one of now.
#[test]
fn a_connection_that_moves_between_loops_goes_on() {
    let [mut from, mut to] = pair(Role::Server, BOTH_WAYS, |_| {});
    let mut buffers = [OutputBuffer::default(), OutputBuffer::default(), OutputBuffer::default()];
    for round in 0..12 {
        let buffer = &mut buffers[[0, 0, 1, 0, 2, 2, 1, 0, 0, 1, 2, 0][round]];
        from.lend_buffer(buffer);
        let text = records(round as u32 % 3, 200);
        from.send_text(&text).unwrap();
        let bytes = all(&mut from);
        assert!(bytes.len() < 150, "{} bytes, round {round}", bytes.len());
        assert_eq!(payloads(&feed(&mut to, &bytes)), [text.as_bytes()], "round {round}");
        from.reclaim_buffer(buffer);
    }
}

/// A message that is inflated in part has its inflater, whatever is lent then.
#[test]
fn a_message_in_the_middle_survives_any_lending() {
    let [mut from, mut to] = pair(Role::Client, BOTH_WAYS, |_| {});
    let [mut other, mut peer] = pair(Role::Client, BOTH_WAYS, |_| {});
    let mut buffer = OutputBuffer::default();
    let (text, news) = (records(1, 60_000), records(2, 60_000));
    for _ in 0..2 {
        from.send_text(&text).unwrap();
        other.send_text(&news).unwrap();
        let (bytes, between) = (all(&mut from), all(&mut other));
        let pieces = bytes.len().div_ceil(5);
        let mut events = Vec::new();
        for (at, piece) in bytes.chunks(pieces).enumerate() {
            if at % 2 == 0 {
                to.lend_buffer(&mut buffer);
            }
            events.extend(feed(&mut to, piece));
            to.reclaim_buffer(&mut buffer);
            peer.lend_buffer(&mut buffer);
            let part = between.len().div_ceil(5);
            let heard = feed(&mut peer, between.chunks(part).nth(at).unwrap());
            assert_eq!(heard.len(), usize::from(at == 4));
            peer.reclaim_buffer(&mut buffer);
        }
        assert_eq!(payloads(&events), [text.as_bytes()]);
    }
}
