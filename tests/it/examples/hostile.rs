//! `examples/client.rs` against a hostile server.

#[path = "../../../examples/client/terminal.rs"]
#[expect(dead_code, reason = "a process prints, and the test only looks at the text")]
mod terminal;

use crate::support::{
    Raw,
    loopback::{PATIENCE, patient},
    process::Process,
};
use statesocket::{Connection, Event, handshake::Accept};
use std::{
    borrow::Cow,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use terminal::shown;

/// Accepts the request on `stream`. Then reads on until the client closes, and returns its messages.
fn read_until_closed(mut stream: TcpStream, is_open: &mpsc::Sender<()>) -> Vec<String> {
    let mut server = Connection::server(Default::default(), Instant::now());
    let (mut buffer, mut texts) = ([0; 4096], Vec::new());
    loop {
        let len = stream.read(&mut buffer).expect("the client is there");
        assert!(len > 0, "the client closes before it leaves");
        let mut input = &mut buffer[..len];
        while let Some(event) = server.receive(&mut input, Instant::now()) {
            match event {
                Event::Request(_) => {}
                Event::Message(message) => texts.push(message.as_text().expect("text").to_owned()),
                Event::Disconnect(_) => return texts,
                other => panic!("unexpected: {other:?}"),
            }
        }
        if server.accept(Accept::new()).is_ok() {
            stream.write_all(server.output()).expect("the client reads");
            server.advance(server.output_len());
            is_open.send(()).expect("the other thread waits");
        }
    }
}

#[test]
fn a15_a_server_that_never_stops_sending_does_not_keep_the_input_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("a bound socket"));
    let mut client = Process::start("client", &[&url]);
    let mut stream = patient(listener.accept().expect("the client connects").0);
    let reading = stream.try_clone().expect("a second handle of the socket");
    let (sender, is_open) = mpsc::channel();
    let reader = thread::spawn(move || read_until_closed(reading, &sender));
    is_open.recv_timeout(PATIENCE).expect("the client sends a request");

    let flood = Raw::new(Raw::BINARY, [7; 1 << 10]).bytes().repeat(64);
    let deadline = Instant::now() + PATIENCE;
    for round in 0.. {
        stream.write_all(&flood).expect("the client reads");
        if round == 100 {
            client.write("typed\n");
            client.end_input();
        }
        if reader.is_finished() {
            break;
        }
        assert!(Instant::now() < deadline, "the client only reads");
    }
    assert_eq!(reader.join().expect("the thread does not panic"), ["typed"]);
    stream.write_all(&Raw::close(1000, "").bytes()).expect("the client reads");
    drop(stream);
    assert_eq!(client.wait().0, Some(0));
}

/// A listener with a full queue, whose system drops the request to connect. It waits for 10 s, `opening_timeout`.
#[test]
fn a15_a_port_that_never_answers_does_not_keep_the_client() {
    const MORE_THAN_ANY_QUEUE: usize = 10_000;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
    let queued: Vec<_> = (0..MORE_THAN_ANY_QUEUE).map_while(connect).collect();
    assert!(queued.len() < MORE_THAN_ANY_QUEUE, "the queue is never full");
    let client = Process::start("client", &[&format!("ws://{address}/")]);
    let (status, stdout, stderr) = client.wait();
    assert_eq!((status, stdout), (Some(2), vec![]), "{stderr:?}");
    assert!(stderr.last().is_some_and(|line| line.contains("timed out")), "{stderr:?}");
}

#[test]
fn a15_control_characters_do_not_reach_a_terminal() {
    let hostile = "\u{1b}]0;title\u{7}\u{9b}2J κόσμε\r\n";
    assert_eq!(shown(hostile, true), r"\u{1b}]0;title\u{7}\u{9b}2J κόσμε\r\n");
    assert_eq!(shown(hostile, false), hostile, "a pipe gets what was sent");
    assert!(matches!(shown("plain", true), Cow::Borrowed("plain")));
}
