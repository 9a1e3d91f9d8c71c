//! `examples/client.rs --reconnect`, over real sockets.

use crate::support::{
    loopback::{PATIENCE, patient},
    process::{Lines, Process},
};
use statesocket::{
    Cause, CloseCode, Config, Connection, Disconnect, Event,
    handshake::{Accept, Response},
    http::{StatusCode, header::RETRY_AFTER},
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Milliseconds.
const DELAY_MAX: u64 = 200;

fn client(url: &str, options: &[&str]) -> Process {
    Process::start("client", &[&[url], options].concat())
}

/// Waits for the line that announces an attempt, and checks that its delay is within the limit.
fn await_attempt(lines: &Lines, beginning: &str) {
    let milliseconds = loop {
        let line = lines.next().expect(beginning);
        if let Some(rest) = line.strip_prefix(beginning) {
            break rest
                .strip_prefix(" to reconnect follows in ")
                .and_then(|rest| rest.strip_suffix(" ms")?.parse().ok());
        }
    };
    assert!(milliseconds.is_some_and(|milliseconds: u64| milliseconds <= DELAY_MAX), "{milliseconds:?}");
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    (listener, url)
}

/// The next connection. A client that never connects fails the test instead of hanging it.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("the socket is open");
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("the socket is open");
                return patient(stream);
            }
            Err(error) => assert!(start.elapsed() < PATIENCE, "nobody connects: {error}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Drives the server's end of a connection: `decide` answers the request, and `act` follows `count` messages.
fn serve(
    mut stream: TcpStream,
    decide: impl Fn(&mut Connection),
    count: usize,
    act: impl Fn(&mut Connection),
) -> (Vec<String>, Disconnect) {
    let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
    let (mut messages, mut buffer) = (Vec::new(), vec![0; 4096]);
    loop {
        let n = stream.read(&mut buffer).expect("the client sends or ends the stream");
        if n == 0 {
            connection.receive_eof();
        }
        let mut input = &mut buffer[..n];
        while let Some(event) = connection.receive(&mut input, Instant::now()) {
            match event {
                Event::Request(_) => decide(&mut connection),
                Event::Message(message) => {
                    messages.push(message.as_text().expect("a text").to_owned());
                    if messages.len() == count {
                        act(&mut connection);
                    }
                }
                Event::Disconnect(disconnect) => {
                    stream.write_all(connection.output()).expect("the client reads");
                    return (messages, *disconnect);
                }
                _ => {}
            }
        }
        stream.write_all(connection.output()).expect("the client reads");
        connection.advance(connection.output().len());
    }
}

fn yes(connection: &mut Connection) {
    connection.accept(Accept::new()).expect("a request is pending");
}

fn restart(connection: &mut Connection) {
    yes(connection);
    connection.close(CloseCode::SERVICE_RESTART, "").expect("an open connection can be closed");
}

fn busy(connection: &mut Connection) {
    connection.reject(Response::new(StatusCode::SERVICE_UNAVAILABLE)).expect("a request is pending");
}

#[test]
fn lines_typed_without_a_server_are_sent_once_there_is_one() {
    let (listener, url) = listen();
    let mut client = client(&url, &["--reconnect", "--reconnect-delay-max", &DELAY_MAX.to_string()]);
    client.write("one\n");
    drop(accept(&listener));
    await_attempt(&client.stderr, "disconnect 1006 (transport lost); attempt 1");
    client.write("two\n");
    let (_, rejected) = serve(accept(&listener), busy, 0, |_| {});
    assert_eq!(rejected.cause, Cause::Rejected(StatusCode::SERVICE_UNAVAILABLE));

    await_attempt(&client.stderr, "disconnect 1006 (answered with 503 Service Unavailable); attempt 2");

    // The server leaves in the middle, and the lines that are typed meanwhile are kept.
    let stream = accept(&listener);
    let (messages, _) = serve(stream, yes, 2, |connection| {
        connection.close(CloseCode::GOING_AWAY, "").expect("an open connection can be closed");
    });
    assert_eq!(messages, ["one", "two"]);
    await_attempt(&client.stderr, "disconnect 1001 (closed by the peer); attempt 3");
    client.write("three\n");
    client.end_input();
    let stream = accept(&listener);
    let (messages, disconnect) = serve(stream, yes, 0, |_| {});
    assert_eq!(messages, ["three"]);
    assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1000, true));

    assert_eq!(client.wait().0, Some(0));
}

#[test]
fn the_end_of_the_input_ends_the_delay() {
    let (listener, url) = listen();
    let mut client = client(&url, &["--reconnect"]);
    serve(accept(&listener), restart, 0, |_| {});
    // The delay of at least 5 s has hardly begun when the input ends.
    let start = Instant::now();
    thread::sleep(Duration::from_millis(100));
    client.end_input();
    let (status, _, stderr) = client.wait();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(status, Some(1), "{stderr:#?}");
    assert!(stderr.iter().any(|line| line.contains("attempt 1 to reconnect")), "{stderr:#?}");
}

#[test]
fn there_is_no_delay_after_the_end_of_the_input() {
    let (listener, url) = listen();
    let mut client = client(&url, &["--reconnect"]);
    client.end_input();
    let stream = accept(&listener);
    // The client notices the end of its input before it is told to come back in a minute.
    thread::sleep(Duration::from_millis(100));
    let later = |connection: &mut Connection| {
        let response =
            Response::new(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, 60).expect("not a reserved header");
        connection.reject(response).expect("a request is pending");
    };
    serve(stream, later, 0, |_| {});
    assert_eq!(client.wait().0, Some(2));
}

/// The number of attempts to reconnect that `lines` announce.
fn attempts(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains("to reconnect follows")).count()
}

#[test]
fn reconnecting_stops_after_the_last_attempt_and_for_final_refusals() {
    let (listener, url) = listen();
    let options = ["--reconnect", "--reconnect-attempts", "2", "--reconnect-delay-max", "5"];
    let patient = client(&url, &options);
    for _ in 0..3 {
        serve(accept(&listener), busy, 0, |_| {});
    }
    let (status, _, stderr) = patient.wait();
    assert_eq!(status, Some(2));
    assert_eq!(attempts(&stderr), 2, "{stderr:#?}");

    let refused = client(&url, &["--reconnect"]);
    serve(accept(&listener), |connection| connection.reject(Response::new(StatusCode::FORBIDDEN)).unwrap(), 0, |_| {});
    let (status, _, stderr) = refused.wait();
    assert_eq!(status, Some(2));
    assert!(!stderr.iter().any(|line| line.contains("reconnect")), "{stderr:#?}");
}
