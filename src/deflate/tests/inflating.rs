//! Received messages.

use super::*;
use crate::deflate::inflate::MAX_HELD;

const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

#[test]
fn section_7_2_3_1_a_message_compressed_using_one_compressed_deflate_block() {
    assert_eq!(inflate_alone(&HELLO).unwrap(), b"Hello");
    let parts = [(&HELLO[..3], Due::Later), (&HELLO[3..], Due::Last)];
    let (text, result) = inflate_parts(&mut Receiving::new(15, true), &mut Engines::default(), &parts, NO_LIMIT);
    assert_eq!((&text[..], result), (&b"Hello"[..], Ok(())));
}

#[test]
fn section_7_2_3_2_sharing_lz77_sliding_window() {
    let mut engines = Engines::default();
    let mut receiving = Receiving::new(15, true);
    assert_eq!(inflate(&mut receiving, &mut engines, &HELLO).unwrap(), b"Hello");
    let second = [0xF2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflate(&mut receiving, &mut engines, &second).unwrap(), b"Hello");
    let mut receiving = Receiving::new(15, false);
    for _ in 0..2 {
        assert_eq!(inflate(&mut receiving, &mut engines, &HELLO).unwrap(), b"Hello");
    }
    assert_eq!(inflate(&mut receiving, &mut engines, &second), Err(InflateError::Corrupt));
}

#[test]
fn section_7_2_3_3_using_a_deflate_block_with_no_compression() {
    let payload = [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    assert_eq!(inflate_alone(&payload).unwrap(), b"Hello");
}

#[test]
fn section_7_2_3_4_using_a_deflate_block_with_bfinal_set_to_1() {
    let payload = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    assert_eq!(inflate_alone(&payload).unwrap(), b"Hello");
    // Its sender may forget the byte behind the final block.
    assert_eq!(inflate_alone(&payload[..7]).unwrap(), b"Hello");
}

#[test]
fn section_7_2_3_5_two_deflate_blocks_in_one_message() {
    let payload = [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(inflate_alone(&payload).unwrap(), b"Hello");
}

#[test]
fn section_7_2_3_6_an_empty_message() {
    assert_eq!(inflate_alone(&[0x00]).unwrap(), b"");
    // Not DEFLATE, but what peers send.
    assert_eq!(inflate_alone(&[]).unwrap(), b"");
    let parts: [(&[u8], _); 3] = [(&[], Due::Later), (&[], Due::Now), (&[], Due::Last)];
    let result = inflate_parts(&mut Receiving::new(15, true), &mut Engines::default(), &parts, 0);
    assert_eq!(result, (vec![], Ok(())));
}

#[test]
fn messages_behind_one_with_a_final_block_refer_to_it() {
    let mut engines = Engines::default();
    let (mut sending, mut receiving) = (Sending::new(6, 15, Some(15)), Receiving::new(15, true));
    for n in 0..5 {
        let text = records(n, 500);
        let mut payload = compress(&mut sending, &mut engines, &text);
        // An empty final block, and an empty one without its marker.
        payload.extend([0x00, 0x00, 0xFF, 0xFF, 0x03, 0x00, 0x00]);
        assert_eq!(inflate(&mut receiving, &mut engines, &payload).unwrap(), text, "{n}");
    }
}

/// Blocks behind a final one refer to the message so far, and to messages before it.
#[test]
fn blocks_behind_a_final_one_refer_to_all_before() {
    let text = noise(1, 20_000);
    for has_takeover in [true, false] {
        for before in [0, 1, 20_000, 70_000, 200_000] {
            let (mut engines, mut receiving) = (Engines::default(), Receiving::new(15, has_takeover));
            let first = records(7, 3_000);
            let payload = compress(&mut Sending::new(6, 15, None), &mut engines, &first);
            inflate(&mut receiving, &mut engines, &payload).unwrap();

            // All of the message goes through one compressor of the other end.
            let mut other = zlib_rs::Deflate::new(6, false, 15);
            if has_takeover {
                other.set_dictionary(&first).unwrap();
            }
            let parts = [records(7, before), text.clone(), text.clone()];
            let mut payload = Vec::new();
            for part in &parts {
                let (start, mut output) = (other.total_out(), vec![0; 300_000]);
                other.compress(part, &mut output, zlib_rs::DeflateFlush::SyncFlush).unwrap();
                payload.extend(&output[..(other.total_out() - start) as usize]);
                // An empty final block.
                payload.extend([0x03, 0x00]);
            }
            assert!(payload.len() < 20_000 + before + 4_000, "the second text is a reference to the first");
            let parts = parts.concat();
            payload.push(0x00);
            for len in [1, 1_000, usize::MAX] {
                let mut receiving = Receiving::new(15, has_takeover);
                let alone = compress(&mut Sending::new(6, 15, None), &mut engines, &first);
                inflate(&mut receiving, &mut engines, &alone).unwrap();
                let (result, end) = inflate_by(&mut receiving, &mut engines, &payload, len, NO_LIMIT);
                assert!(end.is_ok() && result == parts, "{has_takeover} {before} {len} {end:?}");
            }
        }
    }
}

/// An engine is shared: what it has seen of one connection must not reach another.
#[test]
fn a_message_cannot_refer_to_the_text_of_another_connection() {
    let mut engines = Engines::default();
    let secret = compress(&mut Sending::new(6, 15, None), &mut engines, &records(1, 3_000));
    let mut thief = Sending::new(6, 15, Some(15));
    let prefix = records(1, 3_000);
    compress(&mut thief, &mut engines, &prefix);
    let reference = compress(&mut thief, &mut engines, &prefix[..300]);
    for has_takeover in [true, false] {
        assert!(inflate(&mut Receiving::new(15, has_takeover), &mut engines, &secret).is_ok());
        let mut other = Receiving::new(15, has_takeover);
        assert_eq!(inflate(&mut other, &mut engines, &reference), Err(InflateError::Corrupt));
        // Nor while the message that the text belongs to is unfinished, or has failed.
        let mut owner = Receiving::new(15, has_takeover);
        inflate_parts(&mut owner, &mut engines, &[(&secret, Due::Now)], NO_LIMIT).1.unwrap();
        let mut other = Receiving::new(15, has_takeover);
        assert_eq!(inflate(&mut other, &mut engines, &reference), Err(InflateError::Corrupt));
        inflate_parts(&mut owner, &mut engines, &[(&[7], Due::Last)], NO_LIMIT).1.unwrap_err();
        let mut other = Receiving::new(15, has_takeover);
        assert_eq!(inflate(&mut other, &mut engines, &reference), Err(InflateError::Corrupt));
    }
}

#[test]
fn without_takeover_a_message_cannot_refer_to_an_earlier_one() {
    let (mut engines, mut sending) = (Engines::default(), Sending::new(6, 15, Some(15)));
    let text = records(1, 1_000);
    let payloads = [(); 2].map(|()| compress(&mut sending, &mut engines, &text));
    let mut receiving = Receiving::new(15, false);
    assert_eq!(inflate(&mut receiving, &mut engines, &payloads[0]).unwrap(), text);
    assert_eq!(inflate(&mut receiving, &mut engines, &payloads[1]), Err(InflateError::Corrupt));
}

#[test]
fn a_message_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    for len in [1, 5, 1_000, 65_535, 65_536, 65_537, 131_072, 200_000] {
        for text in [vec![0; len], records(1, len)] {
            let mut engines = Engines::default();
            let payload = match Sending::new(6, 15, None).compress(&mut engines, &text) {
                Some(payload) => payload.into_owned(),
                None => [&[0, len as u8, 0, !(len as u8), 0xFF], &text[..], &[0]].concat(),
            };
            for by in [1, 3_000, usize::MAX] {
                let mut at = |limit| inflate_by(&mut Receiving::new(15, true), &mut engines, &payload, by, limit);
                assert!(at(len as u64) == (text.clone(), Ok(())), "{len} by {by}");
                let (before, error) = at(len as u64 - 1);
                assert_eq!(error, Err(InflateError::TooLarge { size: len as u64 }), "{len} by {by}");
                assert!(before == text[..len - 1], "all that is allowed is handed out: {len} by {by}");
            }
        }
    }
}

/// The limit comes first if the byte over it is there, and the fault if it is not.
#[test]
fn the_limit_and_a_fault_behind_it_are_the_same_for_any_pieces() {
    let text = records(3, 100);
    let mut payload = compress(&mut Sending::new(6, 15, None), &mut Engines::default(), &text);
    payload.extend([0x00, 0x00, 0xFF, 0xFF, 0x07]);
    for limit in [50, 99, 100, 101] {
        let at = |by| inflate_by(&mut Receiving::new(15, true), &mut Engines::default(), &payload, by, limit);
        let expected = if limit < 100 { InflateError::TooLarge { size: limit + 1 } } else { InflateError::Corrupt };
        for by in 1..=payload.len() {
            assert_eq!(at(by), (text[..100.min(limit as usize)].to_vec(), Err(expected)), "{limit} {by}");
        }
    }
}

/// The peer gets no more than the limit inflated, and one byte.
#[test]
fn a_bomb_stops_at_the_limit() {
    // 1 GiB of zeros: a block of 1 MiB, which refers to zeros only, again and again.
    let mut other = zlib_rs::Deflate::new(9, false, 15);
    let (zeros, mut output) = (vec![0; 1 << 20], vec![0; 4 << 10]);
    let mut bomb = Vec::new();
    for _ in 0..1 << 10 {
        let start = other.total_out();
        other.compress(&zeros, &mut output, zlib_rs::DeflateFlush::SyncFlush).unwrap();
        bomb.extend(&output[..(other.total_out() - start) as usize]);
    }
    assert!(bomb.len() < 2 << 20);
    for due in [Due::Now, Due::Last] {
        let (mut engines, mut receiving) = (Engines::default(), Receiving::new(15, true));
        let (mut input, mut size) = (&bomb[..], 0);
        let error = loop {
            match receiving.step(&mut engines, &mut input, due, 16 << 20) {
                Ok(Step::Piece(piece)) => size += piece.len(),
                Ok(step) => panic!("{step:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!((error, size), (InflateError::TooLarge { size: (16 << 20) + 1 }, 16 << 20));
        assert!(bomb.len() - input.len() < 32 << 10, "{} of {} are left", input.len(), bomb.len());
        assert_eq!(receiving.held_bytes(), 32 << 10, "the history");
    }
}

/// On a small stack: a library that calls itself for each block would overflow it.
#[test]
fn a_million_empty_blocks_are_an_empty_message() {
    let empty: [(&[u8], &[u8]); 3] = [
        (&[0x00, 0x00, 0x00, 0xFF, 0xFF], &[0x00]),
        // With fixed codes: four blocks of ten bits each.
        (&[0x02, 0x08, 0x20, 0x80, 0x00], &[0x00]),
        // Final ones.
        (&[0x03, 0x00], &[]),
    ];
    let run = move || {
        for (block, end) in empty {
            let payload = [block.repeat(1_000_000), end.to_vec()].concat();
            assert_eq!(inflate_alone(&payload).unwrap(), b"");
            let (mut engines, mut receiving) = (Engines::default(), Receiving::new(15, true));
            let payload = [block.repeat(20_000), end.to_vec()].concat();
            assert_eq!(inflate_by(&mut receiving, &mut engines, &payload, 1, 0), (vec![], Ok(())));
        }
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_message_of_which_the_end_is_missing_is_corrupt() {
    for seed in 0..20 {
        let text =
            if seed % 2 == 0 { records(seed, 700) } else { [noise(seed.into(), 300), records(seed, 100)].concat() };
        let payload = compress(&mut Sending::new(1 + (seed % 9) as u8, 15, None), &mut Engines::default(), &text);
        for len in 1..payload.len() {
            let result = inflate_alone(&payload[..len]);
            assert_eq!(result, Err(InflateError::Corrupt), "{len} of {} bytes, {seed}", payload.len());
        }
    }
}

/// The bytes that are appended must end the stream, and not a block that began before them.
#[test]
fn what_is_appended_to_a_message_is_no_text_of_it() {
    let stored = |header: u8, len: u8, data: &[u8]| [&[header, len, 0, !len, 0xFF], data].concat();
    // Section 7.2.2 appends four bytes. Whose text ends with them may leave them out.
    assert_eq!(inflate_alone(&stored(0, 6, b"ab")).unwrap(), b"ab\x00\x00\xFF\xFF");
    for missing in [1, 2, 3, 5, 6, 7] {
        for header in [0, 1] {
            let payload = stored(header, 8, &b"abcdefgh"[..8 - missing]);
            assert_eq!(inflate_alone(&payload), Err(InflateError::Corrupt), "{missing} of a block {header}");
        }
    }
    assert_eq!(inflate_alone(&stored(1, 6, b"ab")), Err(InflateError::Corrupt), "a final block in the appended bytes");
    // A message that keeps its marker.
    assert_eq!(inflate_alone(&[&HELLO[..], &[0x00, 0x00, 0xFF, 0xFF]].concat()), Err(InflateError::Corrupt));
}

#[test]
fn the_text_before_a_fault_is_handed_out_first() {
    let text = records(1, 150_000);
    let mut payload = compress(&mut Sending::new(6, 15, None), &mut Engines::default(), &text);
    payload.extend([0x00, 0x00, 0xFF, 0xFF, 0x07, 0x12, 0x34]);
    for by in [1, 10, 4_000, usize::MAX] {
        let (mut engines, mut receiving) = (Engines::default(), Receiving::new(15, true));
        let result = inflate_by(&mut receiving, &mut engines, &payload, by, NO_LIMIT);
        assert!(result == (text.clone(), Err(InflateError::Corrupt)), "{by}");
        let again = receiving.step(&mut engines, &mut &HELLO[..], Due::Last, NO_LIMIT);
        assert_eq!(again, Err(InflateError::Corrupt), "no message can follow");
        assert_eq!(inflate(&mut Receiving::new(15, true), &mut engines, &HELLO).unwrap(), b"Hello");
    }
}

#[test]
fn bytes_wait_for_4_kib_or_the_end() {
    let mut engines = Engines::default();
    let mut receiving = Receiving::new(15, false);
    let payload = [0, 0, 0, 0xFF, 0xFF].repeat(2_000);
    for n in 1..MAX_HELD {
        let step = receiving.step(&mut engines, &mut &payload[n - 1..n], Due::Later, NO_LIMIT);
        assert_eq!(step, Ok(Step::NeedsInput));
        assert!((n..=(2 * n).max(8)).contains(&receiving.held_bytes()), "{n}: {}", receiving.held_bytes());
    }
    let step = receiving.step(&mut engines, &mut &payload[MAX_HELD - 1..MAX_HELD], Due::Later, NO_LIMIT);
    assert_eq!((step, receiving.held_bytes()), (Ok(Step::NeedsInput), crate::deflate::engines::INFLATER));
}

/// A rest that cannot wait for the next piece to be wanted comes first.
#[test]
fn bytes_that_are_held_come_before_further_input() {
    let text = records(5, 300_000);
    let (mut engines, mut receiving) = (Engines::default(), Receiving::new(15, true));
    let payload = compress(&mut Sending::new(6, 15, None), &mut engines, &text);
    let mut result: Vec<u8> = Vec::new();
    for (n, part) in payload.chunks(30_000).enumerate() {
        let is_last = 30_000 * n + part.len() == payload.len();
        let due = if is_last { Due::Last } else { Due::Later };
        receiving.hold(part).unwrap();
        loop {
            match receiving.step(&mut engines, &mut &[][..], due, NO_LIMIT).unwrap() {
                Step::Piece(piece) => result.extend(piece),
                Step::NeedsInput => break,
                Step::End(piece) => {
                    result.extend(piece);
                    break;
                }
            }
        }
    }
    assert!(result == text);
}

#[test]
fn pieces_are_full_and_the_last_has_the_rest() {
    for len in [20, 65_535, 65_536, 65_537, 131_072, 131_073] {
        let text = vec![7; len];
        let (mut engines, mut receiving) = (Engines::default(), Receiving::new(15, true));
        let payload = compress(&mut Sending::new(6, 15, None), &mut engines, &text);
        let (mut input, mut pieces) = (&payload[..], vec![]);
        loop {
            match receiving.step(&mut engines, &mut input, Due::Last, NO_LIMIT).unwrap() {
                Step::Piece(piece) => pieces.push(piece.len()),
                Step::End(piece) => {
                    pieces.push(piece.len());
                    break;
                }
                Step::NeedsInput => panic!("all input is there"),
            }
        }
        let (last, full) = pieces.split_last().unwrap();
        assert!(full.iter().all(|piece| *piece == 65_536) && *last < 65_536, "{pieces:?}");
        assert_eq!(65_536 * full.len() + last, text.len());
    }
}

/// The inflater may have taken all input, and have a part of a repetition left that did not fit the piece.
#[test]
fn all_text_of_a_frame_comes_before_more_input_is_wanted() {
    for len in (65_530..65_800).chain([131_073, 131_200]) {
        let text = vec![7; len];
        let (mut engines, mut receiving) = (Engines::default(), Receiving::new(15, true));
        let payload = compress(&mut Sending::new(6, 15, None), &mut engines, &text);
        let (now, result) = inflate_parts(&mut receiving, &mut engines, &[(&payload, Due::Now)], NO_LIMIT);
        assert_eq!((now.len(), result), (len, Ok(())));
        assert_eq!(inflate_parts(&mut receiving, &mut engines, &[(&[], Due::Last)], NO_LIMIT), (vec![], Ok(())));
    }
}
