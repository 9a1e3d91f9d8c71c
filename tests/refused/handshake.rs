//! Heads, early bytes and bodies that find no memory.

use super::{MIB, alone, assert_works, by_itself, config, end_in, with_exact_room};
use statesocket::{
    Config, Connection, Disconnect, Event, Inbox, Role,
    handshake::{Accept, Connect},
};
use std::{sync::Arc, time::Instant};

const HEAD: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// A server whose request waits for its answer.
pub(super) fn requested(config: &Arc<Config>) -> Connection {
    let mut connection = Connection::server(Arc::clone(config), Instant::now());
    let mut request = format!("{HEAD}\r\n").into_bytes();
    assert_eq!(end_in(&mut connection, &mut request), None);
    connection
}

/// Heads of 8 MiB may come.
fn large_heads() -> Arc<Config> {
    config(|config| {
        (config.max_head_bytes, config.max_request_line_bytes) = (16 * MIB, 16 * MIB);
        (config.max_headers, config.max_list_elements) = (1 << 20, 1 << 17);
    })
}

/// The end of a server that gets `head` in pieces of `size`, when there are `room` bytes for it.
fn end_of(config: &Arc<Config>, head: &[u8], size: usize, room: usize) -> (Option<Disconnect>, Connection) {
    let mut head = head.to_vec();
    let mut connection = Connection::server(Arc::clone(config), Instant::now());
    let end = with_room_for_all(room, || head.chunks_mut(size).find_map(|piece| end_in(&mut connection, piece)));
    (end, connection)
}

/// As [`with_room`](super::with_room), and another connection works meanwhile.
fn with_room_for_all<T>(room: usize, act: impl FnOnce() -> T) -> T {
    let config = config(|_| ());
    super::with_room(room, || {
        let result = act();
        assert_works(Role::Server, &config);
        result
    })
}

/// Checks that `head`, in pieces of `size`, is answered with 503 or handed out, whatever room there is. Returns how
/// many of `rooms` are too small.
fn refusals(head: &str, size: usize, rooms: &[usize]) -> usize {
    let config = large_heads();
    let is_refused = |room: &usize| {
        let (end, connection) = end_of(&config, head.as_bytes(), size, *room);
        let is_503 = connection.output().starts_with(b"HTTP/1.1 503 ");
        let names_memory = end.as_ref().is_some_and(|end| end.to_string().contains("no memory"));
        assert_eq!(is_503, names_memory, "room for {room}: {end:?}");
        // `Uri` has a limit of its own.
        assert!(is_503 || connection.request().is_some() || head.len() - HEAD.len() > 8 * MIB, "{end:?}");
        is_503
    };
    rooms.iter().filter(|room| is_refused(room)).count()
}

#[test]
fn a13_a_head_without_memory_is_answered_with_503() {
    alone(|| {
        let long = "x".repeat(8 * MIB);
        let heads = [
            format!("{HEAD}X: {long}\r\n\r\n"),
            format!("{}\r\n", HEAD.replace("GET /", &format!("GET /{long}"))),
            format!("{HEAD}Sec-WebSocket-Protocol: {long}\r\n\r\n"),
        ];
        for (n, head) in heads.iter().enumerate() {
            for size in [64 << 10, usize::MAX] {
                // A part of the head fits, or all of it, or a part of what is made of it.
                let refusals = refusals(head, size, &[4 * MIB, 9 * MIB, 17 * MIB, usize::MAX / 2]);
                assert_eq!(refusals, 3, "head {n} in pieces of {size}");
            }
        }
    });
}

/// Tables of headers and elements take many times the bytes of a head that has little else.
#[test]
fn a13_a_head_whose_tables_find_no_memory_is_answered_with_503() {
    alone(|| {
        let elements = |of: fn(usize) -> String| (0..60_000).map(of).collect::<Vec<_>>().join(",");
        let lines = |of: fn(usize) -> String| (0..20_000).map(of).collect::<String>();
        let heads = [
            format!("{HEAD}{}\r\n", lines(|_| "a:\r\n".to_owned())),
            format!("{HEAD}{}\r\n", lines(|n| format!("x{n}:\r\n"))),
            format!("{HEAD}Sec-WebSocket-Protocol: {}\r\n\r\n", elements(|n| format!("p{n}"))),
            format!("{HEAD}Sec-WebSocket-Extensions: {}\r\n\r\n", elements(|_| "a;b".to_owned())),
            format!("{HEAD}Sec-WebSocket-Extensions: {}\r\n\r\n", elements(|_| "a;b=\"c\"".to_owned())),
        ];
        // Each is a half or a third larger than the one before, up to 12 MiB.
        let rooms = (0..12).map(|n| (MIB / 4) << (n / 2)).zip((0..12).map(|n| 2 + n % 2));
        let rooms: Vec<_> = rooms.map(|(size, halves)| size * halves / 2).chain([usize::MAX / 2]).collect();
        for (n, head) in heads.iter().enumerate() {
            let refusals = refusals(head, 4 << 10, &rooms);
            assert!((1..rooms.len()).contains(&refusals), "head {n}: {refusals} of {} rooms", rooms.len());
        }
    });
}

#[test]
fn a13_early_bytes_without_memory_are_answered_with_503() {
    alone(|| {
        let config = config(|config| config.max_early_bytes = 16 * MIB);
        let mut connection = requested(&config);
        let mut early = vec![0; 8 * MIB];
        let end = with_room_for_all(4 * MIB, || end_in(&mut connection, &mut early));
        assert!(end.is_some(), "there was room for 4 MiB");
        assert!(connection.output().starts_with(b"HTTP/1.1 503 "));
        assert!(connection.accept(Accept::new()).is_err(), "the request has been answered");
    });
}

/// The memory doubles up to 4 MiB. What is held then is given back before the answer is made.
#[test]
fn a13_what_takes_all_memory_leaves_some_for_the_answer() {
    by_itself("handshake::a13_what_takes_all_memory_leaves_some_for_the_answer", || {
        let config = config(|config| (config.max_head_bytes, config.max_early_bytes) = (16 * MIB, 16 * MIB));
        let mut connection = Connection::server(Arc::clone(&config), Instant::now());
        let mut head = format!("{HEAD}X: {}", "x".repeat(8 * MIB)).into_bytes();
        let mut early = requested(&config);
        for (connection, bytes) in [(&mut connection, head.as_mut_slice()), (&mut early, &mut vec![0; 8 * MIB])] {
            let mut pieces = bytes.chunks_mut(64 << 10);
            let end = with_exact_room(4 * MIB, || pieces.find_map(|piece| end_in(connection, piece)));
            assert!(end.is_some_and(|end| end.to_string().contains("no memory")));
            assert!(connection.output().starts_with(b"HTTP/1.1 503 "));
        }
    });
}

#[test]
fn a13_a_client_ends_at_a_head_without_memory_and_cuts_off_a_body() {
    alone(|| {
        let mut config = (*large_heads()).clone();
        config.max_rejection_body_bytes = 16 * MIB;
        let (config, connect) = (Arc::new(config), Connect::new("ws://h/").expect("a URI"));
        let long = "x".repeat(8 * MIB);
        for head in [format!("HTTP/1.1 404 {long}\r\n\r\n"), format!("HTTP/1.1 404 \r\nX: {long}\r\n\r\n")] {
            let mut connection = Connection::client(&connect, Arc::clone(&config), Instant::now());
            let mut head = head.into_bytes();
            let end = with_room_for_all(4 * MIB, || end_in(&mut connection, &mut head));
            let end = end.expect("there was room for 4 MiB");
            assert!(end.to_string().contains("no memory"), "{end}");
        }
        for framing in [format!("Content-Length: {}\r\n", long.len()), String::new()] {
            let mut connection = Connection::client(&connect, Arc::clone(&config), Instant::now());
            let mut answer = format!("HTTP/1.1 404 \r\n{framing}\r\n{long}").into_bytes();
            let rejected = with_room_for_all(4 * MIB, || {
                let mut pieces = answer.chunks_mut(64 << 10);
                pieces.find_map(|mut piece| connection.receive(&mut piece, Instant::now()))
            });
            let Some(Event::Rejected(response)) = rejected else { panic!("{rejected:?} instead of the rejection") };
            assert_eq!(response.status, 404);
            assert!((1..8 * MIB).contains(&response.body.len()), "{} bytes", response.body.len());
        }
    });
}

/// The driver has 64 KiB of a peer that it holds back, and reads a last time.
#[test]
fn a13_an_inbox_that_cannot_grow_reads_no_more() {
    alone(|| {
        let config = config(|_| ());
        let (mut connection, mut inbox) = (super::open(Role::Client, &config), Inbox::new());
        connection.pause_reading();
        let left = vec![7; 4 * MIB];
        with_room_for_all(MIB, || inbox.write_failed(&mut connection, &left[..]));
        let event = inbox.next_event(&mut connection, Instant::now());
        assert!(matches!(event, Some(Event::Disconnect(_))), "{event:?}");
    });
}
