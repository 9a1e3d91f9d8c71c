//! Messages that find no memory.

use super::{
    MIB, ROLES, alone, assert_out_of_memory, assert_works, by_itself, config, end_in, header, open, with_exact_room,
    with_room,
};
use statesocket::{Delivery, Event, OutputBuffer, Role, handshake::Accept};
use std::time::Instant;

/// The first bytes of a message: of one frame, or of several.
const FIRST: [u8; 4] = [0x81, 0x82, 0x01, 0x02];

#[test]
fn a13_half_of_a_message_of_1_gib_ends_its_connection_alone() {
    alone(|| {
        let config = config(|_| ());
        for role in ROLES {
            for first in FIRST {
                let case = format!("{first:#x} to a {role:?}");
                let mut connection = open(role, &config);
                let (mut header, mut piece) = (header(role, first, 1 << 30), vec![b'x'; MIB]);
                let end = with_room(16 * MIB, || {
                    assert_eq!(end_in(&mut connection, &mut header), None, "{case}");
                    let end = (0..512).find_map(|_| {
                        piece.fill(b'x');
                        end_in(&mut connection, &mut piece)
                    });
                    assert_works(role, &config);
                    end
                });
                assert_out_of_memory(&end.expect("there was room for 16 MiB"), &case);
                // The refused message holds nothing any more, although its connection still exists.
                with_room(16 * MIB, || drop(Vec::<u8>::with_capacity(15 * MIB)));
            }
        }
    });
}

/// Pieces of 1 MiB take 2, 6 and 14 MiB. What they hold then is given back before the Close is made.
#[test]
fn a13_a_message_that_takes_all_memory_leaves_some_for_its_close() {
    by_itself("messages::a13_a_message_that_takes_all_memory_leaves_some_for_its_close", || {
        let config = config(|_| ());
        for role in ROLES {
            for first in FIRST {
                let mut connection = open(role, &config);
                let (mut header, mut piece) = (header(role, first, 1 << 30), vec![b'x'; MIB]);
                assert_eq!(end_in(&mut connection, &mut header), None);
                let end = with_exact_room(14 * MIB, || (0..20).find_map(|_| end_in(&mut connection, &mut piece)));
                assert_out_of_memory(&end.expect("there was room for 14 MiB"), &format!("{first:#x} to a {role:?}"));
            }
        }
    });
}

/// Nothing was trusted before, so the last frame must find memory for the whole.
#[test]
fn a13_a_last_fragment_without_memory_ends_the_connection() {
    alone(|| {
        let config = config(|_| ());
        for role in ROLES {
            for first in [0x01, 0x02] {
                let mut connection = open(role, &config);
                let mut beginning = [header(role, first, 10), vec![b'x'; 10]].concat();
                let mut last = [header(role, 0x80, 8 << 20), vec![b'x'; 8 * MIB]].concat();
                let end = with_room(4 * MIB, || {
                    assert_eq!(end_in(&mut connection, &mut beginning), None);
                    end_in(&mut connection, &mut last)
                });
                assert_out_of_memory(&end.expect("there was room for 4 MiB"), &format!("{first:#x} to a {role:?}"));
            }
        }
    });
}

#[test]
fn a13_bytes_that_are_read_into_the_message_have_their_memory() {
    alone(|| {
        let config = config(|_| ());
        for role in ROLES {
            let (mut connection, mut lent) = (open(role, &config), OutputBuffer::default());
            let (header, mut buffer, piece) = (header(role, 0x82, 1 << 30), vec![0; MIB], vec![7; 2 * MIB]);
            buffer[..header.len()].copy_from_slice(&header);
            let end = with_room(16 * MIB, || {
                let mut in_buffer = header.len();
                (0..1_000).find_map(|_| {
                    connection.lend_buffer(&mut lent);
                    let end = end_in(&mut connection, &mut buffer[..in_buffer]);
                    let read = connection.read_from(&piece[..], &mut buffer, Instant::now());
                    in_buffer = read.expect("a slice can be read").in_buffer;
                    connection.reclaim_buffer(&mut lent);
                    end
                })
            });
            assert_out_of_memory(&end.expect("there was room for 16 MiB"), &format!("{role:?}"));
        }
    });
}

/// A code point that straddles two pieces is put before the text behind it, so the chunk is a copy.
#[test]
fn a13_a_chunk_that_must_be_copied_may_find_no_memory() {
    alone(|| {
        let config = config(|config| config.delivery = Delivery::Chunks);
        for role in ROLES {
            for room in [4 * MIB, 12 * MIB] {
                let mut connection = open(role, &config);
                let mut beginning = [header(role, 0x81, 1 << 30), b"\xC3".to_vec()].concat();
                let mut piece = [vec![0xA4], vec![b'x'; 8 * MIB]].concat();
                let end = with_room(room, || {
                    assert_eq!(end_in(&mut connection, &mut beginning), None);
                    let end = end_in(&mut connection, &mut piece);
                    assert_works(role, &config);
                    end
                });
                assert_eq!(end.is_some(), room < 8 * MIB);
                if let Some(end) = end {
                    assert_out_of_memory(&end, &format!("{role:?}"));
                }
            }
        }
    });
}

/// The connection keeps these bytes itself, so it hands out copies.
#[test]
fn a13_frames_from_before_the_answer_may_find_no_memory() {
    alone(|| {
        for delivery in [Delivery::Messages, Delivery::Chunks] {
            for first in [0x81, 0x82] {
                let config = config(|config| (config.delivery, config.max_early_bytes) = (delivery, 16 * MIB));
                let mut connection = super::handshake::requested(&config);
                let mut early = [header(Role::Server, first, 6 << 20), vec![b'x'; 6 * MIB]].concat();
                let end = with_room(8 * MIB, || {
                    assert_eq!(end_in(&mut connection, &mut early), None, "the frame waits for the answer");
                    connection.accept(Accept::new()).expect("a request waits");
                    let event = connection.receive(&mut &mut [][..], Instant::now());
                    assert_works(Role::Server, &config);
                    event
                });
                let Some(Event::Disconnect(end)) = end else { panic!("{first:#x}: {end:?} instead of the end") };
                assert_out_of_memory(&end, &format!("{first:#x}, {delivery:?}"));
            }
        }
    });
}
