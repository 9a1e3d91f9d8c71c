//! Members of rooms whose messages pile up.

use crate::support::{
    Raw,
    loopback::turns::{ask, turn_until, turn_until_answered, turn_until_received},
};
use statesocket::{
    Config, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Handler, Limits, Server, Session, Unsent},
};
use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::Duration,
};

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

/// A server with the route `/ws` and a limit, and a member that is open.
fn member(limit: usize) -> (Server, TcpStream) {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).expect("a free port");
    server.route("/ws", || Member).expect("the route is new");
    server.set_limits(Limits::default().with(|limits| limits.max_room_backlog = limit));
    let mut client = ask(&server, &[]);
    assert_eq!(turn_until_answered(&mut server, &mut client), 101);
    (server, client)
}

fn message(number: u32, len: usize) -> Vec<u8> {
    let digits = format!("{number:010}");
    [vec![b'0'; len - digits.len()], digits.into_bytes()].concat()
}

fn publish(server: &Server, number: u32, len: usize) {
    server.handle().publish("room", SharedMessage::binary(&message(number, len))).expect("the server is running");
}

/// The numbers of the messages of `len` bytes that the client receives until it gets nothing for some turns.
fn numbers(server: &mut Server, client: &mut TcpStream, len: usize) -> Vec<u32> {
    let mut bytes = Vec::new();
    let mut quiet_turns = 0;
    while quiet_turns < 10 {
        server.turn(Some(Duration::from_millis(5))).expect("the loop does not fail");
        let before = bytes.len();
        let error = client.read_to_end(&mut bytes).expect_err("the connection stays open");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        quiet_turns = if bytes.len() > before { 0 } else { quiet_turns + 1 };
    }
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
        let (mut server, mut client) = member(LIMIT);
        (0..count).for_each(|number| publish(&server, number, len));
        let frames = (0..count).flat_map(|number| Raw::new(Raw::BINARY, message(number, len)).bytes());
        turn_until_received(&mut server, &mut client, &frames.collect::<Vec<_>>());
        assert_eq!(server.tally().unsent, 0);
    }
}

#[test]
fn s1_a_member_that_lags_misses_messages_that_are_counted_and_told() {
    for len in [10, 500, 10_000] {
        let (mut server, mut client) = member(LIMIT);
        let mut sent = 0;
        turn_until(&mut server, |server| {
            for _ in 0..50_000 / len {
                publish(server, sent, len);
                sent += 1;
            }
            server.tally().unsent > 10
        });
        let received = numbers(&mut server, &mut client, len);
        assert!(received.is_sorted(), "a dropped message leaves a gap");
        assert_eq!(received.len() as u64 + server.tally().unsent, u64::from(sent));
        publish(&server, 7, len);
        assert_eq!(numbers(&mut server, &mut client, len), [7], "it is a member as before");
    }
}
