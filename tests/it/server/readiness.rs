//! The system says once that there is something to be read, and once that it is the end. What it says of first is on
//! its way before the loop turns, so that one word has to do for all of it.

use crate::support::Raw;
use crate::support::loopback::turns::{ask, server, turn_until, turn_until_answered, turn_until_received};
use socket2::SockRef;
use statesocket::{
    Config, Message, SharedMessage,
    server::{Handler, Peer, Server},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// What the loop reads at a time, and multiples of it.
const READS: [usize; 3] = [128 << 10, 256 << 10, 512 << 10];

/// Without deadlines, which would have the loop look after a connection also if nobody says anything.
fn config() -> Config {
    let mut config = Config::default();
    (config.opening_timeout, config.ping_interval, config.message_timeout) = (None, None, None);
    config
}

fn open(server: &mut Server) -> TcpStream {
    let mut stream = ask(server, &[]);
    assert_eq!(turn_until_answered(server, &mut stream), 101);
    stream
}

/// A message whose frame, from a client, is so long.
fn message_with_frame_of(len: usize) -> Raw {
    let header = if len > 0x1_0000 { 14 } else { 8 };
    Raw::new(Raw::BINARY, (0..len - header).map(|n| (n / 7) as u8).collect::<Vec<u8>>())
}

/// Turns until the server has ended its direction too, and the connection is gone.
#[track_caller]
fn turn_until_gone(server: &mut Server, stream: &mut TcpStream) {
    turn_until(server, |server| server.connections() == 0);
    assert_eq!(stream.read(&mut [0]).expect("the server ends in order"), 0);
}

#[test]
fn an_end_that_came_with_the_last_message_is_seen() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "last words").masked().bytes()).expect("the socket has room");
    stream.shutdown(Shutdown::Write).expect("a socket");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "last words").bytes());
    turn_until_gone(&mut server, &mut stream);
}

#[test]
fn an_end_that_comes_after_the_last_message_was_read_is_seen() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "last words").masked().bytes()).expect("the socket has room");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "last words").bytes());
    stream.shutdown(Shutdown::Write).expect("a socket");
    turn_until_gone(&mut server, &mut stream);
}

#[test]
fn a_reset_that_came_with_the_last_bytes_is_seen_and_so_are_they() {
    for (bytes, cause) in
        [(Raw::new(Raw::TEXT, "last words"), "transport lost"), (Raw::close(4001, "last words"), "peer closed")]
    {
        let mut server = server(config());
        let mut stream = open(&mut server);
        stream.write_all(&bytes.masked().bytes()).expect("the socket has room");
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket can be told not to linger");
        drop(stream);
        turn_until(&mut server, |server| server.connections() == 0);
        assert_eq!(server.tally().ended, [(cause, 1)].into());
    }
}

#[test]
fn a_reset_that_comes_after_the_last_bytes_were_read_is_seen() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "last words").masked().bytes()).expect("the socket has room");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "last words").bytes());
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket can be told not to linger");
    drop(stream);
    turn_until(&mut server, |server| server.connections() == 0);
    assert_eq!(server.tally().ended, [("transport lost", 1)].into());
}

#[test]
fn messages_as_long_as_a_read_and_one_byte_off_are_echoed() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    for len in READS.into_iter().flat_map(|len| [len - 1, len, len + 1]) {
        let message = message_with_frame_of(len);
        let bytes = message.clone().masked().bytes();
        assert_eq!(bytes.len(), len);
        stream.set_nonblocking(true).expect("a socket");
        let mut written = 0;
        // As much as there is room for is on its way before the loop reads any of it.
        turn_until(&mut server, |_| {
            match stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            written == len
        });
        turn_until_received(&mut server, &mut stream, &message.bytes());
        let next = Raw::new(Raw::TEXT, "next");
        stream.write_all(&next.clone().masked().bytes()).expect("the socket has room");
        turn_until_received(&mut server, &mut stream, &next.bytes());
    }
}

/// Answers with so much that is large and shared that one vectored write does not take it.
struct Burst;

impl Burst {
    const MESSAGES: usize = 100;

    fn message() -> Vec<u8> {
        vec![7; 1 << 10]
    }
}

impl Handler for Burst {
    fn on_message(&mut self, peer: &mut Peer<'_>, _: Message<'_>) {
        let message = SharedMessage::binary(&Self::message());
        for _ in 0..Self::MESSAGES {
            peer.send_shared(&message).expect("the connection is open");
        }
    }
}

#[test]
fn what_takes_several_writes_is_written_while_there_is_room() {
    let mut server = Server::bind("127.0.0.1:0", config()).expect("a free port");
    server.route("/ws", || Burst).expect("the first route");
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "go").masked().bytes()).expect("the socket has room");
    let expected = Raw::new(Raw::BINARY, Burst::message()).bytes().repeat(Burst::MESSAGES);
    turn_until_received(&mut server, &mut stream, &expected);
}
