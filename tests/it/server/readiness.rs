//! The system reports once that there is input, and once that the stream has ended. In these tests everything is sent
//! before the loop turns, so that one report must do for all of it.

use crate::support::Raw;
use crate::support::loopback::turns::{ask, server, turn_until, turn_until_answered, turn_until_received};
use socket2::SockRef;
use statesocket::{
    CauseKind, Config, Message, SharedMessage,
    server::{Handler, Server, Session},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// The size of one read of the loop, and multiples of it.
const READS: [usize; 3] = [128 << 10, 256 << 10, 512 << 10];

/// Without deadlines, which would make the loop look at a silent connection.
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

/// A message of a client whose whole frame has this length.
fn message_with_frame_of(len: usize) -> Raw {
    let header = if len > 0x1_0000 { 14 } else { 8 };
    Raw::new(Raw::BINARY, (0..len - header).map(|n| (n / 7) as u8).collect::<Vec<u8>>())
}

/// Turns until the server has ended its direction too, and the connection is gone.
#[track_caller]
fn turn_until_gone(server: &mut Server, stream: &mut TcpStream) {
    turn_until(server, |server| server.connections() == 0);
    assert_eq!(stream.read(&mut [0]).expect("the server ends the stream cleanly"), 0);
}

#[test]
fn an_end_together_with_the_last_message_is_noticed() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "last words").masked().bytes()).expect("the socket buffer has room");
    stream.shutdown(Shutdown::Write).expect("the socket is open");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "last words").bytes());
    turn_until_gone(&mut server, &mut stream);
}

#[test]
fn an_end_after_the_last_message_is_noticed() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "last words").masked().bytes()).expect("the socket buffer has room");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "last words").bytes());
    stream.shutdown(Shutdown::Write).expect("the socket is open");
    turn_until_gone(&mut server, &mut stream);
}

#[test]
fn a_reset_together_with_the_last_bytes_is_noticed_and_so_are_they() {
    for (bytes, cause) in [
        (Raw::new(Raw::TEXT, "last words"), CauseKind::TransportLost),
        (Raw::close(4001, "last words"), CauseKind::PeerClosed),
    ] {
        let mut server = server(config());
        let mut stream = open(&mut server);
        stream.write_all(&bytes.masked().bytes()).expect("the socket buffer has room");
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket can be told not to linger");
        drop(stream);
        turn_until(&mut server, |server| server.connections() == 0);
        assert_eq!((server.tally().ended(cause), server.tally().total_ended()), (1, 1));
    }
}

#[test]
fn a_reset_after_the_last_bytes_is_noticed() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "last words").masked().bytes()).expect("the socket buffer has room");
    turn_until_received(&mut server, &mut stream, &Raw::new(Raw::TEXT, "last words").bytes());
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket can be told not to linger");
    drop(stream);
    turn_until(&mut server, |server| server.connections() == 0);
    assert_eq!((server.tally().ended(CauseKind::TransportLost), server.tally().total_ended()), (1, 1));
}

#[test]
fn messages_about_as_long_as_a_read_are_echoed() {
    let mut server = server(config());
    let mut stream = open(&mut server);
    for len in READS.into_iter().flat_map(|len| [len - 1, len, len + 1]) {
        let message = message_with_frame_of(len);
        let bytes = message.clone().masked().bytes();
        assert_eq!(bytes.len(), len);
        stream.set_nonblocking(true).expect("the socket is open");
        let mut written = 0;
        // As many bytes as there is room for are sent before the loop reads any.
        turn_until(&mut server, |_| {
            match stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            written == len
        });
        turn_until_received(&mut server, &mut stream, &message.bytes());
        let next = Raw::new(Raw::TEXT, "next");
        stream.write_all(&next.clone().masked().bytes()).expect("the socket buffer has room");
        turn_until_received(&mut server, &mut stream, &next.bytes());
    }
}

/// Answers with more large shared messages than one vectored write takes.
struct Burst;

impl Burst {
    const MESSAGES: usize = 100;

    fn message() -> Vec<u8> {
        vec![7; 1 << 10]
    }
}

impl Handler for Burst {
    fn on_message(&mut self, session: &mut Session<'_>, _: Message<'_>) {
        let message = SharedMessage::binary(&Self::message());
        for _ in 0..Self::MESSAGES {
            session.send_shared(&message).expect("the connection is open");
        }
    }
}

#[test]
fn output_of_several_writes_is_written_while_there_is_room() {
    let mut server = Server::bind("127.0.0.1:0", config()).expect("a free port");
    server.route("/ws", || Burst).expect("the route is new");
    let mut stream = open(&mut server);
    stream.write_all(&Raw::new(Raw::TEXT, "go").masked().bytes()).expect("the socket buffer has room");
    let expected = Raw::new(Raw::BINARY, Burst::message()).bytes().repeat(Burst::MESSAGES);
    turn_until_received(&mut server, &mut stream, &expected);
}
