//! The memory of compressed messages: the engines are the loop's.

use super::support::{Raw, blocks::Blocks, blocks::Part, drain};
use allocation_counter::{AllocationInfo, measure};
use statesocket::{
    Agreed, AgreedDeflate, Config, Connection, Deflate, Delivery, Event, Message, OutputBuffer, Role, SharedMessage,
    Timer,
    handshake::{Extension, deflate},
    http::header::SEC_WEBSOCKET_EXTENSIONS,
};
use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

const ROLES: [Role; 2] = [Role::Server, Role::Client];
const BOTH_WAYS: &str = "permessage-deflate; client_max_window_bits=12; server_max_window_bits=12";
pub(super) const NO_TAKEOVER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// An engine to inflate with, and the memory for its results.
const INFLATING: u64 = (47_552 + (64 << 10) + 256) as u64;

/// What a client and a server agree on by this answer.
pub(super) fn agreed(answer: &str) -> AgreedDeflate {
    let parsed = |value: &str| {
        let headers = [(SEC_WEBSOCKET_EXTENSIONS, value.parse().expect("a header"))];
        Extension::all(&headers.into_iter().collect(), 100).expect("a right header")
    };
    let offer = "permessage-deflate; client_max_window_bits";
    deflate::agree(&parsed(offer), &parsed(answer)).expect("a right answer").expect("an answer")
}

pub(super) fn open(role: Role, answer: &str, change: impl FnOnce(&mut Config)) -> Connection {
    let config = Config::default().with(|config| config.deflate = Some(Deflate::default())).with(change);
    let agreed = Agreed::new().deflate(agreed(answer)).seed([7; 32]);
    Connection::established(role, agreed, Arc::new(config), Instant::now())
}

fn text() -> String {
    (0..40).map(|n| format!(r#"{{"id":{},"name":"a","tags":["b"]}},"#, n * 7)).collect()
}

/// What handing in `bytes` allocates, and the number of events, which are dropped at once.
fn received(to: &mut Connection, bytes: &mut [u8]) -> (AllocationInfo, usize) {
    let (mut events, now) = (0, Instant::now());
    let held = measure(|| {
        let mut input = bytes;
        while to.receive(&mut input, now).is_some() {
            events += 1;
        }
    });
    (held, events)
}

/// Each of the messages is sent in one of these ways.
type Way = (&'static str, fn(&mut Connection, &str, &SharedMessage));

#[test]
fn a_message_allocates_nothing_but_itself() {
    let (plain, shared) = (text(), SharedMessage::text(&text()));
    let ways: [Way; 2] = [
        ("whole", |from, text, _| from.send_text(text).expect("there is room")),
        ("shared", |from, _, shared| from.send_shared(shared).expect("there is room")),
    ];
    for role in ROLES {
        for answer in [BOTH_WAYS, NO_TAKEOVER] {
            for (way, send) in ways {
                let mut buffers = [OutputBuffer::default(), OutputBuffer::default()];
                let [mut from, mut to] = [role, role.peer()].map(|role| open(role, answer, |_| {}));
                for round in 0..10 {
                    let mut bytes = Vec::new();
                    from.lend_buffer(&mut buffers[0]);
                    let sent = measure(|| send(&mut from, &plain, &shared));
                    bytes.extend(drain(&mut from));
                    from.reclaim_buffer(&mut buffers[0]);
                    to.lend_buffer(&mut buffers[1]);
                    let (got, events) = received(&mut to, &mut bytes);
                    to.reclaim_buffer(&mut buffers[1]);
                    assert!(events == 1 && bytes.len() < plain.len() / 2, "{way}, {answer}");
                    // The first ones make the engines, and the histories grow to 4 KiB. Without takeover, what a
                    // message needs is made and given back with it.
                    if round < 5 {
                        continue;
                    }
                    let expected = match (answer, way) {
                        (BOTH_WAYS, _) => (0, 1),
                        (_, "whole") => (1, 2),
                        (_, _) => (0, 2),
                    };
                    assert_eq!((sent.count_total, got.count_total), expected, "{way}, {answer}: {sent:?}, {got:?}");
                    assert_eq!((sent.bytes_current, got.bytes_current), (0, 0));
                }
            }
        }
    }
}

#[test]
fn a_connection_keeps_its_histories_and_nothing_else() {
    for role in ROLES {
        for (answer, most) in [(NO_TAKEOVER, 0), (BOTH_WAYS, 8_192 + 512)] {
            let mut buffer = OutputBuffer::default();
            let mut peer = open(role.peer(), answer, |_| {});
            let mut warm = open(role, answer, |_| {});
            (0..10).for_each(|_| echo(&mut warm, &mut peer, &mut buffer));
            let mut peer = open(role.peer(), answer, |_| {});
            let mut connection = open(role, answer, |_| {});
            let held = measure(|| (0..10).for_each(|_| echo(&mut connection, &mut peer, &mut buffer)));
            // Both ends of it.
            assert!((0..=2 * most).contains(&held.bytes_current), "{} bytes, {answer}", held.bytes_current);
            assert_eq!((connection.buffered_bytes(), peer.buffered_bytes()), (0, 0));
            let kept = (connection.kept_bytes() + peer.kept_bytes()) as i64;
            assert_eq!(kept, held.bytes_current, "{answer}");
        }
    }
}

/// What a connection keeps is allocated once more when the messages of the turn are gone, so that its memory does not
/// lie among theirs.
#[test]
fn what_is_kept_moves_once_the_messages_beside_it_are_gone() {
    for role in ROLES {
        for (answer, ways) in [(BOTH_WAYS, 2), (NO_TAKEOVER, 0)] {
            let mut buffer = OutputBuffer::default();
            let mut peer = open(role.peer(), answer, |_| {});
            let mut connection = open(role, answer, |_| {});
            let text = text().repeat(10);
            for round in 0..3 {
                peer.send_text(&text).expect("there is room");
                let mut bytes = drain(&mut peer);
                connection.lend_buffer(&mut buffer);
                let Some(Event::Message(message)) = connection.receive(&mut &mut bytes[..], Instant::now()) else {
                    panic!("the message has come")
                };
                connection.send(message).expect("there is room");
                connection.advance(connection.output_len());
                let given_back = measure(|| connection.reclaim_buffer(&mut buffer));
                let moved = if round == 0 { ways } else { 0 };
                assert_eq!(
                    (given_back.count_total, given_back.bytes_total),
                    (moved, moved * 4_096),
                    "{answer}, {round}"
                );
                assert_eq!(given_back.bytes_current, 0);
                assert!(connection.kept_bytes() <= 9_000, "{}", connection.kept_bytes());
            }
        }
    }
}

/// Both ends send a message, and both borrow from `buffer` in turn.
fn echo(a: &mut Connection, b: &mut Connection, buffer: &mut OutputBuffer) {
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut *a, &mut *b];
        ends[from].lend_buffer(buffer);
        ends[from].send_text(&text()).expect("there is room");
        let mut bytes = drain(ends[from]);
        ends[from].reclaim_buffer(buffer);
        ends[to].lend_buffer(buffer);
        let mut input = &mut bytes[..];
        assert!(matches!(ends[to].receive(&mut input, Instant::now()), Some(Event::Message(_))));
        ends[to].reclaim_buffer(buffer);
    }
}

/// Two keepalive Pings without a message between give back what was kept of those sent.
#[test]
fn an_idle_connection_keeps_nothing_of_what_it_sent() {
    for role in ROLES {
        let mut buffer = OutputBuffer::default();
        let pings = |config: &mut Config| {
            (config.ping_interval, config.pong_timeout) = (Some(Duration::from_secs(10)), None);
        };
        let mut warm = open(role, BOTH_WAYS, pings);
        warm.lend_buffer(&mut buffer);
        warm.send_text(&text()).expect("there is room");
        warm.advance(warm.output_len());
        warm.reclaim_buffer(&mut buffer);
        let mut connection = open(role, BOTH_WAYS, pings);
        let mut act = |pings: usize, connection: &mut Connection| {
            measure(|| {
                connection.lend_buffer(&mut buffer);
                if pings == 0 {
                    connection.send_text(&text()).expect("there is room");
                }
                for _ in 0..pings {
                    let Some((deadline, Timer::Ping)) = connection.poll_timeout(Instant::now()) else { panic!() };
                    connection.handle_timeout(deadline);
                    connection.advance(connection.output_len());
                    let mut pong = Raw::new(Raw::PONG, "").for_endpoint(connection.role());
                    let _ = connection.receive(&mut &mut pong[..], deadline);
                }
                connection.advance(connection.output_len());
                connection.reclaim_buffer(&mut buffer);
            })
            .bytes_current
        };
        let kept = act(0, &mut connection);
        assert!((1_000..5_000).contains(&kept), "{kept} bytes of a message");
        assert!(act(1, &mut connection) > -1_000, "the first Ping keeps it");
        let given_back = act(1, &mut connection);
        assert!(given_back <= 500 - kept, "{given_back} of {kept} bytes");
    }
}

/// What inflates to a gibibyte takes no more memory than the limit allows.
#[test]
fn i_21_a_bomb_takes_the_limit_and_the_memory_of_an_engine() {
    let payload = bomb();
    for role in ROLES {
        for (delivery, most) in [(Delivery::Messages, 16 << 20), (Delivery::Chunks, 0)] {
            let mut bytes = Raw::new(Raw::BINARY, &payload).set(0x40).for_endpoint(role);
            let mut connection = open(role, BOTH_WAYS, |config| config.delivery = delivery);
            let (held, _) = received(&mut connection, &mut bytes);
            assert!(connection.disconnected().is_some());
            // What grows is copied. A chunk has its own memory, and the input is held for those that follow.
            let rest = if delivery == Delivery::Chunks { bytes.len() as u64 + (128 << 10) } else { most };
            assert!(held.bytes_max <= most + INFLATING + rest, "{} bytes in {delivery:?}", held.bytes_max);
            assert!(held.bytes_total <= 64 << 20, "{} bytes in all", held.bytes_total);
            assert!(held.bytes_current < 4_000, "{} bytes are left", held.bytes_current);
        }
    }
}

/// What would be a gibibyte of zeros.
fn bomb() -> Vec<u8> {
    let copies = [Part::Copy { len: 258, distance: 1 }; 24];
    let block = Blocks::default().fixed(false, &[&[Part::Text(&[0])][..], &copies].concat()).unfinished();
    // Eight copies of 258 bytes take thirteen bytes.
    let at = block.len() - 15;
    [&block[..at], &block[at..at + 13].repeat((1 << 30) / (8 * 258))].concat()
}

/// A peer that claims a lot and sends little holds what it has sent.
#[test]
fn i_21_a_compressed_message_that_stops_holds_what_has_come() {
    let payload = Blocks::default().stored(false, &[7; 60_000]).message();
    for role in ROLES {
        for (sent, most) in [(1, 100), (1_000, 2_100), (4_000, 8_300), (5_000, 5_000 + INFLATING + (64 << 10))] {
            let mut bytes = Raw::new(Raw::BINARY, &payload).set(0x40).for_endpoint(role);
            let head = bytes.len() - payload.len();
            let mut connection = open(role, BOTH_WAYS, |_| {});
            let held = measure(|| {
                for mut piece in bytes[..head + sent].chunks_mut(100) {
                    assert_eq!(connection.receive(&mut piece, Instant::now()), None);
                }
            });
            assert!(held.bytes_current as u64 <= most + 400, "{} bytes for {sent}", held.bytes_current);
            let freed = measure(|| drop(connection));
            assert!(freed.bytes_current <= -held.bytes_current);
        }
    }
}

/// The size that headers announce counts compressed bytes, so a long message grows by doubling.
#[test]
fn a_message_has_the_memory_of_its_text_or_at_most_twice_that() {
    for (times, most) in [(2_000, 1), (30_000, 2)] {
        let text = "κόσμε, κόσμε, ".repeat(times);
        for role in ROLES {
            let mut peer = open(role.peer(), BOTH_WAYS, |_| {});
            peer.send_text(&text).expect("there is room");
            let whole = drain(&mut peer);
            for len in [whole.len(), 1_000, 100] {
                let mut bytes = whole.clone();
                let mut to = open(role, NO_TAKEOVER, |_| {});
                let mut got = None;
                for mut piece in bytes.chunks_mut(len) {
                    let event = to.receive(&mut piece, Instant::now()).map(Event::into_owned);
                    got = got.or(event);
                }
                let Some(Event::Message(Message::Text(Cow::Owned(got)))) = got else { panic!("{got:?}") };
                assert!(got == text && got.capacity() <= most * text.len(), "{} by {len}", got.capacity());
            }
        }
    }
}

/// The same growth without compression: the memory of a message in fragments stays below the limit.
#[test]
fn i_21_a_message_in_fragments_reserves_no_more_than_the_limit() {
    let limit = 1_000_000;
    for role in ROLES {
        for opcode in [Raw::TEXT, Raw::BINARY] {
            let config = Arc::new(Config::default().with(|config| config.max_message_bytes = limit));
            let mut to = Connection::established(role, Agreed::new(), config, Instant::now());
            let mut most = 0;
            for at in 0..100 {
                let opcode = if at == 0 { opcode } else { Raw::CONTINUATION };
                let mut bytes = Raw::new(opcode, [b'a'; 10_000]).more().for_endpoint(role);
                assert_eq!(received(&mut to, &mut bytes).1, 0);
                most = most.max(to.buffered_bytes());
            }
            assert!((900_000..=limit as usize).contains(&most), "{most} bytes");
        }
    }
}
