//! Members of rooms whose messages pile up.

use crate::support::{
    Raw,
    memory::{RawClient, Served},
};
use statesocket::{
    Config, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Handler, Limits, Session, Unsent},
    testing::ClientOptions,
};
use std::io::{ErrorKind, Read};

const LIMIT: usize = 100 << 10;

/// A member of the only room, who may miss messages.
struct Member;

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request waits");
        session.join("room").expect("the session is open");
    }

    fn on_unsent(&mut self, session: &mut Session<'_>, message: Message<'_>) -> Unsent {
        assert!(session.output_len() <= LIMIT && session.output_len() + message.len() > LIMIT - 4);
        Unsent::Drop
    }
}

/// A server with the route `/ws` and a limit, and a member that is open, whose pipe holds `pipe` bytes.
fn member(limit: usize, pipe: usize) -> (Served, RawClient) {
    let served = Served::start(Config::default(), |server| {
        server.route("/ws", || Member).expect("the route is new");
        server.set_limits(Limits::default().with(|limits| limits.max_room_backlog = limit));
    });
    let options = ClientOptions::default().with(|options| options.pipe_bytes = pipe);
    let client = RawClient::open_with(&served, "/ws", &options);
    (served, client)
}

fn message(number: u32, len: usize) -> Vec<u8> {
    let digits = format!("{number:010}");
    [vec![b'0'; len - digits.len()], digits.into_bytes()].concat()
}

fn publish(served: &Served, number: u32, len: usize) {
    served.handle.publish("room", SharedMessage::binary(&message(number, len))).expect("the server is running");
}

/// The numbers of the messages of `len` bytes that the client receives.
fn numbers(client: &mut RawClient, len: usize) -> Vec<u32> {
    let mut bytes = Vec::new();
    let error = client.read_to_end(&mut bytes).expect_err("the connection stays open");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let frame_len = Raw::new(Raw::BINARY, message(0, len)).bytes().len();
    let frames = bytes.chunks(frame_len).map(|frame| {
        let digits = std::str::from_utf8(&frame[frame_len - len..]).expect("digits");
        let number = digits.parse().expect("a number");
        assert_eq!(frame, Raw::new(Raw::BINARY, message(number, len)).bytes(), "the frame is whole");
        number
    });
    frames.collect()
}

#[test]
fn s1_a_burst_beyond_the_backlog_reaches_a_member_whose_socket_has_room() {
    for (count, len) in [(3, 50 << 10), (300, 1 << 10), (2, LIMIT), (5, 3 * LIMIT)] {
        let (served, mut client) = member(LIMIT, 64 << 20);
        (0..count).for_each(|number| publish(&served, number, len));
        assert_eq!(numbers(&mut client, len), (0..count).collect::<Vec<_>>());
        assert_eq!(served.tally().unsent, 0);
    }
}

#[test]
fn s1_a_member_that_lags_misses_messages_that_are_counted_and_told() {
    for len in [10, 500, 10_000] {
        let (served, mut client) = member(LIMIT, 64 << 10);
        let mut sent = 0;
        while served.tally().unsent <= 10 {
            for _ in 0..50_000 / len {
                publish(&served, sent, len);
                sent += 1;
            }
            served.settle();
            assert!(sent < 100_000, "the backlog has a limit");
        }
        let received = numbers(&mut client, len);
        assert!(received.is_sorted(), "a dropped message leaves a gap");
        assert_eq!(received.len() as u64 + served.tally().unsent, u64::from(sent));
        publish(&served, 7, len);
        assert_eq!(numbers(&mut client, len), [7], "it is a member as before");
    }
}
