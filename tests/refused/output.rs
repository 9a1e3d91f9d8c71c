//! Output that finds no memory to move to.

use super::{MIB, ROLES, alone, config, open, with_room};
use statesocket::OutputBuffer;

/// The peer decides how much of the output it leaves in the lent buffer.
#[test]
fn a13_output_without_memory_to_move_to_keeps_what_is_lent() {
    alone(|| {
        let config = config(|config| config.max_output_bytes = 64 * MIB);
        for role in ROLES {
            for (left, has_memory) in [(8 * MIB, false), (5 * MIB, false), (8 * MIB, true)] {
                let case = format!("{left} bytes of a {role:?}, memory: {has_memory}");
                let mut connection = open(role, &config);
                let mut buffer = OutputBuffer::default();
                connection.lend_buffer(&mut buffer);
                connection.send_binary(&vec![7; 8 * MIB]).expect("it is below the limit");
                connection.advance(connection.output_len() - left);
                let expected = connection.output().to_vec();
                let room = if has_memory { 16 * MIB } else { 2 * MIB };
                with_room(room, || connection.reclaim_buffer(&mut buffer));
                assert!(connection.output() == expected, "{case}");
                assert!(connection.buffered_bytes() >= left, "{case}");

                // The buffer is lent anew, and this output leaves as any other.
                let mut other = open(role, &config);
                other.lend_buffer(&mut buffer);
                other.send_text("short").expect("the connection is open");
                assert!(connection.output() == expected, "{case}: the memory is not shared");
                connection.send_text("behind").expect("there is room");
                connection.advance(connection.output_len());
                assert_eq!((connection.output_len(), connection.buffered_bytes()), (0, 0), "{case}");
            }
        }
    });
}
