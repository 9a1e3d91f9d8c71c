//! A server that runs out of file descriptors.

use super::EchoServer;
use crate::support::{
    Metrics, Raw,
    loopback::{PATIENCE, RawClient, dial},
    process::{FaultServer, Process, path_of},
    request_head,
};
use std::{
    fs,
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// The processor time of `pid`. The kernel reports hundredths of a second, whatever its own clock.
fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process exists");
    // The second field is a name in brackets with any content; utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// A limit that connections do not reach.
const UNLIMITED: usize = 256;

/// The connections for which the system has descriptors where it refuses the next one.
const FREE: usize = 6;

/// An echo server with `limit` descriptors.
fn limited(limit: usize, listen: &str) -> EchoServer {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" --listen {listen}")]).arg(path_of("echo"));
    EchoServer::from_process(Process::spawn(&mut shell))
}

/// The descriptors of a process.
fn descriptors_of(process: &Process) -> Vec<usize> {
    let entries = fs::read_dir(format!("/proc/{}/fd", process.id())).expect("the process exists");
    let names = entries.map(|entry| entry.expect("the process exists").file_name());
    names.map(|name| name.to_str().and_then(|name| name.parse().ok()).expect("the name is a number")).collect()
}

/// The limit at which a process that has the descriptors `taken` may open `free` more: their numbers are below the
/// limit.
fn limit_for(free: usize, taken: &[usize]) -> usize {
    let free_at = |limit| limit - taken.iter().filter(|&&taken| taken < limit).count();
    (free..).find(|&limit| free_at(limit) == free).expect("one more is free at the next limit, or as many")
}

/// The limits at which connections are refused by the system, and by the server. The server leaves half of a small
/// limit to the program, which needs more or less than that. It may have inherited descriptors of the test run.
fn limits() -> [usize; 2] {
    let taken = descriptors_of(&limited(UNLIMITED, "127.0.0.1:0").process);
    let [by_system, by_server] = [FREE, taken.len() + 2 * FREE].map(|free| limit_for(free, &taken));
    assert!(by_system / 2 > FREE && by_server <= 64, "{by_system} and {by_server} of {taken:?}");
    [by_system, by_server]
}

/// The head of the answer to a request for `/echo`, and the client.
fn ask(server: &EchoServer) -> (String, RawClient) {
    let mut client = RawClient::dial(server.address);
    client.write(&request_head("/echo", &[]));
    (client.head(), client)
}

/// Opens connections until one is refused, and returns the open ones.
fn fill(server: &EchoServer) -> Vec<RawClient> {
    let mut clients = Vec::new();
    for _ in 0..1000 {
        let (head, client) = ask(server);
        if !head.starts_with("HTTP/1.1 101 ") {
            assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
            return clients;
        }
        clients.push(client);
    }
    panic!("the limit does not matter")
}

/// The metrics of a server that has a descriptor for the request, or soon has one.
fn metrics(server: &EchoServer) -> Metrics {
    let begin = Instant::now();
    loop {
        let mut client = RawClient::dial(server.address);
        client.write(b"GET /metrics HTTP/1.0\r\n\r\n");
        let answer = client.rest_as_text();
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => return Metrics::parse(body),
            _ => assert!(begin.elapsed() < PATIENCE, "{answer}"),
        }
    }
}

/// Checks that the server does next to nothing for a second.
#[track_caller]
fn assert_idle(process: &Process) {
    let (begin, used) = (Instant::now(), processor_time(process.id()));
    // The time for which it is watched.
    thread::sleep(Duration::from_secs(1));
    let used = processor_time(process.id()) - used;
    assert!(used < begin.elapsed() / 2, "it spins: {used:?} in {:?}", begin.elapsed());
}

#[test]
fn a5_newcomers_get_503_while_open_clients_hold_all_descriptors() {
    let [by_system, by_server] = limits();
    let server_is_full = format!("the server is full with {} connections", by_server.div_ceil(2));
    for (limit, listen, warning) in [
        (by_server, "127.0.0.1:0", &*server_is_full),
        (by_system, "127.0.0.1:0", "the system refuses another connection"),
        (by_system, "[::1]:0", "the system refuses another connection"),
    ] {
        let server = limited(limit, listen);
        let mut clients = fill(&server);
        for _ in 0..100 {
            let (head, _) = ask(&server);
            assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        }
        for client in &mut clients {
            client.echo("without a free descriptor");
        }
        assert_idle(&server.process);
        drop(clients.pop());
        let begin = Instant::now();
        let mut next = loop {
            let (head, client) = ask(&server);
            if head.starts_with("HTTP/1.1 101 ") {
                break client;
            }
            assert!(begin.elapsed() < PATIENCE, "there is room for one");
        };
        next.echo("after");
        drop(next);
        let metrics = metrics(&server);
        assert_eq!(metrics.get("accept_errors_total") >= 100.0, limit == by_system);
        assert!(metrics.get("answers_total{status=\"503\"}") >= 100.0);
        server.process.signal("KILL");
        let (_, _, stderr) = server.process.wait();
        assert!(stderr.iter().any(|line| line.contains(warning)), "{stderr:#?}");
        assert!(stderr.len() <= 2, "one line per minute and reason: {stderr:#?}");
    }
}

#[test]
fn a5_a_silent_newcomer_is_told_503_too() {
    let [by_system, _] = limits();
    let server = limited(by_system, "127.0.0.1:0");
    let _clients = fill(&server);
    for _ in 0..10 {
        let answer = RawClient::dial(server.address).rest_as_text();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("the server is full\n"), "{answer}");
    }
}

#[test]
fn a5_silent_clients_give_their_descriptors_to_newcomers() {
    for limit in limits() {
        let server = limited(limit, "127.0.0.1:0");
        let mut first = server.open("/echo");
        first.echo("before");
        let crowd: Vec<_> = (0..100).map(|_| dial(server.address)).collect();
        let mut clients = [(); 3].map(|()| server.open("/echo"));
        for client in clients.iter_mut().chain([&mut first]) {
            client.echo("without a free descriptor");
        }
        assert_idle(&server.process);
        drop(crowd);
        server.open("/echo").echo("after");
        server.process.signal("KILL");
        let (_, _, stderr) = server.process.wait();
        assert!(stderr.iter().any(|line| line.contains("make room for new ones")), "{stderr:#?}");
        assert!(stderr.len() <= 3, "one line per minute and reason: {stderr:#?}");
    }
}

#[test]
fn a5_a_server_without_descriptors_stops_as_usual() {
    let [by_system, _] = limits();
    let server = limited(by_system, "127.0.0.1:0");
    let mut clients = fill(&server);
    server.process.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.frame(), Raw::close(1001, ""));
        client.send(Raw::close(1001, ""));
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"");
    }
    drop(clients);
    assert_eq!(server.process.wait().0, Some(0));
}

/// Only the soft limit is lower.
#[test]
fn a5_the_example_raises_the_limit() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 20 && exec \"$0\" --listen 127.0.0.1:0"]).arg(path_of("echo"));
    let server = EchoServer::from_process(Process::spawn(&mut shell));
    let mut clients: Vec<_> = (0..40).map(|_| server.open("/echo")).collect();
    clients.iter_mut().for_each(|client| client.echo("above the soft limit"));
}

#[test]
fn a5_newcomers_may_wait_for_a_descriptor() {
    let files = limit_for(FREE, &descriptors_of(&FaultServer::start(&[]).process));
    let server = FaultServer::start(&["--files", &files.to_string(), "--wait"]);
    let ask = || {
        let mut client = RawClient::dial(server.address);
        client.write(&request_head("/echo", &[]));
        client
    };
    let is_answered = |client: &RawClient| {
        client.stream().set_read_timeout(Some(Duration::from_millis(300))).expect("a socket has timeouts");
        let is_answered = client.stream().peek(&mut [0]).is_ok();
        client.stream().set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        is_answered
    };
    let mut open = Vec::new();
    let mut waiting = loop {
        let client = ask();
        if !is_answered(&client) {
            break [client, ask(), ask()];
        }
        open.push(client);
    };
    assert!(
        descriptors_of(&server.process).len() >= files,
        "the descriptors are used up before the limit for connections"
    );
    assert_idle(&server.process);
    for client in &mut waiting {
        assert!(!is_answered(client));
        drop(open.pop());
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client.echo("after the wait");
    }
    drop((open, waiting));
    assert_eq!(server.stop().count("dropped"), 0);
}

#[test]
fn a5_the_examples_without_the_event_loop_outlive_a_lack_of_descriptors() {
    let start = |limit: usize, name, arguments| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" {arguments}")]).arg(path_of(name));
        let process = Process::spawn(&mut shell);
        let first = process.stdout.next().expect("the first line is the address");
        let address: SocketAddr = first.strip_prefix("listening on ws://").expect("a URL").parse().expect("an address");
        (process, address)
    };
    for (name, arguments) in [
        ("threads_server", "127.0.0.1:0"),
        #[cfg(feature = "tokio")]
        ("tokio_echo", "--listen 127.0.0.1:0"),
    ] {
        let limit = limit_for(FREE, &descriptors_of(&start(UNLIMITED, name, arguments).0));
        let (server, address) = start(limit, name, arguments);
        let mut first = RawClient::open(address, "/");
        let others: Vec<_> = (0..2 * FREE).map(|_| RawClient::dial(address)).collect();
        let begin = Instant::now();
        while descriptors_of(&server).len() < limit {
            assert!(begin.elapsed() < PATIENCE, "{name} ends before it has used up its descriptors");
            thread::sleep(Duration::from_millis(10));
        }
        first.echo("without a free descriptor");
        drop(others);
        RawClient::open(address, "/").echo("after");
        server.signal("KILL");
    }
}
