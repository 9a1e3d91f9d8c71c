//! Messages that many connections send, compressed once for all.

use super::{BOTH_WAYS, NO_TAKEOVER, RSV1, all, inflate_alone, noise, pair, payloads, records};
use crate::support::{ROLES, Raw, feed};
use statesocket::{OutputBuffer, SharedMessage, SharedMessages};

/// The windows, with and without takeover.
fn answers() -> Vec<String> {
    let windows = (8..=15)
        .map(|bits| format!("permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}"));
    windows.chain([NO_TAKEOVER, BOTH_WAYS].map(str::to_owned)).collect()
}

#[test]
fn a_shared_message_suits_peers_of_every_window() {
    for role in ROLES {
        let mut buffer = OutputBuffer::default();
        for lends in [false, true] {
            let mut pairs: Vec<_> = answers().iter().map(|answer| pair(role, answer, |_| {})).collect();
            for len in [100, 256, 300, 5_000, 40_000] {
                let news = SharedMessage::text(&records(3, len));
                let mut compressed = 0;
                for (at, [from, to]) in pairs.iter_mut().enumerate() {
                    if lends {
                        from.lend_buffer(&mut buffer);
                    }
                    from.send_text(&records(4, 300)).unwrap();
                    from.send_shared(&news).unwrap();
                    from.send_text(&records(3, 200)).unwrap();
                    let bytes = all(from);
                    let mut rest = &bytes[..];
                    let frames = [Raw::parse(&mut rest), Raw::parse(&mut rest), Raw::parse(&mut rest)];
                    if frames[1].first & RSV1 != 0 {
                        assert_eq!(inflate_alone(&frames[1]), news.payload());
                        compressed += 1;
                    }
                    let heard = payloads(&feed(to, &bytes));
                    let own = [records(4, 300), records(3, len), records(3, 200)].map(String::into_bytes);
                    assert_eq!(heard, own, "{len} bytes to window {at}");
                    if lends {
                        from.reclaim_buffer(&mut buffer);
                    }
                }
                // Of a message that is longer than its window, a peer gets the plain one.
                let expected = match len {
                    100 => 0,
                    256 => 10,
                    300 => 9,
                    5_000 => 4,
                    _ => 2,
                };
                assert_eq!(compressed, expected, "{len} bytes");
            }
        }
    }
}

/// The payload enters the history: a later message that has the same text is short, and right.
#[test]
fn a_message_refers_to_a_shared_one_before() {
    for role in ROLES {
        let [mut from, mut to] = pair(role, BOTH_WAYS, |_| {});
        let (text, news) = (records(1, 1_000), SharedMessage::text(&records(2, 1_000)));
        from.send_text(&text).unwrap();
        from.send_shared(&news).unwrap();
        from.send_text(&records(2, 1_000)).unwrap();
        let bytes = all(&mut from);
        let mut rest = &bytes[..];
        let lens = [(); 3].map(|()| Raw::parse(&mut rest).payload.len());
        assert!(lens[2] < 30, "{lens:?}");
        let heard = payloads(&feed(&mut to, &bytes));
        assert_eq!(heard, [text.as_bytes(), news.payload(), news.payload()]);
    }
}

#[test]
fn a_shared_message_that_does_not_become_shorter_leaves_plain() {
    for role in ROLES {
        let news = SharedMessage::binary(&noise(3, 3_000));
        for answer in answers() {
            let [mut from, mut to] = pair(role, &answer, |_| {});
            from.send_text(&records(1, 300)).unwrap();
            from.send_shared(&news).unwrap();
            from.send_text(&records(1, 300)).unwrap();
            let bytes = all(&mut from);
            let mut rest = &bytes[..];
            let _ = Raw::parse(&mut rest);
            assert_eq!(Raw::parse(&mut rest).first, 0x82);
            let heard = payloads(&feed(&mut to, &bytes));
            assert_eq!(heard, [records(1, 300).as_bytes(), news.payload(), records(1, 300).as_bytes()]);
        }
    }
}

#[test]
fn a_batch_is_the_messages_one_by_one() {
    for role in ROLES {
        let batch: SharedMessages = [
            SharedMessage::text(&records(1, 2_000)),
            SharedMessage::binary(&noise(2, 400)),
            SharedMessage::text("short"),
            SharedMessage::text(&records(1, 900)).uncompressed(),
            SharedMessage::text(""),
            SharedMessage::text(&records(3, 700)),
        ]
        .iter()
        .collect();
        for answer in answers() {
            let [mut from, mut to] = pair(role, &answer, |_| {});
            let [mut single, _] = pair(role, &answer, |_| {});
            for _ in 0..2 {
                from.send_shared_all(&batch).unwrap();
                batch.iter().for_each(|message| single.send_shared(message).unwrap());
                let bytes = all(&mut from);
                assert_eq!(all(&mut single), bytes);
                let heard = payloads(&feed(&mut to, &bytes));
                assert_eq!(heard, batch.iter().map(|message| message.payload().to_vec()).collect::<Vec<_>>());
            }
        }
    }
}

/// The choices of a connection, not only those of the first, decide whether it sends the compressed frame.
#[test]
fn a_threshold_holds_for_a_shared_message_too() {
    for role in ROLES {
        let news = SharedMessage::text(&records(1, 300));
        for (threshold, is_compressed) in [(Some(0), true), (Some(301), false), (Some(300), true), (None, true)] {
            let [mut from, mut to] = pair(role, BOTH_WAYS, |deflate| deflate.threshold = threshold);
            from.send_shared(&news).unwrap();
            let bytes = all(&mut from);
            assert_eq!(bytes[0] & RSV1 != 0, is_compressed, "{threshold:?}");
            assert_eq!(payloads(&feed(&mut to, &bytes)), [news.payload()]);
        }
    }
}
