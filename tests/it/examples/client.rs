//! `examples/client.rs`.

use super::EchoServer;
use crate::support::{
    loopback::{PATIENCE, Served, Witness, patient},
    process::Process,
};
use statesocket::{
    Config, Message,
    handshake::Accept,
    server::{Handler, Session},
};
use std::{
    io::Read,
    net::TcpListener,
    sync::mpsc,
    thread::{self, JoinHandle},
};

/// Runs the client with `input`. Returns its status and the lines of standard output and standard error.
#[track_caller]
fn run(args: &[&str], input: &str) -> (Option<i32>, Vec<String>, Vec<String>) {
    let mut client = Process::start("client", args);
    client.write(input);
    client.end_input();
    client.wait()
}

#[test]
fn lines_are_sent_and_messages_printed() {
    let server = EchoServer::start(&[]);
    let mut client = Process::start("client", &[&server.url("/echo")]);
    client.write("Hello\n\nκόσμε\n");
    let lines = [(); 3].map(|()| client.stdout.next().expect("the echo arrives"));
    assert_eq!(lines, ["Hello", "", "κόσμε"]);
    client.write("without a line end");
    client.end_input();
    let (status, stdout, stderr) = client.wait();
    assert_eq!(status, Some(0));
    assert_eq!(stdout, ["without a line end"]);
    assert_eq!(stderr, ["disconnect 1000 (closed by us)"]);
}

#[test]
fn the_client_closes_with_the_given_code() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let args = [&served.url("/ws"), "--close-code", "4001", "--close-reason", "bye", "--verbose"];
    let (status, _, stderr) = run(&args, "");
    assert_eq!((status, stderr.last().map(String::as_str)), (Some(0), Some("disconnect 4001 \"bye\" (closed by us)")));
    let last_transition = "application Close: client_state disconnected application_state connected -> disconnected";
    assert!(stderr.iter().any(|line| line == last_transition), "{stderr:#?}");
    calls.request();
    let end = calls.end().disconnect;
    assert_eq!((u16::from(end.code), end.reason.as_str()), (4001, "bye"));
}

#[test]
fn headers_and_subprotocols_are_sent() {
    let (served, calls) = Served::witnessed(Config::default(), |session, request| {
        session.accept(Accept::new().preferred_by_client(request, &["b"])).expect("a request is pending");
    });
    let url = served.url("/ws");
    let args = [&url, "--header", "X-One: 1", "--header", "X-Two:two: 2", "--subprotocol", "a", "--subprotocol", "b"];
    assert_eq!(run(&args, "").0, Some(0));
    let (_, request) = calls.request();
    assert_eq!(
        (&request.headers()["x-one"], &request.headers()["x-two"]),
        (&"1".parse().unwrap(), &"two: 2".parse().unwrap())
    );
    assert_eq!(request.subprotocols(), ["a", "b"]);
}

#[test]
fn a_close_with_an_error_code_is_status_1() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let client = Process::start("client", &[&served.url("/ws")]);
    let (id, _) = calls.request();
    served.handle.close(id, 1011, "broken").expect("the server is running");
    let (status, _, stderr) = client.wait();
    assert_eq!((status, stderr), (Some(1), vec!["disconnect 1011 \"broken\" (closed by the peer)".to_owned()]));
}

#[test]
fn a_server_that_vanishes_is_status_1() {
    let (served, calls) = Served::witnessed(Config::default(), Witness::accept);
    let client = Process::start("client", &[&served.url("/ws")]);
    let (id, _) = calls.request();
    served.handle.with_session(id, |session| session.abort()).expect("the server is running");
    let (status, _, stderr) = client.wait();
    assert_eq!((status, stderr), (Some(1), vec!["disconnect 1006 (transport lost)".to_owned()]));
}

#[test]
#[cfg(feature = "deflate")]
fn deflate_is_offered_if_asked_for_and_verbose_shows_what_is_agreed_on() {
    for (options, is_agreed) in [(&["--deflate"][..], true), (&[], false)] {
        let server = EchoServer::start(options);
        for (args, is_offered) in [(&["--verbose", "--deflate"][..], true), (&["--verbose"], false)] {
            let url = server.url("/echo");
            let text = "so much".repeat(100) + "\n";
            let (status, stdout, stderr) = run(&[&[url.as_str()], args].concat(), &text);
            assert_eq!(status, Some(0), "{stderr:?}");
            let agreed = "permessage-deflate: client 12 bits, server 15 bits".to_owned();
            assert_eq!(stderr.contains(&agreed), is_agreed && is_offered, "{stderr:?}");
            assert_eq!(stdout, [text.trim_end()]);
        }
    }
}

#[test]
#[cfg(not(feature = "deflate"))]
fn deflate_needs_the_feature() {
    let (status, _, stderr) = run(&["ws://127.0.0.1:1/", "--deflate"], "");
    assert!(status == Some(2) && stderr[0].contains("--features deflate"), "{stderr:?}");
}

#[test]
fn a_rejection_is_status_2() {
    let server = EchoServer::start(&[]);
    let (status, _, stderr) = run(&[&server.url("/nowhere")], "");
    assert_eq!((status, stderr[0].as_str()), (Some(2), "404 Not Found"));
}

/// Makes a thread accept one connection, read the request, write `answer` and leave.
fn answer_once(answer: &'static [u8]) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("a bound socket"));
    let thread = thread::spawn(move || {
        let mut stream = patient(listener.accept().expect("the client connects").0);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the client sends a request");
            head.extend(byte);
        }
        std::io::Write::write_all(&mut stream, answer).expect("the client reads");
    });
    (url, thread)
}

#[test]
fn a_connection_that_never_opened_is_status_2() {
    for answer in [&b""[..], b"HTTP/1.1 101 Switching Prot", b"SSH-2.0-OpenSSH_9.9\r\n\r\n"] {
        let (url, server) = answer_once(answer);
        let (status, _, stderr) = run(&[&url], "");
        assert_eq!(status, Some(2), "{:?}: {stderr:?}", String::from_utf8_lossy(answer));
        server.join().expect("the thread does not panic");
    }
}

#[test]
fn a_failed_connect_is_status_2_and_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let refused = format!("ws://{}/", listener.local_addr().expect("a bound socket"));
    drop(listener);
    for url in [refused.as_str(), "http://127.0.0.1/", "wss://127.0.0.1/", "ws://127.0.0.1/#fragment", "nonsense"] {
        let (status, _, stderr) = Process::start("client", &[url]).wait();
        assert_eq!(status, Some(2), "{url}");
        assert!(matches!(stderr.as_slice(), [line] if line.starts_with("error: ")), "{url}: {stderr:#?}");
    }
}

/// Sends nothing, and counts what it receives.
struct Silent(mpsc::Sender<(u16, usize)>, usize);

impl Handler for Silent {
    fn on_message(&mut self, _: &mut Session<'_>, message: Message<'_>) {
        self.1 += message.len();
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &statesocket::Disconnect) {
        // The test may be done already.
        let _ = self.0.send((disconnect.code.into(), self.1));
    }
}

#[test]
fn a_long_input_is_sent_whole_without_any_answer() {
    let (sender, count) = mpsc::channel();
    let served = Served::start(Config::default(), move |server| {
        server.route("/", move || Silent(sender.clone(), 0)).expect("the route is new");
    });
    let line = "x".repeat(100_000);
    let mut client = Process::start("client", &[&served.url("/")]);
    client.write(&format!("{line}\n").repeat(60));
    client.end_input();
    assert_eq!(count.recv_timeout(PATIENCE), Ok((1000, 6_000_000)));
    assert_eq!(client.wait().0, Some(0));
}
