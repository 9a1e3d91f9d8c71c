//! What holds of any messages, any division of the wire, and any bytes.

use super::{
    walker::{Fault, walk_message},
    *,
};
use proptest::{collection::vec, prelude::*};

/// A text of `len` bytes of a kind.
fn text() -> impl Strategy<Value = Vec<u8>> {
    (0..4_u8, any::<u8>(), prop_oneof![4 => 0..300_usize, 2 => 0..5_000_usize, 1 => 0..200_000_usize]).prop_map(
        |(kind, seed, len)| match kind {
            0 => noise(seed.into(), len),
            1 => vec![seed; len],
            2 => [noise((seed % 4).into(), len / 2), records((seed % 4).into(), len - len / 2)].concat(),
            _ => records((seed % 4).into(), len),
        },
    )
}

#[derive(Clone, Debug)]
struct Send {
    who: usize,
    engines: usize,
    text: Vec<u8>,
    /// A whole message, or fragments of so many bytes.
    fragments: Option<usize>,
    pieces: usize,
    forgets: bool,
}

fn send() -> impl Strategy<Value = Send> {
    (
        0..4_usize,
        0..2_usize,
        text(),
        proptest::option::weighted(0.3, 1..3_000_usize),
        1..6_000_usize,
        any::<[bool; 4]>(),
    )
        .prop_map(|(who, engines, text, fragments, pieces, bits)| {
            let (fragments, forgets) = (fragments.filter(|len| text.len() / len < 200), bits == [true; 4]);
            Send { who, engines, text, fragments, pieces, forgets }
        })
}

/// The level, the window of the peer, the bits that are kept of what is sent.
fn parameters() -> impl Strategy<Value = (u8, u8, Option<u8>)> {
    (1..=9_u8, 8..=15_u8, proptest::option::weighted(0.7, 8..=15_u8))
}

proptest! {
    /// Connections with any parameters share engines in any order. What one end sends the other gets, in any pieces,
    /// and no distance is farther than agreed.
    #[test]
    fn messages_arrive_as_they_were_sent(parameters in vec(parameters(), 4), sends in vec(send(), 1..12)) {
        let mut engines = [Engines::default(), Engines::default()];
        let mut inflating = Engines::default();
        let mut ends: Vec<_> = parameters.iter().map(|(level, window, history)| {
            (Sending::new(*level, *window, *history), Receiving::new(*window, history.is_some()), Vec::new())
        }).collect();
        for send in sends {
            let (level, window, history) = parameters[send.who];
            let (sending, receiving, before) = &mut ends[send.who];
            let engines = &mut engines[send.engines];
            if send.forgets {
                *sending = Sending::new(level, window, history);
            }
            let payload = match send.fragments {
                None => match sending.compress(engines, &send.text) {
                    Some(payload) => {
                        prop_assert!(payload.len() < send.text.len());
                        payload.into_owned()
                    }
                    None => continue,
                },
                Some(len) => {
                    let mut parts = send.text.chunks(len).peekable();
                    let mut payload = Vec::new();
                    while let Some(part) = parts.next() {
                        let compressed = sending.compress_fragment(engines, part, parts.peek().is_none());
                        prop_assert!(compressed.len() <= max_fragment_len(part.len()));
                        payload.extend_from_slice(&compressed);
                    }
                    payload
                }
            };
            let walk = walk_message(&payload, before).unwrap();
            prop_assert!(walk.text == send.text && walk.farthest <= 1 << window);
            let (text, result) = inflate_by(receiving, &mut inflating, &payload, send.pieces, send.text.len() as u64);
            prop_assert!(result.is_ok() && text == send.text);
            prop_assert!(receiving.held_bytes() <= 1 << window);
            if history.is_some() {
                before.extend(text);
                before.drain(..before.len().saturating_sub(1 << window));
            }
        }
    }

    /// Any bytes, and messages with any change, give the same text and the same error in any pieces; both are what the
    /// other reading of DEFLATE says of them.
    #[test]
    fn any_payload_gives_the_same_in_any_pieces(
        before in text(),
        original in text(),
        (level, window, has_takeover) in (1..=9_u8, 8..=15_u8, any::<bool>()),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        (final_at, pieces, limit) in (any::<bool>(), 1..600_usize, proptest::option::of(0..100_000_u64)),
    ) {
        let mut engines = Engines::default();
        let mut sending = Sending::new(level, window, has_takeover.then_some(window));
        let first = sending.compress_fragment(&mut engines, &before, true).into_owned();
        let mut payload = sending.compress_fragment(&mut engines, &original, !final_at).into_owned();
        if final_at {
            payload.extend([0x03, 0x00, 0x03, 0x00]);
            payload.extend_from_slice(&sending.compress_fragment(&mut engines, &original, true));
        }
        for (at, change) in changes {
            let at = at.index(payload.len());
            payload[at] ^= change;
        }
        if let Some(cut) = cut {
            payload.truncate(cut.index(payload.len() + 1));
        }
        let limit = limit.unwrap_or(1 << 22);
        let mut at = |len: usize| {
            let mut receiving = Receiving::new(window, has_takeover);
            inflate(&mut receiving, &mut engines, &first).unwrap();
            inflate_by(&mut receiving, &mut engines, &payload, len, limit)
        };
        let (text, result) = at(usize::MAX);
        prop_assert!(text.len() as u64 <= limit);
        for len in [pieces, 1 + payload.len() / 50, 4_095, 4_096] {
            let (same, error) = at(len);
            prop_assert!(error == result && same == text, "{error:?} for {result:?}, by {len}");
        }
        let before = if has_takeover { &before[before.len().saturating_sub(1 << window)..] } else { &[] };
        match (result, walk_message(&payload, before)) {
            (Ok(()), Ok(walk)) => prop_assert!(walk.text == text),
            // What refers farther back than the window is read if the inflater has it.
            (Err(InflateError::Corrupt), Ok(walk)) => prop_assert!(walk.farthest > 1 << window),
            (Err(InflateError::Corrupt), Err(Fault::Short | Fault::Corrupt)) => {}
            (Err(InflateError::TooLarge { size }), walk) => {
                prop_assert_eq!(size, limit + 1);
                prop_assert!(walk.is_err() || walk.is_ok_and(|walk| walk.text.len() as u64 > limit));
            }
            (result, walk) => prop_assert!(false, "{result:?} for {:?}", walk.map(|walk| walk.blocks)),
        }
    }
}
