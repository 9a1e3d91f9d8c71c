//! A pair of sockets is below.

use super::{PATIENCE, SHORT, assert_took, echo, rest, served, sockets};
use crate::support::config;
use statesocket::{
    Agreed, Cause, CloseCode, CloseReply, Config, Message, Phase, Role, Timer,
    blocking::WebSocket,
    handshake::{Accept, Connect},
    http::StatusCode,
};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

#[test]
fn messages_of_every_size_come_back_in_order() {
    let (client, server) = sockets();
    let server = echo(WebSocket::established(server, Role::Server, Agreed::new(), Config::default()));
    let mut ws = WebSocket::established(client, Role::Client, Agreed::new(), Config::default());
    for len in [0, 1, 125, 126, 65_535, 65_536, 3_000_000] {
        let text = "x".repeat(len);
        ws.send(text.as_str()).expect("the connection is open");
        assert_eq!(ws.recv().expect("it is echoed"), Message::from(text));
        ws.send(vec![7; len]).expect("the connection is open");
        assert_eq!(ws.recv().expect("it is echoed"), Message::from(vec![7; len]));
    }
    for n in 0..100 {
        ws.feed(n.to_string()).expect("the connection is open");
    }
    for n in 0..100 {
        assert_eq!(ws.recv().expect("it is echoed").as_text(), Some(n.to_string().as_str()));
    }
    let end = ws.close(4000, "done").expect("the connection is open");
    assert_eq!((end.cause, end.is_clean), (Cause::LocalClosed, true));
    let end = server.join().expect("the server does not panic");
    assert_eq!((end.code, end.reason.as_str(), end.is_clean), (CloseCode::from(4000), "done", true));
}

#[test]
#[cfg(unix)]
fn a_handshake_runs_over_any_stream() {
    use std::os::unix::net::UnixStream;
    let (client, server) = UnixStream::pair().expect("the system has them");
    let server = thread::spawn(move || {
        let mut ws = WebSocket::server(server, Config::default());
        let request = ws.request().expect("a client asks");
        ws.accept(Accept::new().preferred_by_server(&request, &["b"])).expect("the request waits");
        ws
    });
    let connect = Connect::new("ws://localhost/").and_then(|connect| connect.subprotocol("a")?.subprotocol("b"));
    let mut ws = WebSocket::client(client, &connect.expect("a valid request"), Config::default());
    assert_eq!(ws.opened().expect("it is accepted").status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!((ws.subprotocol(), ws.phase()), (Some("b"), Phase::Open));
    let mut server = server.join().expect("the server does not panic");
    let server = thread::spawn(move || server.finish());
    assert_eq!(ws.recv_timeout(SHORT), Ok(None));
    assert!(ws.close(1000, "").expect("the connection is open").is_clean);
    assert!(server.join().expect("the server does not panic").is_clean);
}

#[test]
fn the_end_comes_when_everything_is_written_and_the_stream_is_shut_down() {
    let (mut client, mut ws) = served(Config::default());
    ws.feed(vec![7; 3_000_000]).expect("the connection is open");
    let reader = thread::spawn(move || {
        client.write_all(b"\x88\x82\0\0\0\0\x03\xE8").expect("the server reads");
        client.shutdown(Shutdown::Write).expect("the socket is open");
        // The owner of the server's end keeps it, and yet this ends.
        rest(&mut client)
    });
    let end = ws.recv().expect_err("the client has closed");
    assert!(end.is_clean && ws.has_closed_cleanly() && ws.is_finished());
    let read = reader.join().expect("the reader does not panic");
    assert_eq!((read.len(), &read[read.len() - 4..]), (3_000_000 + 10 + 4, &b"\x88\x02\x03\xE8"[..]));
}

/// Takes `len` bytes, the first of them after a while.
fn slow_reader(mut stream: TcpStream, len: usize) -> JoinHandle<TcpStream> {
    thread::spawn(move || {
        thread::sleep(3 * SHORT);
        stream.read_exact(&mut vec![0; len]).expect("the server writes");
        stream
    })
}

#[test]
fn what_is_queued_leaves_although_the_peer_is_silent() {
    let (client, server) = sockets();
    let mut ws = WebSocket::established(client, Role::Client, Agreed::new(), Config::default());
    ws.feed(vec![7; 32_000_000]).expect("it is the only one");
    let reader = slow_reader(server, 32_000_014);
    let began = Instant::now();
    let waiting = thread::spawn(move || ws.recv().expect_err("the reader leaves"));
    drop(reader.join().expect("the reader does not panic"));
    assert_eq!(waiting.join().expect("no panic").cause, Cause::TransportLost(None));
    assert_took(began, 3 * SHORT);
}

#[test]
fn a_slow_reader_is_not_late_while_a_thread_sends() {
    let (client, server) = sockets();
    let idle = config(|config| (config.idle_timeout, config.max_output_bytes) = (Some(SHORT), 64 << 20));
    let mut ws = WebSocket::established(client, Role::Client, Agreed::new(), idle);
    let reader = slow_reader(server, 32_000_014);
    ws.send(vec![7; 32_000_000]).expect("the connection is open");
    assert_eq!((ws.output_len(), ws.phase()), (0, Phase::Open));
    drop(reader.join().expect("the reader does not panic"));
}

#[test]
fn messages_that_are_fed_wait_for_room() {
    let (client, mut ws) = served(Config::default());
    let reader = slow_reader(client, 100 * 100_010);
    for _ in 0..100 {
        ws.feed(vec![7; 100_000]).expect("all together are over the limit of the output, and yet there is room");
    }
    ws.flush();
    drop(reader.join().expect("the reader does not panic"));
}

#[test]
fn a_wait_for_a_message_ends_at_its_time() {
    let (mut client, mut ws) = served(Config::default());
    assert!(ws.stream().nodelay().expect("it is a socket"), "a message does not wait for the next one");
    let began = Instant::now();
    assert_eq!(ws.recv_timeout(SHORT), Ok(None));
    assert_took(began, SHORT);
    for timeout in [PATIENCE, Duration::MAX] {
        client.write_all(b"\x81\x81\0\0\0\0a").expect("the server reads");
        assert_eq!(ws.recv_timeout(timeout), Ok(Some(Message::from("a"))));
    }
    client.write_all(b"\x88\x82\0\0\0\0\x03\xE8").expect("the server reads");
    client.shutdown(Shutdown::Write).expect("the socket is open");
    assert!(ws.recv_timeout(PATIENCE).expect_err("the client has closed").is_clean);
}

#[test]
fn a_ping_is_answered_while_a_thread_receives() {
    let (mut client, ws) = served(Config::default());
    let server = echo(ws);
    client.write_all(b"\x89\x81\0\0\0\0!").expect("the server reads");
    let mut pong = [0; 3];
    client.read_exact(&mut pong).expect("the Pong comes");
    assert_eq!(&pong, b"\x8A\x01!");
    drop(client);
    assert_eq!(server.join().expect("the server does not panic").cause, Cause::TransportLost(None));
}

#[test]
fn keepalive_runs_while_a_thread_receives() {
    let (mut client, mut ws) = served(config(|config| {
        (config.ping_interval, config.pong_timeout) = (Some(SHORT), Some(SHORT));
    }));
    let began = Instant::now();
    let end = thread::spawn(move || ws.recv().expect_err("the client is silent"));
    let written = rest(&mut client);
    assert_eq!(written[0], 0x89, "a Ping");
    assert!(written.ends_with(b"no sign of life"), "{}", written.escape_ascii());
    drop(client);
    assert_eq!(end.join().expect("no panic").cause, Cause::TimedOut(Timer::Pong));
    assert_took(began, 2 * SHORT);
}

#[test]
fn a_send_to_a_peer_that_does_not_read_ends_at_its_deadline() {
    for is_paused in [false, true] {
        let (_client, mut ws) = served(config(|config| {
            (config.write_timeout, config.max_output_bytes) = (Some(SHORT), 64 << 20);
        }));
        if is_paused {
            ws.connection_mut().pause_reading();
        }
        let began = Instant::now();
        ws.send(vec![7; 32 << 20]).expect("it is within the limit");
        assert_took(began, SHORT);
        assert_eq!(ws.is_reading_paused(), is_paused, "as it was");
        assert_eq!(ws.recv().expect_err("it has ended").cause, Cause::TimedOut(Timer::Write));
    }
}

#[test]
fn half_a_request_is_answered_at_its_deadline() {
    let (mut client, server) = sockets();
    let mut ws = WebSocket::server(server, config(|config| config.opening_timeout = Some(SHORT)));
    client.write_all(b"GET / HTTP/1.1\r\n").expect("the server reads");
    let end = thread::spawn(move || ws.request().expect_err("no request is complete"));
    assert!(rest(&mut client).starts_with(b"HTTP/1.1 408 "));
    drop(client);
    assert_eq!(end.join().expect("no panic").cause, Cause::TimedOut(Timer::Opening));
}

#[test]
fn your_own_answer_to_a_close_is_asked_for_before_the_end() {
    let (mut client, mut ws) = served(config(|config| config.close_reply = CloseReply::Manual));
    client.write_all(b"\x88\x82\0\0\0\0\x0F\xA0").expect("the server reads");
    let end = ws.recv().expect_err("the client has closed");
    assert_eq!((end.code, end.is_clean, ws.phase()), (CloseCode::from(4000), false, Phase::ClientClosed));
    let reader = thread::spawn(move || rest(&mut client));
    assert!(ws.close(4001, "").expect("the Close is to be answered").is_clean);
    assert_eq!(reader.join().expect("no panic"), b"\x88\x02\x0F\xA1");
}
