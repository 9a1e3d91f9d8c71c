//! `statesocket::blocking`: the driver for threads. A stream that the test controls, or a pair of sockets, is below.

use crate::support::{Raw, config};
use statesocket::{
    Agreed, Cause, CloseCode, CloseReply, Config, Disconnect, Event, Message, Phase, Role, Timer,
    blocking::{Stream, WebSocket},
    handshake::{Accept, Connect, Response},
    http::StatusCode,
};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Longer than any wait of a test that passes.
const PATIENCE: Duration = Duration::from_secs(20);

const SHORT: Duration = Duration::from_millis(200);

/// The two ends of a connection between sockets.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (server, _) = listener.accept().expect("a client waits");
    client.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    server.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    (client, server)
}

/// An open connection at a server, and the socket of its client.
fn served(config: Config) -> (TcpStream, WebSocket<TcpStream>) {
    let (client, server) = sockets();
    (client, WebSocket::established(server, Role::Server, Agreed::new(), config))
}

/// Echoes until the end.
fn echo<T: Stream + Send + 'static>(mut ws: WebSocket<T>) -> JoinHandle<Disconnect> {
    thread::spawn(move || {
        loop {
            match ws.recv() {
                Ok(message) => ws.send(message).expect("the connection is open"),
                Err(end) => return end,
            }
        }
    })
}

/// Reads to the end of the stream.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the end comes in time, and without a reset");
    rest
}

/// Asserts that `found` is at least `least`, and less than a test has patience for.
#[track_caller]
fn assert_took(began: Instant, least: Duration) {
    let took = began.elapsed();
    assert!((least..PATIENCE / 2).contains(&took), "{took:?}");
}

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
        ws.finish()
    });
    let connect = Connect::new("ws://localhost/").and_then(|connect| connect.subprotocol("a")?.subprotocol("b"));
    let mut ws = WebSocket::client(client, &connect.expect("a valid request"), Config::default());
    assert_eq!(ws.opened().expect("it is accepted").status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!((ws.subprotocol(), ws.phase()), (Some("b"), Phase::Open));
    assert!(ws.close(1000, "").expect("the connection is open").is_clean);
    assert!(server.join().expect("the server does not panic").is_clean);
}

#[test]
fn a_rejection_is_an_end_and_its_response_an_event() {
    for by_events in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let server = thread::spawn(move || {
            let mut ws = WebSocket::server(listener.accept().expect("a client comes").0, Config::default());
            ws.request().expect("a client asks");
            ws.reject(Response::new(StatusCode::FORBIDDEN).body("not you")).expect("the request waits");
            ws.finish()
        });
        let connect = Connect::new(&url).expect("a valid URL");
        let mut ws = WebSocket::connect(&connect, Config::default()).expect("the server listens");
        if by_events {
            let Some(Event::Rejected(response)) = ws.event() else { panic!("it is rejected") };
            assert_eq!(response.body, "not you");
        }
        let (rejected, error) = (Cause::Rejected(StatusCode::FORBIDDEN), ws.opened().expect_err("it is rejected"));
        assert_eq!(error.end.cause, rejected);
        let handed_out = error.response.map(|response| response.body.clone());
        assert_eq!(handed_out.as_deref(), (!by_events).then_some(&b"not you"[..]));
        assert_eq!(ws.recv().expect_err("it has ended").cause, rejected, "and however often it is asked");
        assert_eq!(server.join().expect("the server does not panic").cause, rejected);
    }
}

#[test]
fn a_wss_uri_and_a_closed_port_are_errors_of_connecting() {
    let connect = |url: &str| {
        let connect = Connect::new(url).expect("a valid URL");
        WebSocket::connect(&connect, Config::default()).map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(connect("wss://127.0.0.1/"), Err(ErrorKind::InvalidInput));
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    assert_eq!(connect(&format!("ws://{free}/")), Err(ErrorKind::ConnectionRefused));
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
fn a_wait_of_no_time_takes_what_has_come() {
    let reads = [&b"\x89\x01!"[..], b"\x81\x05Hello"].into();
    let mut ws = over(Listed { reads, ..Listed::default() }, Config::default());
    assert_eq!(ws.recv_timeout(Duration::ZERO), Ok(None), "one read has a Ping");
    assert_eq!(ws.recv_timeout(Duration::ZERO), Ok(Some(Message::from("Hello"))));
    assert_eq!(ws.stream().written[0], 0x8A, "and the Ping is answered");
}

#[test]
fn a_message_that_drips_is_not_waited_for() {
    let reads = [&b"\x82\x7F\0\0\0\0\0\x0F\0\0"[..]].into();
    let mut ws = over(Listed { reads, drips: true, ..Listed::default() }, Config::default());
    let began = Instant::now();
    assert_eq!(ws.recv_timeout(SHORT), Ok(None));
    assert_took(began, SHORT);
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

/// A stream whose reads the test lists. It counts them.
#[derive(Debug, Default)]
struct Listed {
    reads: VecDeque<&'static [u8]>,
    count: usize,
    /// Behind those of the list there is always one more byte.
    drips: bool,
    fails_to_write: bool,
    /// It takes nothing.
    is_full: bool,
    /// What was written and not flushed.
    held: Vec<u8>,
    written: Vec<u8>,
    shut: Vec<Shutdown>,
    timeout: Option<Duration>,
}

impl Read for Listed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.count += 1;
        assert!(self.count < 100_000, "it reads for ever");
        if self.reads.is_empty() && self.drips {
            thread::sleep(Duration::from_micros(50));
            self.reads.push_back(b"x");
        }
        let Some(bytes) = self.reads.pop_front() else {
            thread::sleep(self.timeout.expect("a read without a bound would never end"));
            return Err(ErrorKind::TimedOut.into());
        };
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Listed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.fails_to_write {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.is_full {
            thread::sleep(Duration::from_millis(1));
            return Err(ErrorKind::WouldBlock.into());
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.written.append(&mut self.held);
        Ok(())
    }
}

impl Stream for Listed {
    fn prepare(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeout = timeout;
        Ok(())
    }

    fn shut_down(&mut self, how: Shutdown) -> io::Result<()> {
        self.shut.push(how);
        Ok(())
    }
}

fn over(stream: Listed, config: Config) -> WebSocket<Listed> {
    WebSocket::established(stream, Role::Client, Agreed::new(), config)
}

#[test]
fn a_failed_write_loses_nothing_that_the_peer_sent_before() {
    let reads = [&b"\x81\x05Hello"[..], b"\x88\x02\x03\xF0"].into();
    let mut ws = over(Listed { reads, fails_to_write: true, ..Listed::default() }, Config::default());
    ws.send("lost").expect("the connection is open");
    assert_eq!(ws.recv().expect("it came before").as_text(), Some("Hello"));
    let end = ws.recv().expect_err("the peer has left");
    assert_eq!((end.code, end.cause, end.is_clean), (CloseCode::from(1008), Cause::PeerClosed, false));
    assert_eq!(ws.stream().shut, [Shutdown::Both]);
}

#[test]
fn k9_a_close_that_lies_unread_when_the_output_times_out_has_the_code() {
    for wait in ["flush", "recv"] {
        for role in [Role::Client, Role::Server] {
            let frames = [Raw::new(Raw::TEXT, "last words"), Raw::close(4001, "bye")];
            let reads = frames.map(|frame| &*frame.for_endpoint(role).leak()).into();
            let stream = Listed { reads, is_full: true, ..Listed::default() };
            let short = config(|config| {
                config.client_high_water = Some(64 << 10);
                (config.write_timeout, config.linger_timeout) = (Some(SHORT), Some(SHORT));
            });
            let mut ws = WebSocket::established(stream, role, Agreed::new(), short);
            ws.connection_mut().send(vec![7; 100_000]).expect("the connection is open");
            if wait == "flush" {
                ws.flush();
                assert_eq!(ws.output_len(), 0, "it is given up");
            }
            assert_eq!(ws.recv().expect("it came before").as_text(), Some("last words"), "{wait}, {role:?}");
            let end = ws.recv().expect_err("the peer has closed");
            assert_eq!((end.code, end.cause, end.is_clean), (CloseCode::from(4001), Cause::PeerClosed, false));
        }
    }
}

/// The bytes of two messages come with one read, and the second one is held back.
#[test]
fn a_held_message_does_not_wait_for_a_deadline_once_the_hold_ends() {
    for is_paused in [false, true] {
        let reads = [&b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b"[..]].into();
        let stream = Listed { reads, ..Listed::default() };
        let mut ws = WebSocket::established(stream, Role::Server, Agreed::new(), Config::default());
        assert_eq!(ws.recv().expect("it has come").as_text(), Some("a"));
        if is_paused {
            ws.connection_mut().pause_reading();
        } else {
            ws.connection_mut().send(vec![0; 100_000]).expect("the connection is open");
        }
        assert!(ws.held_by().is_some());
        let began = Instant::now();
        assert_eq!(ws.recv().expect("it has come").as_text(), Some("b"));
        assert_took(began, Duration::ZERO);
    }
}

#[test]
fn what_a_stream_holds_back_is_flushed_before_a_wait() {
    let reads = [&b"\x89\x01!"[..], b"\x81\x05Hello", b"\x88\x02\x03\xE8", b""].into();
    let mut ws = over(Listed { reads, ..Listed::default() }, Config::default());
    ws.feed("queued").expect("the connection is open");
    assert_eq!(ws.stream().written, b"", "a message that is fed waits");
    assert_eq!(ws.recv().expect("it has come").as_text(), Some("Hello"));
    assert_eq!(ws.stream().written.len(), 6 + 6 + 7, "the message and the Pong");
    assert_eq!(ws.stream().written[12], 0x8A);
    assert!(ws.recv().expect_err("the peer has closed").is_clean);
    assert_eq!((ws.stream().written.len(), &ws.stream().held), (19 + 8, &vec![]), "and the Close");
    assert_eq!(ws.stream().shut, [Shutdown::Both], "a client waits for the end of the server");
}

#[test]
fn a_message_that_drips_for_ever_is_too_slow_all_the_same() {
    let timeouts = config(|config| (config.message_timeout, config.linger_timeout) = (Some(SHORT), Some(SHORT)));
    let mut ws =
        over(Listed { reads: [&b"\x82\x7F\0\0\0\0\0\x0F\0\0"[..]].into(), drips: true, ..Listed::default() }, timeouts);
    let began = Instant::now();
    assert_eq!(ws.recv().expect_err("no message is complete").cause, Cause::TimedOut(Timer::Message));
    assert_took(began, 2 * SHORT);
}

#[test]
fn a_wait_does_not_spin() {
    let idle = config(|config| (config.idle_timeout, config.linger_timeout) = (Some(SHORT), Some(SHORT)));
    let mut ws = over(Listed::default(), idle);
    ws.connection_mut().pause_reading();
    assert_eq!(ws.recv().expect_err("nothing comes").cause, Cause::TimedOut(Timer::Idle), "a pause is over");
    let count = ws.stream().count;
    assert!(count < 30, "{count} reads");
}

#[test]
fn a_deadline_counts_what_has_come_before_it() {
    let idle = config(|config| config.idle_timeout = Some(SHORT));
    let reads = [&b"\x81\x04late"[..]].into();
    let mut ws = over(Listed { reads, ..Listed::default() }, idle);
    thread::sleep(2 * SHORT);
    assert_eq!(ws.recv().expect("it lay in the socket").as_text(), Some("late"));
}
