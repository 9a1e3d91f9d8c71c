//! Counted allocations: work is linear, and no memory is reserved for what a peer only claims.
//!
//! This is a test binary of its own because of its counting allocator. That one counts per thread, so the tests may run
//! in parallel.

#[cfg(feature = "deflate")]
mod deflate;
mod drained;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "tokio")]
mod tokio;

// The behaviour tests use more of it.
#[allow(dead_code, unused_imports)]
#[path = "../it/support/mod.rs"]
mod support;

use allocation_counter::measure;
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use statesocket::{Agreed, Config, Connection, Event, OutputBuffer, Role};
use std::{
    io::{self, IoSlice, Write},
    sync::Arc,
    time::Instant,
};
use support::{
    Raw,
    strategies::{Defects, defects, frames},
};

/// Hands `bytes` to `connection` in pieces of `size`. Returns the number of events.
fn feed(connection: &mut Connection, bytes: &[u8], size: usize) -> usize {
    let (now, mut events) = (Instant::now(), 0);
    let mut buffer = [0; 4096];
    for piece in bytes.chunks(size.min(buffer.len())) {
        buffer[..piece.len()].copy_from_slice(piece);
        let mut input = &mut buffer[..piece.len()];
        while connection.receive(&mut input, now).is_some() {
            events += 1;
        }
    }
    events
}

fn server() -> Connection {
    Connection::established(Role::Server, Agreed::new(), Arc::new(Config::default()), Instant::now())
}

/// A head of `lines` lines, at most a few bytes below the limit.
fn head(lines: usize) -> Vec<u8> {
    let more: String = (0..lines).map(|n| format!("X{n}: {}\r\n", "x".repeat(100))).collect();
    format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
    .into_bytes()
}

/// tungstenite parsed everything again with every byte, each time with room for all headers.
#[test]
fn rustsec_2023_0065_a_handshake_byte_by_byte_is_linear() {
    let of = |lines, size| {
        let (head, config) = (head(lines), Arc::new(Config::default()));
        measure(|| {
            let mut connection = Connection::server(Arc::clone(&config), Instant::now());
            assert_eq!(feed(&mut connection, &head, size), 1);
        })
    };
    let (whole, bytes) = (of(90, 4096), of(90, 1));
    // A buffer that grows byte by byte doubles more often than one that grows by 4 KiB.
    assert!(bytes.bytes_total < whole.bytes_total * 5 / 4, "pieces cost nothing: {bytes:?}, whole {whole:?}");
    assert!(bytes.count_total < whole.count_total + 14, "pieces cost nothing: {bytes:?}, whole {whole:?}");
    let half = of(45, 1);
    assert!(bytes.bytes_total < 3 * half.bytes_total, "{} bytes for twice {}", bytes.bytes_total, half.bytes_total);
    assert_eq!((bytes.count_current, bytes.bytes_current), (0, 0), "nothing stays allocated");
}

/// rust-websocket allocated the size that a header announced.
#[test]
fn rustsec_2022_0035_cve_2022_35922_no_memory_is_allocated_for_a_claim() {
    let mut unlimited = Config::default();
    unlimited.max_frame_bytes = u64::MAX;
    unlimited.max_message_bytes = u64::MAX;
    for config in [Config::default(), unlimited].map(Arc::new) {
        for length in [1 << 20, 16 << 20, (16 << 20) + 1, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX] {
            let header = [&[0x82, 0xFF][..], &u64::to_be_bytes(length), &[0; 4]].concat();
            let mut connection =
                Connection::established(Role::Server, Agreed::new(), Arc::clone(&config), Instant::now());
            let held = measure(|| _ = feed(&mut connection, &header, 4096));
            // A refused claim costs the Close and the `Disconnect`.
            assert!(held.bytes_max < 1024, "{length:#x}: {held:?}");
            let held = measure(|| _ = feed(&mut connection, &[7; 1000], 4096));
            assert!(held.bytes_max < 4096, "a claim of {length:#x}, with a thousand bytes sent: {held:?}");
        }
    }
}

/// Empty fragments take no memory, in both roles.
#[test]
fn cve_2026_62389_empty_fragments_take_no_memory() {
    let mut connection = server();
    let fragments = [0x00, 0x80, 0, 0, 0, 0].repeat(100_000);
    let held = measure(|| {
        assert_eq!(feed(&mut connection, &[0x02, 0x80, 0, 0, 0, 0], 6), 0);
        assert_eq!(feed(&mut connection, &fragments, 4096), 0);
    });
    assert_eq!(held.count_total, 0, "{held:?}");
}

/// A message in pieces is copied once: the allocations are a small multiple of its size.
#[test]
fn cve_2026_48779_tiny_fragments_are_linear() {
    let of = |count| {
        let mut bytes = vec![0x02, 0x81, 0, 0, 0, 0, 7];
        bytes.extend([0x00, 0x81, 0, 0, 0, 0, 7].repeat(count));
        bytes.extend([0x80, 0x80, 0, 0, 0, 0]);
        let mut connection = server();
        measure(|| assert_eq!(feed(&mut connection, &bytes, 1), 1)).bytes_total
    };
    assert!(of(100_000) < 5 * 100_000, "{} bytes", of(100_000));
}

/// A list that is read by going back and forth would allocate, or take, the square of its length.
#[test]
fn cve_2020_7662_cve_2021_32640_lists_are_linear() {
    for (name, piece) in [("Sec-WebSocket-Protocol", " ,"), ("Sec-WebSocket-Extensions", "a;b=\"\\c\", ")] {
        let of = |pieces: usize| {
            let head = String::from_utf8(head(0)).expect("ASCII");
            let head = head.replace("\r\n\r\n", &format!("\r\n{name}: {}\r\n\r\n", piece.repeat(pieces)));
            let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
            measure(|| assert_eq!(feed(&mut connection, head.as_bytes(), 4096), 1)).bytes_total
        };
        assert!(of(1000) < 12 * of(100), "{name}: {} and {}", of(100), of(1000));
    }
}

/// A flood of unread Pings leaves a few Pongs and nothing else.
#[test]
fn rustsec_2020_0043_a_flood_of_pings_leaves_a_few_pongs() {
    let ping = [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &[b'p'; 125]].concat();
    let flood = ping.repeat(10_000);
    let mut connection = server();
    let held = measure(|| assert_eq!(feed(&mut connection, &flood, 4096), 10_000));
    // A Ping across two pieces is assembled for a moment.
    assert!(held.bytes_max < 8192, "{held:?}");
}

/// Between two messages a connection holds only itself.
#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut connection = server();
    let held = measure(|| {
        assert_eq!(feed(&mut connection, &[&[0x82, 0xFE, 4, 0, 0, 0, 0, 0][..], &[7; 1024]].concat(), 100), 1);
        let now = Instant::now();
        assert!(!matches!(connection.receive(&mut &mut [][..], now), Some(Event::Disconnect(_))));
    });
    assert_eq!((held.count_current, held.bytes_current), (0, 0), "{held:?}");
}

/// Room for an announced length is made in proportion to what has arrived, and after a part of it at once.
#[test]
fn at_most_sixteen_times_what_has_arrived_is_reserved() {
    let wire = Raw::new(Raw::BINARY, vec![7; 16 << 20]).masked().bytes();
    for come in [1_000, 10_000, 100_000, 1_000_000] {
        let mut connection = server();
        let held = measure(|| assert_eq!(feed(&mut connection, &wire[..come], 4096), 0));
        assert!(held.bytes_max < 17 * come as u64, "{held:?} for {come} bytes");
    }
    let wire = Raw::new(Raw::TEXT, vec![b'x'; 1 << 20]).masked().bytes();
    let mut connection = server();
    let held = measure(|| assert_eq!(feed(&mut connection, &wire, 4096), 1));
    assert!(held.bytes_total < (1 << 20) + (1 << 18), "nearly everything is allocated once: {held:?}");
}

/// The bytes behind a fragment may or may not belong to the same message.
#[test]
fn bytes_behind_a_fragment_reserve_no_more_than_their_size() {
    let fragment = Raw::new(Raw::BINARY, [7; 100]).more().masked().bytes();
    let mut wire = [fragment, Raw::new(Raw::PONG, "").masked().bytes().repeat(10_000)].concat();
    let (mut connection, mut input, now) = (server(), wire.as_mut_slice(), Instant::now());
    let held = measure(|| while connection.receive(&mut input, now).is_some() {});
    assert!(held.bytes_max <= 1_600, "{held:?}");
}

/// Takes this many bytes, then blocks.
struct Socket(usize);

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken > 0 { Ok(taken) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let len: usize = slices.iter().map(|slice| slice.len()).sum();
        let taken = len.min(self.0);
        self.0 -= taken;
        if taken > 0 { Ok(taken) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Echoes `wire` like a loop that lends its memory for each piece that it reads, with a socket that takes `room` bytes
/// after each.
fn echo_in_pieces(connection: &mut Connection, lent: &mut OutputBuffer, wire: &mut [u8], room: usize) {
    let now = Instant::now();
    for piece in wire.chunks_mut(128 << 10) {
        connection.lend_buffer(lent);
        let mut input = piece;
        while let Some(event) = connection.receive(&mut input, now) {
            let Event::Message(message) = event else { panic!("a message was sent: {event:?}") };
            connection.send(message).expect("the output has room");
        }
        connection.write_to(Socket(room)).expect("the write only blocks");
        connection.reclaim_buffer(lent);
    }
    while connection.output_len() > 0 {
        connection.lend_buffer(lent);
        connection.write_to(Socket(room)).expect("the write only blocks");
        connection.reclaim_buffer(lent);
    }
}

/// The loop lends the memory of a large message again, even if the end of the message is written later.
#[test]
fn large_messages_are_echoed_in_recycled_memory() {
    for (opcode, room) in [(Raw::BINARY, usize::MAX), (Raw::BINARY, 100_000), (Raw::TEXT, usize::MAX)] {
        // The short message is queued behind the memory of the large one.
        let wire = [Raw::new(opcode, vec![b'x'; 1 << 20]), Raw::new(opcode, "short")];
        let wire: Vec<u8> = wire.into_iter().flat_map(|frame| frame.masked().bytes()).collect();
        let (mut connection, mut lent) = (server(), OutputBuffer::default());
        let mut echo = || {
            let mut wire = wire.clone();
            measure(|| echo_in_pieces(&mut connection, &mut lent, &mut wire, room))
        };
        let first = echo();
        assert!(first.bytes_total >= 1 << 20, "the first message allocates: {first:?}");
        for _ in 0..3 {
            let next = echo();
            assert!(next.bytes_total < 4096, "later messages allocate nothing: {next:?}");
        }
        let freed = measure(|| drop(connection));
        assert!(freed.bytes_current > -4096, "the connection holds none of it: {freed:?}");
    }
}

/// The state of a connection when a peer begins to flood it.
#[derive(Clone, Copy, Debug)]
enum Flooded {
    Open(Role),
    /// In the middle of a fragmented message.
    MidMessage(Role),
    /// A server in the middle of a request.
    MidRequest,
    /// A server whose application does not answer.
    Requested,
}

impl Flooded {
    const ALL: [Self; 6] = [
        Self::Open(Role::Server),
        Self::Open(Role::Client),
        Self::MidMessage(Role::Server),
        Self::MidMessage(Role::Client),
        Self::MidRequest,
        Self::Requested,
    ];

    fn connection(self, config: Arc<Config>) -> Connection {
        match self {
            Self::Open(role) | Self::MidMessage(role) => {
                Connection::established(role, Agreed::new(), config, Instant::now())
            }
            Self::MidRequest | Self::Requested => Connection::server(config, Instant::now()),
        }
    }

    /// The first bytes, and the bytes that follow over and over.
    fn flood(self, stream: Vec<Raw>, defects: &Defects) -> (Vec<u8>, Vec<u8>) {
        let (first, frames, role) = match self {
            Self::Open(role) => (Vec::new(), stream, role),
            Self::MidMessage(role) => {
                let of_message =
                    |frame: Raw| if frame.opcode() < Raw::CLOSE { Raw { first: 0, ..frame } } else { frame };
                let first = Raw::new(Raw::BINARY, "").more().for_endpoint(role);
                (first, stream.into_iter().map(of_message).collect(), role)
            }
            Self::MidRequest => (head(0).strip_suffix(b"\r\n").expect("an empty line").to_vec(), stream, Role::Server),
            Self::Requested => (head(0), stream, Role::Server),
        };
        let mut again: Vec<u8> = frames.into_iter().flat_map(|frame| frame.for_endpoint(role)).collect();
        defects.apply(&mut again);
        if matches!(self, Self::MidRequest) {
            again.fill(b'x');
        }
        (first, again)
    }
}

/// Invariant 21: whatever arrives, in whatever pieces, a connection holds what its limits allow plus a constant.
#[test]
fn i_21_the_limits_bound_what_is_held() {
    let mut config = Config::default();
    (config.max_head_bytes, config.max_headers, config.max_early_bytes) = (400, 8, 100);
    (config.max_frame_bytes, config.max_message_bytes, config.max_fragments) = (150, 200, u32::MAX);
    (config.max_output_bytes, config.max_rejection_body_bytes) = (300, 8);
    // A growing message is held twice while it moves, and so is the output. Besides, there are sixteen Pongs, a Ping, a
    // Close, the `Disconnect`, and a request with its headers.
    // the `Disconnect`, a request with its headers.
    let bound = 2 * (200 + 300 + 400 + 100) + 8 * 1024;
    let config = Arc::new(config);
    let floods = (select(&Flooded::ALL[..]), vec(frames(), 1..12), defects(), vec(1..200usize, 1..6));
    TestRunner::default()
        .run(&floods, |(flooded, stream, defects, sizes)| {
            let (first, again) = flooded.flood(stream.concat(), &defects);
            let wire = [first, again.repeat(100)].concat();
            let mut connection = flooded.connection(Arc::clone(&config));
            let held = measure(|| {
                for (piece, size) in wire.chunks(200).zip(sizes.iter().cycle()) {
                    feed(&mut connection, piece, *size);
                    // A message over the limit is refused.
                    let _ = connection.send_binary(&[7; 100]);
                }
            });
            prop_assert!(held.bytes_max < bound, "{:?}", held);
            Ok(())
        })
        .expect("no stream exceeds the bound");
}

/// Lists whose elements each cost an allocation: 636 KiB for 15.6 KiB, before there was a limit.
#[test]
fn a10_a_head_holds_little_memory_in_every_stage() {
    let line = |name: &str, value: &str| format!("{name}: {value}\r\n");
    let lists = [
        line("Sec-WebSocket-Extensions", &"a,".repeat(7_600)),
        line("Sec-WebSocket-Extensions", &format!("a{}", ";b".repeat(90))),
        line(
            "Sec-WebSocket-Protocol",
            &(0..90).map(|n| format!("p{n}{}", "x".repeat(150))).collect::<Vec<_>>().join(","),
        ),
        line("Sec-WebSocket-Extensions", &format!("a{}", ";b=\"c\"".repeat(90))),
        (0..90).map(|n| line(&format!("x{n}"), &"y".repeat(150))).collect(),
    ];
    for list in &lists {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{list}\r\n"
        )
        .into_bytes();
        assert!(head.len() < 16 << 10, "{} bytes are over the limit", head.len());
        for size in [1, 1_000, 4_096] {
            for stage in [head.len() - 1, head.len()] {
                let mut connection = None;
                let held = measure(|| {
                    let config = Arc::new(Config::default());
                    let mut server = Connection::server(config, Instant::now());
                    feed(&mut server, &head[..stage], size);
                    connection = Some(server);
                });
                let name = list.split(':').next().unwrap_or_default();
                assert!(held.bytes_max <= 64 << 10, "{name}: {} bytes with {stage} bytes of {size}", held.bytes_max);
            }
        }
    }
}
