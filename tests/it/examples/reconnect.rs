//! `examples/client.rs --reconnect`, over real sockets.

use statesocket::{
    Cause, CloseCode, Config, Connection, Disconnect, Event,
    handshake::{Accept, Response},
    http::{StatusCode, header::RETRY_AFTER},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

/// How long a test waits for the other process.
const PATIENCE: Duration = Duration::from_secs(20);

/// Milliseconds.
const DELAY_MAX: u64 = 200;

/// The program that `cargo test` has built beside this one.
fn client(url: &str, options: &[&str]) -> Child {
    let this = std::env::current_exe().expect("a program has a path");
    let target: PathBuf = this.parent().and_then(|deps| deps.parent()).expect("target/debug/deps").into();
    let program = target.join("examples").join("client").with_extension(std::env::consts::EXE_EXTENSION);
    let mut command = Command::new(&program);
    command.arg(url).args(options);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    pipes.spawn().unwrap_or_else(|error| panic!("{} is built by `cargo test`: {error}", program.display()))
}

/// Waits for the end of a process, and ends it if it does not come.
fn wait(mut child: Child) -> Output {
    let start = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().expect("a child");
            panic!("the client hangs: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("a child")
}

/// The lines that a process writes, as they come.
fn lines_of(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

/// Waits for the line that announces an attempt, with a delay that is not over the limit.
fn await_attempt(lines: &mpsc::Receiver<String>, beginning: &str) {
    let milliseconds = loop {
        let line = lines.recv_timeout(PATIENCE).expect(beginning);
        if let Some(rest) = line.strip_prefix(beginning) {
            break rest
                .strip_prefix(" to reconnect follows in ")
                .and_then(|rest| rest.strip_suffix(" ms")?.parse().ok());
        }
    };
    assert!(milliseconds.is_some_and(|milliseconds: u64| milliseconds <= DELAY_MAX), "{milliseconds:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    (listener, url)
}

/// The next connection; a client that never comes fails the test instead of hanging it.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a socket");
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("a socket");
                stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
                return stream;
            }
            Err(error) => assert!(start.elapsed() < PATIENCE, "nobody connects: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Drives a server's connection to its end, lets `decide` answer the request, and after `count` messages `act`.
fn serve(
    mut stream: TcpStream,
    decide: impl Fn(&mut Connection),
    count: usize,
    act: impl Fn(&mut Connection),
) -> (Vec<String>, Disconnect) {
    let mut connection = Connection::server(Arc::new(Config::default()), Instant::now());
    let (mut messages, mut buffer) = (Vec::new(), vec![0; 4096]);
    loop {
        let n = stream.read(&mut buffer).expect("the client sends or ends");
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
                    stream.write_all(connection.transmit()).expect("the client reads");
                    return (messages, *disconnect);
                }
                _ => {}
            }
        }
        stream.write_all(connection.transmit()).expect("the client reads");
        connection.advance(connection.transmit().len());
    }
}

fn yes(connection: &mut Connection) {
    connection.accept(Accept::new()).expect("a request waits");
}

fn restart(connection: &mut Connection) {
    yes(connection);
    connection.close(CloseCode::Restart, "").expect("an open connection can be closed");
}

fn busy(connection: &mut Connection) {
    connection.reject(Response::new(StatusCode::SERVICE_UNAVAILABLE)).expect("a request waits");
}

#[test]
fn lines_typed_while_there_is_no_server_are_sent_when_there_is() {
    let (listener, url) = listen();
    let mut client = client(&url, &["--reconnect", "--reconnect-delay-max", &DELAY_MAX.to_string()]);
    let mut input = client.stdin.take().expect("a pipe");
    let errors = lines_of(client.stderr.take().expect("a pipe"));
    writeln!(input, "one").expect("the client reads");
    drop(accept(&listener));
    await_attempt(&errors, "disconnect 1006 (transport lost); attempt 1");
    writeln!(input, "two").expect("the client reads");
    let (_, rejected) = serve(accept(&listener), busy, 0, |_| {});
    assert_eq!(rejected.cause, Cause::Rejected(StatusCode::SERVICE_UNAVAILABLE));

    await_attempt(&errors, "disconnect 1006 (answered with 503 Service Unavailable); attempt 2");

    // The server goes away in the middle, and what is typed meanwhile is not lost.
    let stream = accept(&listener);
    let (messages, _) = serve(stream, yes, 2, |connection| {
        connection.close(CloseCode::Away, "").expect("an open connection can be closed");
    });
    assert_eq!(messages, ["one", "two"]);
    await_attempt(&errors, "disconnect 1001 (closed by the peer); attempt 3");
    writeln!(input, "three").expect("the client reads");
    drop(input);
    let stream = accept(&listener);
    let (messages, disconnect) = serve(stream, yes, 0, |_| {});
    assert_eq!(messages, ["three"]);
    assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1000, true));

    assert!(wait(client).status.success());
}

#[test]
fn the_end_of_the_input_ends_the_wait() {
    let (listener, url) = listen();
    let mut client = client(&url, &["--reconnect"]);
    let input = client.stdin.take();
    serve(accept(&listener), restart, 0, |_| {});
    // The wait has hardly begun when the input ends, and takes at least 5 s.
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(100));
    drop(input);
    let output = wait(client);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("attempt 1 to reconnect"), "{}", text(&output.stderr));
}

#[test]
fn after_the_end_of_the_input_there_is_no_wait() {
    let (listener, url) = listen();
    let mut client = client(&url, &["--reconnect"]);
    drop(client.stdin.take());
    let stream = accept(&listener);
    // The client has seen the end before it is told to come back after a minute.
    std::thread::sleep(Duration::from_millis(100));
    let later = |connection: &mut Connection| {
        let response = Response::new(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, 60.into());
        connection.reject(response).expect("a request waits");
    };
    serve(stream, later, 0, |_| {});
    assert_eq!(wait(client).status.code(), Some(2));
}

#[test]
fn it_gives_up_after_so_many_attempts_and_at_once_where_waiting_does_not_help() {
    let (listener, url) = listen();
    let options = ["--reconnect", "--reconnect-attempts", "2", "--reconnect-delay-max", "5"];
    let mut patient = client(&url, &options);
    let input = patient.stdin.take();
    for _ in 0..3 {
        serve(accept(&listener), busy, 0, |_| {});
    }
    let output = wait(patient);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr).matches("to reconnect follows").count(), 2, "{}", text(&output.stderr));
    drop(input);

    let mut refused = client(&url, &["--reconnect"]);
    let input = refused.stdin.take();
    serve(accept(&listener), |connection| connection.reject(Response::new(StatusCode::FORBIDDEN)).unwrap(), 0, |_| {});
    let output = wait(refused);
    assert_eq!(output.status.code(), Some(2));
    assert!(!text(&output.stderr).contains("reconnect"), "{}", text(&output.stderr));
    drop(input);
}
