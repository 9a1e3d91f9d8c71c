//! The memory of an output that has drained, or that holds few bytes in much memory.

use super::Socket;
use allocation_counter::measure;
use statesocket::{Agreed, Config, Connection, OutputBuffer, Role, SharedMessage};
use std::{sync::Arc, time::Instant};

type Way = (&'static str, fn(&mut Connection));

/// The ways to queue 16 MiB.
const WAYS: [Way; 4] = [
    ("copied", |connection| connection.send_binary(&vec![7; 16 << 20]).expect("nothing else is queued")),
    ("handed over", |connection| connection.send(vec![7; 16 << 20]).expect("nothing else is queued")),
    ("shared", |connection| {
        let message = SharedMessage::binary(&vec![7; 16 << 20]);
        connection.send_shared(&message).expect("nothing else is queued");
    }),
    ("many pieces", |connection| {
        for _ in 0..16 << 10 {
            connection.send(vec![7; 1 << 10]).expect("the limit is higher");
        }
    }),
];

#[test]
fn a12_a_queue_that_drains_gives_its_memory_back() {
    let config = Arc::new(Config::default().with(|config| config.max_output_bytes = 64 << 20));
    for role in [Role::Server, Role::Client] {
        for (way, send) in WAYS {
            for step in [usize::MAX, 1 << 20, 100_000, 4 << 10] {
                let mut connection = None;
                let held = measure(|| {
                    let config = Arc::clone(&config);
                    let mut open = Connection::established(role, Agreed::new(), config, Instant::now());
                    send(&mut open);
                    while open.output_len() > 1 {
                        open.advance(step.min(open.output_len() - 1));
                    }
                    connection = Some(open);
                });
                let case = format!("{way} by a {role:?}, {step} bytes per write");
                assert!(held.bytes_current < 256 << 10, "{case}: {} bytes are kept for one", held.bytes_current);
                // What is moved is linear: at most the 16 MiB, their copy or mask, and a third of them.
                assert!(held.bytes_total < 60 << 20, "{case}: {} bytes were allocated", held.bytes_total);
                let mut open = connection.expect("the closure is called once");
                assert_eq!(open.output().len(), 1, "{case}");
                open.send_text("more").expect("there is room");
                assert_eq!(open.output_len(), 1 + if role == Role::Client { 10 } else { 6 }, "{case}");
            }
        }
    }
}

#[test]
fn a12_a_lent_buffer_and_its_connection_keep_little() {
    let mut lent = OutputBuffer::default();
    for (way, send) in WAYS {
        let config = Arc::new(Config::default().with(|config| config.max_output_bytes = 64 << 20));
        let mut connection = None;
        let held = measure(|| {
            let mut open = Connection::established(Role::Server, Agreed::new(), config, Instant::now());
            open.lend_buffer(&mut lent);
            send(&mut open);
            open.advance(open.output_len() - 1);
            open.reclaim_buffer(&mut lent);
            connection = Some(open);
        });
        // The buffer keeps 256 KiB, and 4 MiB of the memory of large messages.
        assert!(held.bytes_current < (5 << 20), "{way}: {} bytes are kept", held.bytes_current);
        let mut open = connection.expect("the closure is called once");
        let freed = measure(|| drop(std::mem::take(&mut lent)));
        assert!(freed.bytes_current <= 0);
        assert_eq!(open.output_len(), 1, "{way}");
        open.advance(1);
    }
}

/// What `act` leaves on the heap in `connection`, which is open.
fn held_after(role: Role, act: impl FnOnce(&mut Connection)) -> (i64, Connection) {
    let config = Arc::new(Config::default().with(|config| config.max_output_bytes = 64 << 20));
    let mut connection = None;
    let held = measure(|| {
        let mut open = Connection::established(role, Agreed::new(), config, Instant::now());
        act(&mut open);
        connection = Some(open);
    });
    (held.bytes_current, connection.expect("the closure is called once"))
}

/// Large memory with few bytes in it.
fn roomy(len: usize) -> Vec<u8> {
    let mut memory = Vec::with_capacity(1 << 20);
    memory.resize(len, 7);
    memory
}

#[test]
fn a12_a_message_in_memory_that_is_far_too_large_is_moved() {
    for role in [Role::Server, Role::Client] {
        for is_lent in [false, true] {
            let mut lent = OutputBuffer::default();
            let (held, connection) = held_after(role, |open| {
                if is_lent {
                    open.lend_buffer(&mut lent);
                }
                (0..100).for_each(|_| open.send(roomy(2 << 10)).expect("the limit is higher"));
                if is_lent {
                    open.reclaim_buffer(&mut lent);
                }
            });
            // The buffer keeps 4 MiB of them, to use again.
            let kept = if is_lent { 4 << 20 } else { 0 };
            assert!(held < (1 << 20) + kept, "{role:?}, lent: {is_lent}: {held} bytes for 200 KiB");
            assert!(connection.output_len() > 200 << 10);
        }
    }
}

/// The writer takes all but 2 KiB, so only those are queued.
#[test]
fn a12_the_rest_of_a_message_that_is_written_at_once_holds_little() {
    for is_lent in [false, true] {
        let mut lent = OutputBuffer::default();
        let (held, connection) = held_after(Role::Server, |open| {
            if is_lent {
                open.lend_buffer(&mut lent);
            }
            open.send_through(vec![7; 16 << 20], Socket(10 + (16 << 20) - (2 << 10))).expect("nothing else is queued");
            if is_lent {
                open.reclaim_buffer(&mut lent);
            }
        });
        assert!(held < 8 << 10, "lent: {is_lent}: {held} bytes for 2 KiB");
        assert_eq!(connection.output_len(), 2 << 10);
    }
}

/// Below the size that a loop recycles, a connection of its own keeps no more than four times its bytes.
#[test]
fn a12_memory_that_nobody_recycles_is_given_back_at_a_quarter() {
    for role in [Role::Server, Role::Client] {
        for (way, send) in WAYS.iter().take(3) {
            let (held, mut connection) = held_after(role, |open| {
                open.send_binary(&[7; 10]).expect("the output is empty");
                send(open);
                open.advance(open.output_len() - (900 << 10));
                open.advance(700 << 10);
            });
            assert!(held <= 4 * (200 << 10) + 4096, "{way} by a {role:?}: {held} bytes for 200 KiB");
            let more = vec![7; 1 << 20];
            connection.send_binary(&more).expect("there is room");
            let after = measure(|| connection.advance(connection.output_len() - 1));
            let rest = held + after.bytes_current;
            assert!(rest < 64 << 10, "{way} by a {role:?}: after a refill, {rest} bytes for one");
        }
    }
}
