//! The queue against plain vectors, and what it keeps in memory.

use super::{pong::MAX_PONGS, queue::MIN_COMPACTED, *};
use crate::frame::encode::{EncodedHeader, encode};
use proptest::prelude::*;

/// The bytes in memory, the written ones included.
fn memory_len(output: &Output) -> usize {
    output.queue.as_ref().map_or(0, |queue| queue.memory_len())
}

fn capacity(queue: &Option<Box<Queue>>) -> usize {
    queue.as_ref().map_or(0, |queue| queue.capacity())
}

fn slices(output: &Output) -> Vec<&[u8]> {
    output.queue.iter().flat_map(|queue| queue.slices()).collect()
}

fn with_pongs(count: u8) -> Output {
    let mut output = Output::default();
    (0..count).for_each(|n| output.pong(&[n], None));
    output
}

#[test]
fn f18_of_many_unsent_pongs_the_last_is_replaced() {
    let mut output = with_pongs(MAX_PONGS);
    let full = output.as_slice().to_vec();
    output.frame(true, OpCode::Text, b"between", None);
    output.pong(b"2", None);
    output.pong(b"3", None);
    let expected = [&full[..full.len() - 3], b"\x81\x07between\x8A\x013"].concat();
    assert_eq!(output.as_slice(), expected);
}

#[test]
fn a_pong_that_has_begun_to_leave_stays_whole() {
    let mut output = with_pongs(MAX_PONGS);
    output.advance(output.len() - 2);
    output.pong(b"2", None);
    assert_eq!(output.as_slice(), b"\x01\x0F\x8A\x012");
}

#[test]
fn the_last_pong_is_known_after_the_queue_moved() {
    for (left_of_pong, expected) in [(3, &b"\x8A\x012"[..]), (2, b"\x01\x0F\x8A\x012")] {
        let mut output = Output::default();
        output.extend(&vec![0; MIN_COMPACTED]);
        (0..MAX_PONGS).for_each(|n| output.pong(&[n], None));
        output.advance(output.len() - left_of_pong);
        assert_eq!(memory_len(&output), left_of_pong, "the written bytes are dropped");
        output.pong(b"2", None);
        assert_eq!(output.as_slice(), expected);
    }
}

#[test]
fn queued_bytes_move_only_when_many_are_written_and_no_more_are_queued() {
    for (total, written, kept) in [
        (10, 9, 10),
        (65_536, 65_535, 65_536),
        (131_072, 65_536, 65_536),
        (131_073, 65_536, 131_073),
        (200_000, 150_000, 50_000),
    ] {
        let mut output = Output::default();
        output.extend(&vec![0; total]);
        output.advance(written);
        assert_eq!((memory_len(&output), output.len()), (kept, total - written), "{written} of {total} are written");
    }
}

#[test]
fn shared_bytes_keep_their_place_when_the_queue_moves() {
    let shared = Bytes::from(vec![7; MIN_SHARED]);
    let mut output = Output::default();
    output.extend(&vec![0; MIN_COMPACTED + 5]);
    output.share(&shared);
    output.extend(&[1; 3]);
    output.share(&shared);
    output.advance(MIN_COMPACTED);
    assert_eq!(memory_len(&output), 8, "the queue has moved");
    let slices: Vec<&[u8]> = slices(&output);
    assert_eq!(slices, [&[0; 5], shared.as_ref(), &[1; 3], &shared]);
}

#[test]
fn a_lagging_peer_gets_no_copies_of_shared_bytes() {
    let mut output = Output::default();
    output.extend(&vec![0; BEHIND - 1]);
    output.share(&Bytes::from(vec![1; MIN_SHARED_BEHIND]));
    let copied = memory_len(&output);
    assert_eq!(copied, BEHIND - 1 + MIN_SHARED_BEHIND, "it does not lag yet");
    let shared = Bytes::from(vec![2; MIN_SHARED_BEHIND]);
    (0..1000).for_each(|_| output.share(&shared));
    assert_eq!(memory_len(&output), copied);
    assert!(slices(&output)[1..].iter().all(|slice| slice.as_ptr() == shared.as_ptr()));
    output.share(&shared.slice(1..));
    assert_eq!(memory_len(&output), copied + shared.len() - 1, "a piece would cost as much");

    output.advance(output.len() - BEHIND + 1);
    let before = memory_len(&output);
    output.share(&shared);
    assert_eq!(memory_len(&output), before + shared.len(), "it lags no more");
}

#[test]
fn shared_bytes_keep_their_place_when_a_pong_before_them_is_replaced() {
    let shared = Bytes::from(vec![7; MIN_SHARED]);
    let mut output = Output::default();
    output.extend(b"first");
    output.share(&shared);
    (0..MAX_PONGS).for_each(|n| output.pong(&[n], None));
    let pongs = slices(&output)[2].to_vec();
    output.share(&shared);
    output.extend(b"between");
    output.share(&shared);
    output.pong(b"2", None);
    let slices: Vec<&[u8]> = slices(&output);
    assert_eq!(slices, [b"first", &shared[..], &pongs[..pongs.len() - 3], &shared, b"between", &shared, b"\x8A\x012"]);
}

#[test]
fn an_empty_queue_keeps_no_memory() {
    let mut output = Output::default();
    output.extend(&[0; 1000]);
    output.share(&Bytes::from_static(&[1; MIN_SHARED]));
    output.advance(1000 + MIN_SHARED);
    assert_eq!(capacity(&output.queue), 0);
    assert!(output.queue.is_none());
}

#[test]
fn a_lent_buffer_is_used_again_and_given_back() {
    let (mut output, mut lent) = (Output::default(), OutputBuffer::default());
    let mut memory = Vec::new();
    for n in 0..3 {
        output.lend(&mut lent);
        for _ in 0..3 {
            if !output.try_message(OpCode::Binary, &[n; 50]) {
                output.frame(true, OpCode::Binary, &[n; 50], None);
            }
            assert_eq!(output.as_slice(), [&[0x82, 50][..], &[n; 50]].concat(), "the old bytes have left no trace");
            memory.push((output.as_slice().as_ptr(), capacity(&output.queue)));
            output.advance(52);
        }
        output.reclaim(&mut lent);
        assert_eq!(capacity(&output.queue), 0);
    }
    assert!(memory.iter().all(|used| *used == memory[0]), "{memory:?}");
}

#[test]
fn a_message_is_queued_even_if_the_room_is_too_small_for_it() {
    let (mut output, mut lent) = (Output::default(), OutputBuffer::default());
    output.lend(&mut lent);
    let (mut expected, mut wire) = (Vec::new(), Vec::<u8>::new());
    for (n, len) in (1..).zip([10, 12, 11, 125, 126, 100, 0, 125, 300, 1]) {
        let payload = vec![n; len];
        if !output.try_message(OpCode::Text, &payload) {
            output.frame(true, OpCode::Text, &payload, None);
        }
        encode(&mut expected, true, OpCode::Text, &vec![n; len], None);
        if n % 3 == 0 {
            wire.extend(output.as_slice());
            output.advance(output.len());
        }
    }
    wire.extend(output.as_slice());
    assert_eq!(wire, expected);
}

#[test]
fn a_lent_buffer_is_given_back_even_with_queued_bytes() {
    let (mut output, mut lent) = (Output::default(), OutputBuffer::default());
    output.lend(&mut lent);
    output.extend(b"gone, waits");
    output.pong(b"1", None);
    output.advance(6);
    output.reclaim(&mut lent);
    assert_eq!((output.as_slice(), capacity(&output.queue)), (&b"waits\x8A\x011"[..], 8));
    let kept = capacity(&lent.0);
    assert!(kept >= 14 && lent.0.as_ref().is_some_and(|queue| queue.is_empty()));
    output.lend(&mut lent);
    assert_eq!((output.len(), capacity(&lent.0)), (8, kept), "nothing is lent to a queue that is not empty");
    output.advance(8);
    output.reclaim(&mut lent);
    assert_eq!((capacity(&output.queue), capacity(&lent.0)), (0, kept));
}

#[test]
fn a_queue_that_moves_takes_its_count_of_pongs_along() {
    let (mut output, mut lent) = (Output::default(), OutputBuffer::default());
    output.lend(&mut lent);
    (0..MAX_PONGS).for_each(|n| output.pong(&[n], None));
    output.reclaim(&mut lent);
    output.pong(b"2", None);
    let replaced = with_pongs(MAX_PONGS - 1).as_slice().len() + 3;
    assert_eq!(output.len(), replaced, "the last of many is replaced");

    let mut other = Output::default();
    other.lend(&mut lent);
    other.pong(b"1", None);
    other.pong(b"2", None);
    assert_eq!(other.as_slice(), b"\x8A\x011\x8A\x012", "few are each answered");
}

#[test]
fn a_buffer_that_was_not_lent_is_not_given_away() {
    let (mut output, mut other) = (Output::default(), OutputBuffer::default());
    output.extend(b"waits");
    output.reclaim(&mut other);
    assert_eq!((output.as_slice(), capacity(&other.0)), (&b"waits"[..], 0));
}

#[test]
fn a_lent_buffer_that_has_grown_large_comes_back_smaller() {
    let (mut output, mut lent) = (Output::default(), OutputBuffer::default());
    output.lend(&mut lent);
    output.extend(&vec![0; 4 * MAX_LENT]);
    let shared = Bytes::from(vec![7; MIN_SHARED]);
    (0..MAX_LENT / 16).for_each(|_| output.share(&shared));
    output.clear();
    output.reclaim(&mut lent);
    assert!(capacity(&lent.0) <= MAX_LENT, "{}", capacity(&lent.0));
    let pieces = lent.0.as_ref().map_or(0, |queue| queue.pieces_capacity());
    assert!(pieces <= MAX_LENT, "{pieces}");
}

#[test]
fn shared_bytes_are_copied_only_if_they_are_few() {
    for (len, is_copied) in [(1, true), (1023, true), (1024, false), (100_000, false)] {
        let bytes = Bytes::from(vec![1; len]);
        let mut output = Output::default();
        output.share(&bytes);
        assert_eq!(output.as_slice().as_ptr() != bytes.as_ptr(), is_copied, "{len} bytes");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Copy(usize),
    Share(usize),
    Message(usize),
    Pong,
    Advance(usize),
    Lend,
    Reclaim,
}

proptest! {
    /// Compares with a plain vector. It never replaces a Pong, because there are only a few.
    #[test]
    fn bytes_leave_in_the_order_in_which_they_came(steps in proptest::collection::vec(prop_oneof![
        (0..40_000usize).prop_map(Step::Copy),
        (0..3 * MIN_SHARED).prop_map(Step::Share),
        (0..300usize).prop_map(Step::Message),
        Just(Step::Pong),
        (0..60_000usize).prop_map(Step::Advance),
        Just(Step::Lend),
        Just(Step::Reclaim),
    ], 0..20)) {
        let (mut output, mut expected, mut left) = (Output::default(), Vec::new(), Vec::new());
        let mut lent = OutputBuffer::default();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Copy(len) => {
                    output.extend(&vec![n as u8; len]);
                    expected.extend(vec![n as u8; len]);
                }
                Step::Share(len) => {
                    output.share(&Bytes::from(vec![n as u8; len]));
                    expected.extend(vec![n as u8; len]);
                }
                Step::Message(len) => {
                    let payload = vec![n as u8; len];
                    if !output.try_message(OpCode::Binary, &payload) {
                        output.extend(&EncodedHeader::new(true, OpCode::Binary, len, None));
                        output.payload(payload.clone().into(), 0);
                    }
                    encode(&mut expected, true, OpCode::Binary, &payload, None);
                }
                Step::Lend => output.lend(&mut lent),
                Step::Reclaim => output.reclaim(&mut lent),
                Step::Pong => {
                    output.pong(b"x", None);
                    expected.extend(b"\x8A\x01x");
                }
                Step::Advance(len) => {
                    let len = len.min(output.len());
                    left.extend(slices(&output).into_iter().flatten().take(len));
                    output.advance(len);
                }
            }
            prop_assert_eq!(output.len(), expected.len() - left.len());
            let mut slices = [IoSlice::new(&[]); 32];
            let count = output.slices_into(&mut slices);
            let waiting: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
            prop_assert_eq!(&[&left[..], &waiting].concat(), &expected);
        }
    }
}
