//! A client whose compressed messages become large does not keep the others waiting.

use super::turn;
use crate::support::{
    Raw,
    memory::{RawClient, Served},
    request_head,
};
use statesocket::{
    Agreed, Config, Connection, Deflate, Delivery, Message, Role,
    handshake::{Accept, Extension, Request, deflate},
    http,
    server::{Handler, Session, SessionId},
    testing::ClientOptions,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

/// What one client may make of its bytes per turn, and the piece in which that comes.
const PER_TURN: usize = (512 << 10) + (64 << 10);

/// What the handlers of a server have got.
#[derive(Debug, Default)]
struct Got {
    bytes: Cell<usize>,
    /// The lengths of the messages, and 0 for the end.
    messages: RefCell<Vec<usize>>,
    /// The session that has asked last.
    id: Cell<Option<SessionId>>,
    /// A request waits for a command.
    decides_later: Cell<bool>,
}

/// Echoes what is short.
struct Counting(Rc<Got>);

impl Handler for Counting {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        self.0.id.set(Some(session.id()));
        if !self.0.decides_later.get() {
            session.accept(Accept::new()).expect("a request is pending");
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.on_chunk(session, message, true);
    }

    fn on_chunk(&mut self, session: &mut Session<'_>, data: Message<'_>, is_last: bool) {
        let len = data.len();
        self.0.bytes.set(self.0.bytes.get() + len);
        if is_last {
            self.0.messages.borrow_mut().push(len);
        }
        if len < 100 {
            // A client may have gone.
            let _ = session.send(data);
        }
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, _: &statesocket::Disconnect) {
        self.0.messages.borrow_mut().push(0);
    }
}

fn serve(change: impl FnOnce(&mut Config)) -> (Served, Rc<Got>) {
    let got = Rc::new(Got::default());
    let handlers = Rc::clone(&got);
    let config = Config::default().with(|config| config.deflate = Some(Deflate::default())).with(change);
    let served = Served::start(config, |server| {
        server.route("/ws", move || Counting(Rc::clone(&handlers))).expect("the route is new");
    });
    (served, got)
}

const OFFER: (&str, &str) = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");

/// A client that compresses, and is open. Its pipe takes far more than one turn.
fn open(served: &Served) -> RawClient {
    let mut client =
        RawClient::dial_with(served, &ClientOptions::default().with(|options| options.pipe_bytes = 1 << 20));
    client.write(&request_head("/ws", &[OFFER]));
    let head = client.head();
    assert!(head.contains("permessage-deflate"), "{head}");
    client
}

/// A message of a client for each length, of zeros, compressed by itself.
fn zeros(lens: &[usize]) -> Vec<u8> {
    let parsed = |value: &str| {
        let headers = [(http::header::SEC_WEBSOCKET_EXTENSIONS, value.parse().expect("a header"))];
        Extension::all(&headers.into_iter().collect(), 100).expect("a list")
    };
    let offered = parsed("permessage-deflate; client_no_context_takeover");
    let agreed = deflate::agree(&offered, &offered).expect("they agree").expect("on compression");
    let config = Config::default().with(|config| {
        (config.deflate, config.max_output_bytes) = (Some(Deflate::default()), usize::MAX);
    });
    let agreed = Agreed::new().deflate(agreed).seed([7; 32]);
    let mut client = Connection::established(Role::Client, agreed, Arc::new(config), Instant::now());
    for len in lens {
        client.send_binary(&vec![0; *len]).expect("the connection is open");
    }
    let mut bytes = Vec::new();
    client.write_to(&mut bytes).expect("memory takes all");
    assert!(bytes.len() < lens.iter().sum::<usize>() / 500);
    bytes
}

/// What the neighbour sends.
fn hello() -> Vec<u8> {
    Raw::new(Raw::TEXT, "Hello").masked().bytes()
}

/// What comes behind the bombs.
fn last() -> Vec<u8> {
    Raw::new(Raw::TEXT, "last").masked().bytes()
}

/// The lengths of the messages that are not of the neighbour, and 0 for the end.
fn of_the_bomber(got: &Got) -> Vec<usize> {
    got.messages.borrow().iter().filter(|len| **len != 5).copied().collect()
}

/// Turns until all has been handed out. Each turn hands out at most `per_turn` bytes, and has the neighbour answered.
#[track_caller]
fn assert_fair(served: &Served, got: &Got, neighbour: &mut RawClient, per_turn: usize, total: usize) {
    let echo = Raw::new(Raw::TEXT, "Hello").bytes();
    let mut turns = 0;
    while got.bytes.get() < total {
        let before = got.bytes.get();
        neighbour.write(&hello());
        turn(served);
        let handed_out = got.bytes.get() - before - 5;
        assert!(handed_out <= per_turn, "{handed_out} bytes in turn {turns}");
        assert_eq!(neighbour.stream_mut().receive_raw(), echo, "in turn {turns}");
        turns += 1;
        assert!(turns < 1_000, "{} of {total} bytes", got.bytes.get());
    }
    assert!(turns >= total / (2 * PER_TURN), "{turns} turns");
}

#[test]
fn a1_many_bombs_of_one_client_wait_for_its_next_turns() {
    let (served, got) = serve(|_| {});
    let (mut neighbour, mut bomber) = (open(&served), open(&served));
    let (count, len) = (40, 1 << 20);
    let bombs = zeros(&vec![len; count]);
    assert!(bombs.len() < 64 << 10, "one read takes all of {} bytes", bombs.len());
    bomber.write(&[bombs, last()].concat());
    assert_fair(&served, &got, &mut neighbour, PER_TURN + len, count * len);
    served.settle();
    assert_eq!(of_the_bomber(&got), [vec![len; count], vec![4]].concat(), "the rest of the read comes behind");
}

#[test]
fn a1_one_large_bomb_is_inflated_over_many_turns() {
    let (served, got) = serve(|config| config.max_message_bytes = 64 << 20);
    let (mut neighbour, mut bomber) = (open(&served), open(&served));
    bomber.write(&zeros(&[64 << 20]));
    let (mut turns, echo) = (0, Raw::new(Raw::TEXT, "Hello").bytes());
    while got.bytes.get() < 64 << 20 {
        neighbour.write(&hello());
        turn(&served);
        assert_eq!(neighbour.stream_mut().receive_raw(), echo, "in turn {turns}");
        turns += 1;
        assert!(turns < 200);
    }
    assert!(turns > 64, "{turns} turns");
}

#[test]
fn a1_chunks_of_a_bomb_wait_for_the_next_turns() {
    let (served, got) = serve(|config| config.delivery = Delivery::Chunks);
    let (mut neighbour, mut bomber) = (open(&served), open(&served));
    bomber.write(&[zeros(&[16 << 20, 16 << 20]), last()].concat());
    assert_fair(&served, &got, &mut neighbour, PER_TURN, 32 << 20);
    served.settle();
    let messages = of_the_bomber(&got);
    assert_eq!((messages.len(), messages[2]), (3, 4), "the rest of the read comes behind");
}

#[test]
fn a1_bombs_sent_with_the_request_wait_for_the_next_turns() {
    for decides_later in [false, true] {
        let (served, got) = serve(|config| config.max_early_bytes = 1 << 20);
        let (mut neighbour, mut bomber) = (open(&served), RawClient::dial(&served));
        got.decides_later.set(decides_later);
        let len = 1 << 20;
        bomber.write(&[request_head("/ws", &[OFFER]), zeros(&[len; 20]), last()].concat());
        if decides_later {
            served.settle();
            assert_eq!(got.bytes.get(), 0);
            let id = got.id.get().expect("the bomber has asked");
            let accept = |session: &mut Session<'_>| session.accept(Accept::new()).expect("a request is pending");
            served.handle.with_session(id, accept).expect("the server is running");
        }
        assert_fair(&served, &got, &mut neighbour, PER_TURN + len, 20 * len);
        served.settle();
        assert_eq!(of_the_bomber(&got), [vec![len; 20], vec![4]].concat(), "the rest comes behind");
    }
}

/// What becomes no text takes time too: the end of a stream, after which the history is read again; a message; and the
/// codes of a block.
#[test]
fn a1_blocks_without_text_count_as_work() {
    let frame = |payload: &[u8]| Raw::new(Raw::BINARY, payload).set(0x40).masked().bytes();
    let floods: [(&str, Vec<u8>, usize); 4] = [
        ("final blocks", frame(&[0x03, 0x00].repeat(50_000)), 10),
        ("final blocks of a byte", frame(&[0x4B, 0x04, 0x00].repeat(30_000)), 5),
        ("messages of a byte", frame(&[0x4A, 0x04, 0x00]).repeat(10_000), 3),
        ("stored blocks", frame(&[&[0, 0, 0, 0xFF, 0xFF].repeat(20_000)[..], &[0]].concat()).repeat(4), 3),
    ];
    for (name, flood, least) in floods {
        let (served, got) = serve(|_| {});
        let (mut neighbour, mut bomber) = (open(&served), open(&served));
        bomber.write(&zeros(&[40_000]));
        served.settle();
        bomber.write(&[flood, last()].concat());
        let mut turns = 0;
        while !of_the_bomber(&got).ends_with(&[4]) {
            neighbour.write(&hello());
            turn(&served);
            assert_eq!(neighbour.stream_mut().receive_raw(), Raw::new(Raw::TEXT, "Hello").bytes(), "{name}");
            // The echoes of the flood must not fill the pipe.
            bomber.stream_mut().receive_raw();
            turns += 1;
            assert!(turns < 500, "{name}");
        }
        assert!(turns >= least, "{name}: {turns} turns");
    }
}

/// Whatever ends the connection ends it behind the bytes that came before.
#[test]
fn a1_bombs_before_an_end_are_handed_out_before_it() {
    type End = fn(&mut RawClient);
    let ends: [(&str, End); 3] = [
        ("end of the stream", |client| client.stream_mut().shut_down_writing()),
        ("Close", |client| client.write(&Raw::close(1000, "").masked().bytes())),
        ("reset", |client| client.stream_mut().reset()),
    ];
    for (name, end) in ends {
        let (served, got) = serve(|_| {});
        let (mut neighbour, mut bomber) = (open(&served), open(&served));
        let (count, len) = (20, 1 << 20);
        bomber.write(&[zeros(&vec![len; count]), last()].concat());
        turn(&served);
        end(&mut bomber);
        assert_fair(&served, &got, &mut neighbour, PER_TURN + len, count * len);
        served.settle();
        assert_eq!(of_the_bomber(&got), [vec![len; count], vec![4, 0]].concat(), "{name}");
    }
}

/// A write that fails does not make the turn longer. Nothing that came before it is lost, whatever commands come.
#[test]
fn a1_bombs_before_a_failed_write_wait_for_the_next_turns() {
    let (served, got) = serve(|_| {});
    let (mut neighbour, mut bomber) = (open(&served), open(&served));
    let id = got.id.get().expect("the bomber was accepted");
    let (count, len) = (20, 300 << 10);
    bomber.write(&[zeros(&vec![len; count]), last()].concat());
    turn(&served);
    bomber.write(&[zeros(&vec![len; count]), last()].concat());
    turn(&served);
    bomber.stream_mut().reset();
    served.handle.send_text(id, "to nobody").expect("the server is running");
    let mut turns = 0;
    while !of_the_bomber(&got).ends_with(&[0]) {
        let before = got.bytes.get();
        served.handle.notify(id, ()).expect("the server is running");
        neighbour.write(&hello());
        turn(&served);
        assert!(got.bytes.get() - before <= PER_TURN + len + 5);
        assert_eq!(neighbour.stream_mut().receive_raw(), Raw::new(Raw::TEXT, "Hello").bytes());
        turns += 1;
    }
    let half = [vec![len; count], vec![4]].concat();
    assert_eq!(of_the_bomber(&got), [half.clone(), half, vec![0]].concat());
    assert!(turns > 15, "{turns} turns");
}

/// The client's Close came in time, although it waits behind bombs when its time is over.
#[test]
fn a1_what_waits_behind_a_bomb_has_come_in_time() {
    let (served, got) = serve(|config| config.closing_timeout = Some(Duration::from_secs(5)));
    let mut bomber = open(&served);
    let id = got.id.get().expect("the bomber was accepted");
    served.handle.close(id, 1000, "").expect("the server is running");
    assert_eq!(bomber.frame(), Raw::close(1000, ""));
    let (count, len) = (20, 1 << 20);
    bomber.write(&[zeros(&vec![len; count]), Raw::close(1000, "").masked().bytes()].concat());
    turn(&served);
    assert!(got.bytes.get() < count * len);
    served.server().clock().stall(Duration::from_secs(6));
    served.settle();
    assert_eq!(of_the_bomber(&got), [vec![len; count], vec![0]].concat());
    assert_eq!(served.tally().clean, 1, "{}", served.tally());
}
