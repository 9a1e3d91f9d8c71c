//! The handshakes, and the table of transitions.

use crate::{
    Seen, Sink, Workload,
    output::write,
    wire::{self, CLOSE, CLOSE_REPLY, Kind},
};
use statesocket::{
    Action, Agreed, Config, Connection, Event, OutputBuffer, Party, Phase, Role, SocketAction,
    handshake::{Accept, Connect},
};
use std::{hint::black_box, sync::Arc, time::Instant};

const RESPONSE_START: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n";

/// The request of a browser.
const REQUEST: &[u8] = b"GET /ws/room?id=1 HTTP/1.1\r\n\
Host: example.com\r\n\
Connection: Upgrade\r\n\
Pragma: no-cache\r\n\
Cache-Control: no-cache\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
Upgrade: websocket\r\n\
Origin: https://example.com\r\n\
Sec-WebSocket-Version: 13\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// Checks the response at the front of `output`. Returns the bytes behind it.
fn check_response(output: &[u8]) -> &[u8] {
    assert!(output.starts_with(RESPONSE_START));
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").expect("the response is complete") + 4;
    let (response, rest) = output.split_at(end);
    // RFC 6455 section 1.3 has this answer to the key of the request.
    let accept = b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    assert!(response.windows(accept.len()).any(|window| window == accept), "{}", response.escape_ascii());
    rest
}

/// Creates a server's connection, accepts a request, and drops the connection.
pub struct ServerOpening {
    config: Arc<Config>,
    now: Instant,
    buffer: Vec<u8>,
}

impl ServerOpening {
    #[expect(clippy::new_without_default, reason = "the other workloads have arguments")]
    pub fn new() -> Self {
        Self { config: Arc::default(), now: Instant::now(), buffer: REQUEST.to_vec() }
    }
}

impl Workload for ServerOpening {
    fn units(&self) -> usize {
        1
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        let mut connection = Connection::server(Arc::clone(&self.config), self.now);
        let event = connection.receive(&mut self.buffer.as_mut_slice(), self.now);
        assert!(matches!(event, Some(Event::Request(_))), "{event:?}");
        connection.accept(Accept::new()).expect("a request is pending");
        write(&mut connection, sink);
        assert_eq!(connection.phase(), Phase::Open);
    }

    fn check(&self, seen: &Seen) {
        assert!(check_response(&seen.output).is_empty(), "only the response is sent");
    }
}

/// A server whose client closes, from the Close until the connection is dropped.
pub struct ServerClosing {
    connection: Option<Connection>,
    now: Instant,
    buffer: [u8; CLOSE.len()],
    spare: OutputBuffer,
}

impl ServerClosing {
    #[expect(clippy::new_without_default, reason = "the other workloads have arguments")]
    pub fn new() -> Self {
        Self { connection: None, now: Instant::now(), buffer: CLOSE, spare: OutputBuffer::default() }
    }
}

impl Workload for ServerClosing {
    fn units(&self) -> usize {
        1
    }

    fn reset(&mut self) {
        self.connection = Some(Connection::established(Role::Server, Agreed::new(), Arc::default(), self.now));
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        let mut connection = self.connection.take().expect("each run is prepared");
        connection.lend_buffer(&mut self.spare);
        read_close(&mut connection, &mut self.buffer, self.now);
        write(&mut connection, sink);
        finish(connection, &mut self.spare);
    }

    fn check(&self, seen: &Seen) {
        assert_eq!(seen.output, CLOSE_REPLY);
    }
}

fn read_close(connection: &mut Connection, mut close: &mut [u8], now: Instant) {
    let event = connection.receive(&mut close, now);
    assert!(matches!(&event, Some(Event::Disconnect(disconnect)) if disconnect.is_clean), "{event:?}");
}

/// Handles the socket as a server does behind its Close.
fn finish(mut connection: Connection, spare: &mut OutputBuffer) {
    assert_eq!(connection.poll_socket(), Some(SocketAction::ShutdownWrite));
    connection.reclaim_buffer(spare);
    connection.receive_eof();
    assert!(connection.poll_event().is_none());
    assert_eq!(connection.poll_socket(), Some(SocketAction::Close));
}

/// A whole short connection on a server: a request, an echo, and the client's Close.
pub struct WholeServer {
    config: Arc<Config>,
    now: Instant,
    /// The request and the message.
    wire: Vec<u8>,
    buffer: Vec<u8>,
    close: [u8; CLOSE.len()],
    spare: OutputBuffer,
}

impl WholeServer {
    const LEN: usize = 16;

    #[expect(clippy::new_without_default, reason = "the other workloads have arguments")]
    pub fn new() -> Self {
        let message = wire::frames(Kind::Text, &wire::payload(Kind::Text, Self::LEN), 1, Role::Server);
        let wire = [REQUEST, &message].concat();
        let (config, now, close, spare) = (Arc::default(), Instant::now(), CLOSE, OutputBuffer::default());
        Self { config, now, buffer: wire.clone(), wire, close, spare }
    }
}

impl Workload for WholeServer {
    fn units(&self) -> usize {
        1
    }

    fn reset(&mut self) {
        self.buffer.copy_from_slice(&self.wire);
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        let (mut request, mut message) = self.buffer.split_at_mut(REQUEST.len());
        let mut connection = Connection::server(Arc::clone(&self.config), self.now);

        connection.lend_buffer(&mut self.spare);
        let event = connection.receive(&mut request, self.now);
        assert!(matches!(event, Some(Event::Request(_))), "{event:?}");
        connection.accept(Accept::new()).expect("a request is pending");
        write(&mut connection, sink);
        connection.reclaim_buffer(&mut self.spare);

        connection.lend_buffer(&mut self.spare);
        let event = connection.receive(&mut message, self.now);
        let Some(Event::Message(message)) = event else { panic!("a message is sent: {event:?}") };
        sink.message(&message);
        connection.send(message).expect("there is room for an echo");
        write(&mut connection, sink);
        connection.reclaim_buffer(&mut self.spare);

        connection.lend_buffer(&mut self.spare);
        read_close(&mut connection, &mut self.close, self.now);
        write(&mut connection, sink);
        finish(connection, &mut self.spare);
    }

    fn check(&self, seen: &Seen) {
        let message = wire::payload(Kind::Text, Self::LEN);
        assert_eq!(seen.messages, [wire::message(Kind::Text, message.clone())]);
        let (echo, rest) = wire::read_frame(Kind::Text, check_response(&seen.output), Role::Client);
        assert!(echo == message, "the message is sent changed");
        assert_eq!(rest, CLOSE_REPLY);
    }
}

/// Creates a client's connection, whose request is accepted, and drops it.
pub struct ClientOpening {
    connect: Connect,
    config: Arc<Config>,
    now: Instant,
    response: Vec<u8>,
    buffer: Vec<u8>,
}

impl ClientOpening {
    #[expect(clippy::new_without_default, reason = "the other workloads have arguments")]
    pub fn new() -> Self {
        let connect = Connect::new("ws://example.com/ws/room?id=1").expect("a valid URI").seed([7; 32]);
        let (config, now) = (Arc::<Config>::default(), Instant::now());
        let mut request = Connection::client(&connect, Arc::clone(&config), now).output().to_vec();
        let mut server = Connection::server(Arc::clone(&config), now);
        assert!(server.receive(&mut request.as_mut_slice(), now).is_some());
        server.accept(Accept::new()).expect("a request is pending");
        let response = server.output().to_vec();
        Self { connect, config, now, buffer: response.clone(), response }
    }
}

impl Workload for ClientOpening {
    fn units(&self) -> usize {
        1
    }

    fn reset(&mut self) {
        self.buffer.copy_from_slice(&self.response);
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        let mut connection = Connection::client(&self.connect, Arc::clone(&self.config), self.now);
        write(&mut connection, sink);
        let event = connection.receive(&mut self.buffer.as_mut_slice(), self.now);
        assert!(matches!(event, Some(Event::Accepted(_))), "{event:?}");
        assert_eq!(connection.phase(), Phase::Open);
    }

    fn check(&self, seen: &Seen) {
        assert!(seen.output.starts_with(b"GET /ws/room?id=1 HTTP/1.1\r\nHost: example.com\r\n"), "{seen:?}");
    }
}

/// Looks up every transition in the table.
pub struct Transitions;

impl Transitions {
    fn legal() -> usize {
        let mut legal = 0;
        for phase in Phase::ALL {
            for party in Party::ALL {
                for action in Action::ALL {
                    legal += usize::from(black_box(phase).next(black_box(party), black_box(action)).is_ok());
                }
            }
        }
        legal
    }
}

impl Workload for Transitions {
    fn units(&self) -> usize {
        Phase::ALL.len() * Party::ALL.len() * Action::ALL.len()
    }

    fn run<S: Sink>(&mut self, _: &mut S) {
        black_box(Self::legal());
    }

    fn check(&self, _: &Seen) {
        assert_eq!(Self::legal(), 31, "the number of transitions in the table of the README");
    }
}
