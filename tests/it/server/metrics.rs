//! The metrics of a server: each counts what it says, once, however a connection ends.

use crate::support::{
    Metrics, Raw,
    memory::{RawClient, Served},
    request_head,
};
use statesocket::{
    Config, Delivery, Message, SharedMessage,
    handshake::{Accept, Request, Response},
    http::{Method, StatusCode},
    server::{Handler, Limits, Session, WhenFull},
    testing::{ClientOptions, Clock},
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What every connection changes whatever becomes of it.
const COMMON: [&str; 5] = ["received_bytes_total", "sent_bytes_total", "turns_total", "held_bytes", "connections"];

/// Does what the query says, and then what the first message says.
struct Obedient;

impl Handler for Obedient {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        match request.raw_query() {
            Some("reject") => session.reject(Response::new(StatusCode::FORBIDDEN)).expect("a request waits"),
            Some("wait") => {}
            Some("panic") => panic!("as the test wants it"),
            query => {
                session.accept(Accept::new()).expect("a request waits");
                if query == Some("room") {
                    session.join("room").expect("the session is open");
                }
            }
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        match message.as_text() {
            Some("close") => session.close(4001, "bye").expect("the session is open"),
            Some("fail") => session.fail(1008, "rude").expect("the session is open"),
            Some("abort") => session.abort(),
            Some("finish") => session.finish(),
            Some("panic") => panic!("as the test wants it"),
            Some("much") => {
                // Nobody reads it. What does not fit is told to the handler.
                let (id, handle) = (session.id(), session.handle().clone());
                for _ in 0..3 {
                    handle.send_binary(id, vec![0; 3 << 20]).expect("the server runs");
                }
            }
            _ => {}
        }
    }
}

fn config() -> Config {
    Config::default().with(|config| config.ping_interval = None)
}

fn serve_with(config: Config, limits: impl FnOnce(&mut Limits)) -> Served {
    Served::start(config, |server| {
        server.route("/ws", || Obedient).expect("the route is new");
        server.route_http("/page", |_, _| Response::new(StatusCode::OK)).expect("the route is new");
        server.route_metrics("/metrics").expect("the route is new");
        server.set_limits(Limits::default().with(limits));
    })
}

fn now(served: &Served) -> Metrics {
    Metrics::parse(&served.server().status().prometheus())
}

/// A connection that sends `bytes` changes just these metrics, besides those that all connections change.
#[track_caller]
fn counts_with(served: &Served, bytes: &[u8], wait: Duration, end: fn(RawClient), expected: &[(&str, f64)]) {
    let before = now(served);
    let narrow = ClientOptions::default().with(|options| options.pipe_bytes = 64 << 10);
    let mut client = RawClient::dial_with(served, &narrow);
    client.write(bytes);
    served.advance(wait);
    end(client);
    served.settle();
    let after = now(served);
    let mut grown = after.since(&before);
    grown.retain(|key, _| !COMMON.contains(key));
    let expected = [&[("connections_accepted_total", 1.0)], expected].concat().into_iter().collect();
    assert_eq!(grown, expected, "{:?}", String::from_utf8_lossy(bytes));
    assert_eq!((after.get("connections"), after.get("connections_open")), (0.0, 0.0));
}

#[track_caller]
fn counts(bytes: &[u8], wait: Duration, end: fn(RawClient), expected: &[(&str, f64)]) {
    counts_with(&serve_with(config(), |_| {}), bytes, wait, end, expected);
}

/// Reads up to the end, and leaves.
fn read(mut client: RawClient) {
    let _ = client.rest();
}

fn open_then(frames: &[Raw]) -> Vec<u8> {
    let frames = frames.iter().flat_map(|frame| frame.clone().masked().bytes());
    request_head("/ws", &[]).into_iter().chain(frames).collect()
}

const OPENED: (&str, f64) = ("connections_opened_total", 1.0);
const CLEAN: (&str, f64) = ("connections_clean_total", 1.0);
const MESSAGE: (&str, f64) = ("messages_received_total", 1.0);
const ABNORMAL: (&str, f64) = ("closes_total{code=\"1006\"}", 1.0);
const ABORTED: (&str, f64) = ("connections_ended_total{cause=\"aborted\"}", 1.0);
const REJECTED: (&str, f64) = ("connections_ended_total{cause=\"rejected\"}", 1.0);
const HANDSHAKE: (&str, f64) = ("connections_ended_total{cause=\"handshake\"}", 1.0);
const LOST: (&str, f64) = ("connections_ended_total{cause=\"transport_lost\"}", 1.0);
const PROTOCOL: (&str, f64) = ("connections_ended_total{cause=\"protocol\"}", 1.0);
const TIMED_OUT: (&str, f64) = ("connections_ended_total{cause=\"timed_out\"}", 1.0);
const PEER_CLOSED: (&str, f64) = ("connections_ended_total{cause=\"peer_closed\"}", 1.0);
const LOCAL_CLOSED: (&str, f64) = ("connections_ended_total{cause=\"local_closed\"}", 1.0);

#[test]
fn an_open_connection_counts_once_however_it_ends() {
    let text = |text: &str| Raw::new(Raw::TEXT, text);
    let close = |code| Raw::close(code, "");
    let by_client = [(1000, "1000"), (1014, "1014"), (3000, "3xxx"), (3999, "3xxx"), (4000, "4xxx"), (4999, "4xxx")];
    for (code, class) in by_client {
        let class = format!("closes_total{{code=\"{class}\"}}");
        counts(&open_then(&[close(code)]), SECOND, read, &[OPENED, PEER_CLOSED, CLEAN, (&class, 1.0)]);
    }
    let empty = open_then(&[Raw::new(Raw::CLOSE, "")]);
    counts(&empty, SECOND, read, &[OPENED, PEER_CLOSED, CLEAN, ("closes_total{code=\"1005\"}", 1.0)]);
    let by_both = open_then(&[text("close"), close(4001)]);
    let expected = [OPENED, MESSAGE, LOCAL_CLOSED, CLEAN, ("closes_total{code=\"4xxx\"}", 1.0)];
    counts(&by_both, SECOND, read, &expected);
    for command in ["abort", "fail", "finish"] {
        counts(&open_then(&[text(command)]), SECOND, read, &[OPENED, MESSAGE, ABORTED, ABNORMAL]);
    }
    let panic = open_then(&[text("panic"), close(1011)]);
    let expected = [OPENED, MESSAGE, LOCAL_CLOSED, CLEAN, ("closes_total{code=\"1011\"}", 1.0)];
    counts(&panic, SECOND, read, &expected);
    for violation in [Raw::new(0xB, ""), Raw::new(Raw::TEXT, b"\xFF")] {
        counts(&open_then(&[violation]), SECOND, read, &[OPENED, PROTOCOL, ABNORMAL]);
    }
    counts(&open_then(&[]), SECOND, drop, &[OPENED, LOST, ABNORMAL]);
    counts(&open_then(&[]), SECOND, |mut client| client.stream_mut().reset(), &[OPENED, LOST, ABNORMAL]);
    let late = [OPENED, MESSAGE, TIMED_OUT, ABNORMAL, ("timeouts_total{timer=\"closing\"}", 1.0)];
    counts(&open_then(&[text("close")]), 20 * SECOND, read, &late);
    let much = open_then(&[text("much")]);
    let unsent = ("connections_ended_total{cause=\"unsent\"}", 1.0);
    let expected = [OPENED, MESSAGE, unsent, ABNORMAL, ("messages_sent_total", 1.0), ("messages_unsent_total", 1.0)];
    counts(&much, SECOND, drop, &[&expected[..], &[("high_outputs_total", 1.0)]].concat());
}

#[test]
fn a_timer_that_ends_an_open_connection_counts_once() {
    let timed_out = |timer: &str, change: fn(&mut Config), frames: &[Raw], more: &[(&str, f64)]| {
        let timer = format!("timeouts_total{{timer=\"{timer}\"}}");
        let served = serve_with(config().with(change), |_| {});
        let expected = [&[OPENED, TIMED_OUT, ABNORMAL, (&timer, 1.0)], more].concat();
        counts_with(&served, &open_then(frames), 600 * SECOND, read, &expected);
    };
    timed_out("pong", |config| config.ping_interval = Some(SECOND), &[], &[]);
    timed_out("idle", |config| config.idle_timeout = Some(SECOND), &[], &[]);
    timed_out("message", |_| {}, &[Raw::new(Raw::TEXT, "half").more()], &[]);
    // Nobody reads these.
    let much = [Raw::new(Raw::TEXT, "much")];
    let more = [MESSAGE, ("messages_sent_total", 3.0), ("high_outputs_total", 1.0)];
    let only_write = |config: &mut Config| (config.max_output_bytes, config.drain_timeout) = (64 << 20, None);
    let only_drain = |config: &mut Config| (config.max_output_bytes, config.write_timeout) = (64 << 20, None);
    timed_out("write", only_write, &much, &more);
    timed_out("drain", only_drain, &much, &more);
}

#[test]
fn a_connection_that_is_never_open_counts_once() {
    let answered = |status: u16| format!("answers_total{{status=\"{status}\"}}");
    for (bytes, cause, status) in [
        (request_head("/ws?reject", &[]), REJECTED, 403),
        (request_head("/ws?panic", &[]), REJECTED, 500),
        (request_head("/nowhere", &[]), REJECTED, 404),
        (request_head("/metrics", &[]), REJECTED, 404),
        (request_head("/ws", &[("Origin", "https://evil.example")]), REJECTED, 403),
        (request_head("/ws", &[("Upgrade", "")]), REJECTED, 426),
        (b"nonsense\r\n\r\n".to_vec(), HANDSHAKE, 400),
        (b"POST /ws HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), HANDSHAKE, 405),
        (b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), ("connections_ended_total{cause=\"answered\"}", 1.0), 200),
        (vec![b'x'; 20 << 10], HANDSHAKE, 414),
    ] {
        counts(&bytes, Duration::ZERO, read, &[cause, (&answered(status), 1.0)]);
    }
    counts(b"", Duration::ZERO, drop, &[LOST]);
    counts(b"GET", Duration::ZERO, drop, &[LOST]);
    counts(&request_head("/ws?wait", &[]), Duration::ZERO, drop, &[LOST]);
    let opening = ("timeouts_total{timer=\"opening\"}", 1.0);
    counts(b"", 60 * SECOND, read, &[TIMED_OUT, opening]);
    counts(b"GET", 60 * SECOND, read, &[TIMED_OUT, opening, (&answered(408), 1.0)]);
    let accept = ("timeouts_total{timer=\"accept\"}", 1.0);
    counts(&request_head("/ws?wait", &[]), 60 * SECOND, read, &[TIMED_OUT, accept, (&answered(503), 1.0)]);
}

#[test]
fn a_connection_beyond_a_limit_counts_once() {
    let full = serve_with(config(), |limits| limits.max_connections = 0);
    let expected = [REJECTED, ("answers_total{status=\"503\"}", 1.0)];
    counts_with(&full, &open_then(&[]), Duration::ZERO, read, &expected);
    let alone = serve_with(config(), |limits| limits.max_connections_per_address = 0);
    let expected = [REJECTED, ("answers_total{status=\"429\"}", 1.0)];
    counts_with(&alone, &open_then(&[]), Duration::ZERO, read, &expected);
    let poor = serve_with(config().with(|config| config.max_output_bytes = 64 << 20), |limits| {
        limits.max_buffered_bytes = 1 << 20;
    });
    let overloaded = ("connections_ended_total{cause=\"overloaded\"}", 1.0);
    let sent = [("messages_sent_total", 3.0), ("high_outputs_total", 1.0)];
    let expected = [&[OPENED, MESSAGE, overloaded, ABNORMAL], &sent[..]].concat();
    counts_with(&poor, &open_then(&[Raw::new(Raw::TEXT, "much")]), Duration::ZERO, drop, &expected);
}

#[test]
fn a_connection_that_makes_room_counts_as_evicted() {
    let served = serve_with(config(), |limits| {
        (limits.max_handshakes, limits.when_full) = (1, WhenFull::Wait);
    });
    let before = now(&served);
    let [mut half, mut next] = [(); 2].map(|()| RawClient::dial(&served));
    half.write(b"GET /");
    served.settle();
    next.write(&open_then(&[]));
    served.settle();
    let after = now(&served);
    let mut grown = after.since(&before);
    grown.retain(|key, _| !COMMON.contains(key));
    let evicted = [("connections_evicted_total", 1.0), ("answers_total{status=\"503\"}", 1.0)];
    let open = [("connections_accepted_total", 2.0), OPENED, ("connections_open", 1.0)];
    assert_eq!(grown, [&evicted, &open[..], &[ABORTED]].concat().into_iter().collect());
}

#[test]
fn the_stop_of_a_server_counts_each_connection_once() {
    for is_graceful in [true, false] {
        let served = serve_with(config(), |_| {});
        let [mut open, mut waiting, mut half, _silent] = [(); 4].map(|()| RawClient::dial(&served));
        open.write(&open_then(&[]));
        waiting.write(&request_head("/ws?wait", &[]));
        half.write(b"GET /");
        served.settle();
        let before = now(&served);
        let gauges = ["connections", "connections_open", "handshakes", "requests_waiting"].map(|key| before.get(key));
        assert_eq!(gauges, [4.0, 1.0, 2.0, 1.0]);
        let stopped = if is_graceful { served.handle.shutdown(1001, 9 * SECOND) } else { served.handle.stop() };
        stopped.expect("the server runs");
        open.send(Raw::close(1001, ""));
        served.settle();
        drop((open, waiting, half));
        served.settle();
        let after = now(&served);
        let ended = ["aborted", "rejected", "local_closed"]
            .map(|cause| after.get(&format!("connections_ended_total{{cause=\"{cause}\"}}")));
        let closes = ["1001", "1006"].map(|code| after.get(&format!("closes_total{{code=\"{code}\"}}")));
        let expected =
            if is_graceful { ([2.0, 1.0, 1.0], [1.0, 0.0], 2.0) } else { ([4.0, 0.0, 0.0], [0.0, 1.0], 0.0) };
        assert_eq!((ended, closes, after.get("answers_total{status=\"503\"}")), expected);
        assert_eq!(after.get("connections_open"), 0.0);
    }
}

/// Sends in every way that there is.
struct Talker;

impl Handler for Talker {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Accept::new()).expect("a request waits");
        session.join("room").expect("the session is open");
    }

    fn on_chunk(&mut self, session: &mut Session<'_>, _: Message<'_>, is_last: bool) {
        if is_last {
            self.answer(session);
        }
    }
}

impl Talker {
    fn answer(&self, session: &mut Session<'_>) {
        let (id, handle) = (session.id(), session.handle().clone());
        let shared = SharedMessage::text("x");
        // Five by the session, two of them in pieces.
        session.send("x").expect("there is room");
        session.send_text("x").expect("there is room");
        session.send_binary(b"x").expect("there is room");
        session.begin_text("x").expect("there is room");
        session.continue_text("x", false).expect("there is room");
        session.continue_text("x", true).expect("there is room");
        session.begin_binary(b"x").expect("there is room");
        session.continue_binary(b"x", true).expect("there is room");
        // Four by a handle, and three by rooms, before and after the next message of the session.
        handle.send_text(id, "x").expect("the server runs");
        handle.broadcast([id], shared.clone()).expect("the server runs");
        handle.publish("room", shared.clone()).expect("the server runs");
        session.publish("room", &shared);
        session.send_shared(&shared).expect("there is room");
        handle.send_text(id, "x").expect("the server runs");
        handle.broadcast([id], shared.clone()).expect("the server runs");
        handle.publish("room", shared.clone()).expect("the server runs");
        // One that is written at once.
        session.send(vec![0; 20 << 10]).expect("there is room");
        session.close(1000, "").expect("the session is open");
        assert!(session.send_text("too late").is_err());
    }
}

#[test]
fn every_message_counts_once_however_it_is_sent() {
    let config = config().with(|config| config.delivery = Delivery::Chunks);
    let served = Served::start(config, |server| server.route("/", || Talker).expect("the route is new"));
    let mut client = RawClient::open(&served, "/");
    let in_pieces = [Raw::new(Raw::TEXT, "a").more(), Raw::new(Raw::CONTINUATION, "b")];
    for frame in in_pieces {
        client.send(frame);
        served.settle();
    }
    let mut count = 0;
    while let frame = client.frame()
        && frame.first & 0xF != Raw::CLOSE
    {
        count += u64::from(frame.first & 0x80 != 0);
    }
    let tally = served.tally();
    assert_eq!((tally.messages_received, tally.messages_sent), (1, count));
    assert!(count >= 13, "{count}");
}

#[test]
fn bytes_count_as_they_pass_the_socket() {
    let served = serve_with(config(), |_| {});
    let mut client = RawClient::dial(&served);
    let request = open_then(&[Raw::new(Raw::TEXT, "hello"), Raw::close(1000, "")]);
    client.write(&request);
    let answer = client.rest().expect("the server ends the stream");
    let tally = served.tally();
    assert_eq!((tally.bytes_received, tally.bytes_sent), (request.len() as u64, answer.len() as u64));
    // Of a long message the client takes a part.
    let narrow = ClientOptions::default().with(|options| options.pipe_bytes = 1 << 10);
    let mut client = RawClient::dial_with(&served, &narrow);
    client.write(&open_then(&[Raw::new(Raw::TEXT, "much")]));
    served.settle();
    let taken = client.stream_mut().receive_raw().len() as u64;
    assert_eq!(served.tally().bytes_sent, tally.bytes_sent + taken);
    assert!(now(&served).get("held_bytes") > f64::from(2 << 20), "the rest is queued");
}

/// Takes its time with each message.
struct Slow(Clock);

impl Handler for Slow {
    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.0.stall(Duration::from_millis(message.len() as u64));
        session.send(message).expect("there is room");
    }
}

#[test]
fn the_time_of_turns_is_that_of_handlers_and_not_of_waits() {
    let served = Served::start(config(), |_| {});
    let clock = served.server().clock();
    served.server().route("/", move || Slow(clock.clone())).expect("the route is new");
    let mut client = RawClient::open(&served, "/");
    for len in [250, 750, 500] {
        client.send(Raw::new(Raw::BINARY, vec![0; len]));
        served.advance(60 * SECOND);
    }
    let (metrics, turns) = (now(&served), served.server().status().turns);
    assert_eq!((turns.busy.as_millis(), turns.longest.as_millis()), (1_500, 750));
    assert_eq!((metrics.get("busy_seconds_total"), metrics.get("longest_turn_seconds")), (1.5, 0.75));
    assert!(turns.count >= 4 && metrics.get("turns_total") == turns.count as f64);
}

#[test]
fn commands_that_wait_are_counted_and_then_done() {
    let served = serve_with(config(), |_| {});
    served.handle.run(|_| {}).expect("the server runs");
    served.handle.run(|_| {}).expect("the server runs");
    assert_eq!(now(&served).get("commands_queued"), 2.0);
    served.settle();
    assert_eq!(now(&served).get("commands_queued"), 0.0);
}

#[test]
fn the_page_of_metrics_is_the_text_of_the_status() {
    let served = serve_with(config(), |_| {});
    let _client = served.open();
    let page = served.server().get("/metrics").expect("it is answered");
    assert_eq!(page.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let metrics = Metrics::parse(std::str::from_utf8(&page.body).expect("text"));
    // The request of the page is a connection too, and is not answered yet.
    let values = ["connections", "connections_open", "answers_total{status=\"200\"}"];
    assert_eq!(values.map(|key| metrics.get(key)), [2.0, 1.0, 0.0]);
    let mut client = RawClient::dial(&served);
    client.write(b"HEAD /metrics HTTP/1.0\r\n\r\n");
    let head = client.rest_as_text();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(now(&served).get("answers_total{status=\"200\"}"), 2.0);
}

/// What HAProxy sends with `option httpchk GET /health`, and Kubernetes with `httpGet`.
#[test]
fn checks_of_health_are_answered_as_they_come() {
    let haproxy = "GET /health HTTP/1.0\r\n\r\n";
    let kubernetes = "GET /health HTTP/1.1\r\nHost: 10.1.2.3:8080\r\nUser-Agent: kube-probe/1.30\r\nAccept: */*\r\n\
        Connection: close\r\n\r\n";
    let served = Served::start(config(), |server| {
        let health = |request: &Request, _: &_| {
            assert_eq!(request.method(), Method::GET);
            Response::new(StatusCode::OK).body("ok\n")
        };
        server.route_http("/health", health).expect("the route is new");
    });
    for check in [haproxy, kubernetes] {
        let mut client = RawClient::dial(&served);
        client.write(check.as_bytes());
        let answer = client.rest_as_text();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{check:?}: {answer}");
    }
    // A server that stops takes no more visitors.
    let _open = RawClient::dial(&served);
    served.settle();
    let mut client = RawClient::dial(&served);
    served.handle.shutdown(1001, SECOND).expect("the server runs");
    client.write(haproxy.as_bytes());
    assert!(client.rest_as_text().starts_with("HTTP/1.1 503 "));
}
