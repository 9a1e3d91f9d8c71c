//! Compressed messages in chunks: `Delivery::Chunks`.

use super::{BOTH_WAYS, compressing, deflated, feed_by, noise, payloads, records, text};
use crate::support::{ROLES, Raw, blocks::Blocks, feed, peer_sends, pending};
use statesocket::{Connection, Delivery, Event, Hold, Message, Role};
use std::time::Instant;

fn in_chunks(role: Role) -> Connection {
    compressing(role, BOTH_WAYS, |config| config.delivery = Delivery::Chunks)
}

/// The messages that the chunks in `events` make, and the text of one that is not complete.
#[track_caller]
fn joined(events: &[Event<'_>]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut whole, mut open) = (Vec::new(), Vec::new());
    for event in events {
        let Event::Chunk { data, is_last } = event else { panic!("{event:?}") };
        assert!(*is_last || !data.is_empty(), "an empty chunk says nothing");
        open.extend(data.as_bytes());
        if *is_last {
            whole.push(std::mem::take(&mut open));
        }
    }
    (whole, open)
}

#[test]
fn the_chunks_are_the_message_however_it_comes() {
    let texts = [records(1, 10), records(2, 3_000), "κόσμε ".repeat(12_000), records(3, 65_536), String::new()];
    for role in ROLES {
        for text in &texts {
            let payload = deflated(text.as_bytes());
            for fragments in [1, 7] {
                let len = payload.len().div_ceil(fragments);
                let mut frames: Vec<_> =
                    payload.chunks(len).map(|part| Raw::new(Raw::CONTINUATION, part).more()).collect();
                frames[0].first = 0x41;
                frames.last_mut().unwrap().first |= 0x80;
                let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
                for by in [1, 5_000, bytes.len()] {
                    let mut connection = in_chunks(role);
                    for _ in 0..2 {
                        let (whole, open) = joined(&feed_by(&mut connection, &bytes, by));
                        assert_eq!((whole, open.len()), (vec![text.clone().into_bytes()], 0), "{fragments}, by {by}");
                        assert_eq!(connection.buffered_bytes(), 0);
                    }
                }
            }
        }
    }
}

/// The bytes of a code point may lie in two pieces of 64 KiB, in two frames, in two blocks.
#[test]
fn no_code_point_is_cut_by_a_chunk() {
    for before in 65_530..65_540 {
        let word = format!("{}κόσμε{}", "a".repeat(before), "b".repeat(before));
        let bytes = text(deflated(word.as_bytes())).for_endpoint(Role::Server);
        let (whole, _) = joined(&feed_by(&mut in_chunks(Role::Server), &bytes, bytes.len()));
        assert_eq!(whole, [word.as_bytes()]);
    }
    for role in ROLES {
        let first = Blocks::default().stored(false, b"\xCE").unfinished();
        let second = Blocks::default().stored(false, b"\xBA").message();
        let mut connection = in_chunks(role);
        assert_eq!(peer_sends(&mut connection, [text(first).more()]), [], "half a code point is no chunk");
        let events = peer_sends(&mut connection, [Raw::new(Raw::CONTINUATION, second)]);
        assert_eq!(events, [Event::Chunk { data: "κ".into(), is_last: true }]);
    }
}

#[test]
fn the_text_of_a_frame_comes_with_its_end() {
    let part = |text: &[u8]| Blocks::default().stored(false, text).unfinished();
    for role in ROLES {
        let mut connection = in_chunks(role);
        let events = peer_sends(&mut connection, [text(part(b"one")).more()]);
        assert_eq!(joined(&events), (vec![], b"one".to_vec()));
        let frames = [Raw::new(Raw::CONTINUATION, part(b"two")).more(), Raw::new(Raw::PING, "between")];
        let events = peer_sends(&mut connection, frames);
        let [chunk, Event::Ping(_)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(joined(std::slice::from_ref(chunk)), (vec![], b"two".to_vec()));
        let events = peer_sends(&mut connection, [Raw::new(Raw::CONTINUATION, [0x00])]);
        assert_eq!(joined(&events), (vec![vec![]], vec![]));
    }
}

/// One input gives many chunks. Each is handed out when it is wanted.
#[test]
fn a_pause_holds_the_chunks_that_are_left_of_an_input() {
    let zeros = vec![0; 1 << 20];
    for role in ROLES {
        let mut connection = in_chunks(role);
        let bytes = [
            super::binary(deflated(&zeros)).for_endpoint(role),
            Raw::new(Raw::PING, "behind").for_endpoint(role),
            text(deflated(b"Hello Hello Hello Hello")).for_endpoint(role),
        ]
        .concat();
        let (mut buffer, mut events) = (bytes, Vec::new());
        let mut input = &mut buffer[..];
        while let Some(event) = connection.receive(&mut input, Instant::now()) {
            events.push(event.into_owned());
            connection.pause_reading();
            assert_eq!(connection.held_by(), Some(Hold::Pause));
            assert_eq!(connection.poll_event(), None);
            let before = input.len();
            assert_eq!((connection.receive(&mut input, Instant::now()), input.len()), (None, before));
            connection.resume_reading();
        }
        assert!(input.is_empty());
        let [chunks @ .., Event::Ping(_), last] = events.as_slice() else { panic!("{events:?}") };
        assert!(chunks.len() >= 16, "{} chunks", chunks.len());
        assert_eq!(joined(chunks), (vec![zeros.clone()], vec![]));
        assert_eq!(joined(std::slice::from_ref(last)), (vec![b"Hello Hello Hello Hello".to_vec()], vec![]));
    }
}

/// Also without new input, as after a pause of the last input.
#[test]
fn the_chunks_that_are_left_need_no_input() {
    let zeros = vec![0; 300_000];
    for role in ROLES {
        let mut connection = in_chunks(role);
        let mut bytes = super::binary(deflated(&zeros)).for_endpoint(role);
        let mut input = &mut bytes[..];
        let mut events = vec![connection.receive(&mut input, Instant::now()).unwrap().into_owned()];
        assert!(input.is_empty(), "the input is taken with the first chunk");
        assert!(connection.buffered_bytes() > 0);
        connection.pause_reading();
        assert_eq!(connection.poll_event(), None);
        connection.resume_reading();
        events.extend(pending(&mut connection));
        assert_eq!(joined(&events), (vec![zeros.clone()], vec![]));
        assert_eq!(connection.buffered_bytes(), 0);
    }
}

#[test]
fn the_end_of_the_stream_comes_behind_the_chunks_that_are_left() {
    let zeros = vec![0; 300_000];
    for role in ROLES {
        for cut in [0, 1, 5] {
            let mut connection = in_chunks(role);
            let mut bytes = super::binary(deflated(&zeros)).for_endpoint(role);
            bytes.truncate(bytes.len() - cut);
            let mut input = &mut bytes[..];
            let mut events: Vec<_> =
                connection.receive(&mut input, Instant::now()).into_iter().map(Event::into_owned).collect();
            connection.receive_eof();
            events.extend(pending(&mut connection));
            let (last, chunks) = events.split_last().unwrap();
            let Event::Disconnect(end) = last else { panic!("{last:?}") };
            assert_eq!(u16::from(end.code), 1006);
            let (whole, open) = joined(chunks);
            if cut == 0 {
                assert_eq!((whole, open.len()), (vec![zeros.clone()], 0));
            } else {
                // Fewer than 4 KiB of an unfinished frame are not inflated.
                assert_eq!((whole.len(), open.len()), (0, 0));
            }
        }
    }
}

/// The peer ends the connection in the middle of a message, of which all has been handed out.
#[test]
fn a_close_of_the_peer_comes_behind_the_chunks_that_are_left() {
    let zeros = vec![0; 300_000];
    for role in ROLES {
        let mut connection = in_chunks(role);
        let payload = deflated(&zeros);
        let frames = [super::binary(&payload).more(), Raw::close(1001, "away")];
        let events = peer_sends(&mut connection, frames);
        let (last, chunks) = events.split_last().unwrap();
        let Event::Disconnect(end) = last else { panic!("{last:?}") };
        assert_eq!((u16::from(end.code), end.is_clean), (1001, true));
        let (whole, open) = joined(chunks);
        // The last bytes wait for the end of the message.
        assert!(whole.is_empty() && open.len() > 299_000, "{} bytes", open.len());
    }
}

#[test]
fn plain_messages_between_are_handed_on_as_ever() {
    for role in ROLES {
        let mut connection = in_chunks(role);
        let hello = deflated(b"Hello Hello Hello Hello Hello");
        let frames = [text(&hello), Raw::new(Raw::BINARY, noise(1, 500)), text(&hello), Raw::new(Raw::TEXT, "plain")];
        let (whole, open) = joined(&peer_sends(&mut connection, frames));
        let hello = &b"Hello Hello Hello Hello Hello"[..];
        assert_eq!((whole, open.len()), (vec![hello.to_vec(), noise(1, 500), hello.to_vec(), b"plain".to_vec()], 0));
    }
}

/// Whole messages are not divided, whatever is left of their input.
#[test]
fn whole_messages_come_whole_from_one_input() {
    for role in ROLES {
        let mut connection = compressing(role, BOTH_WAYS, |_| {});
        let frames = [super::binary(deflated(&vec![0; 1 << 20])), text(deflated(records(1, 100_000).as_bytes()))];
        let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
        let events = feed(&mut connection, &bytes);
        assert_eq!(payloads(&events), [vec![0; 1 << 20], records(1, 100_000).into_bytes()]);
        assert_eq!(events[1], Event::Message(Message::from(records(1, 100_000))));
    }
}
