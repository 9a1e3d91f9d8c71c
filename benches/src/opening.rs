//! The opening handshake, and the table of transitions.

use crate::{Seen, Sink, Workload};
use statesocket::{
    Action, Config, Connection, Event, Party, Phase,
    handshake::{Accept, Connect},
};
use std::{hint::black_box, sync::Arc, time::Instant};

const ANSWER_START: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n";

/// What a browser sends.
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

/// A server reads a request and accepts it; the connection is made and dropped.
pub struct ServerOpening {
    config: Arc<Config>,
    now: Instant,
    buffer: Vec<u8>,
}

impl ServerOpening {
    #[expect(clippy::new_without_default, reason = "the others have arguments")]
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
        connection.accept(Accept::new()).expect("a request waits");
        let output = connection.transmit();
        sink.output(output);
        let len = output.len();
        connection.advance(len);
        assert_eq!(connection.phase(), Phase::Open);
    }

    fn check(&self, seen: &Seen) {
        assert!(seen.output.starts_with(ANSWER_START));
        // RFC 6455 section 1.3 has this key and this answer to it.
        let accept = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(seen.output.windows(accept.len()).any(|window| window == accept), "{seen:?}");
    }
}

/// A client asks and is accepted; the connection is made and dropped.
pub struct ClientOpening {
    connect: Connect,
    config: Arc<Config>,
    now: Instant,
    answer: Vec<u8>,
    buffer: Vec<u8>,
}

impl ClientOpening {
    #[expect(clippy::new_without_default, reason = "the others have arguments")]
    pub fn new() -> Self {
        let connect = Connect::new("ws://example.com/ws/room?id=1").expect("a valid URI").seed([7; 32]);
        let (config, now) = (Arc::<Config>::default(), Instant::now());
        let mut request = Connection::client(&connect, Arc::clone(&config), now).transmit().to_vec();
        let mut server = Connection::server(Arc::clone(&config), now);
        assert!(server.receive(&mut request.as_mut_slice(), now).is_some());
        server.accept(Accept::new()).expect("a request waits");
        let answer = server.transmit().to_vec();
        Self { connect, config, now, buffer: answer.clone(), answer }
    }
}

impl Workload for ClientOpening {
    fn units(&self) -> usize {
        1
    }

    fn reset(&mut self) {
        self.buffer.copy_from_slice(&self.answer);
    }

    fn run<S: Sink>(&mut self, sink: &mut S) {
        let mut connection = Connection::client(&self.connect, Arc::clone(&self.config), self.now);
        let output = connection.transmit();
        sink.output(output);
        let len = output.len();
        connection.advance(len);
        let event = connection.receive(&mut self.buffer.as_mut_slice(), self.now);
        assert!(matches!(event, Some(Event::Accepted(_))), "{event:?}");
        assert_eq!(connection.phase(), Phase::Open);
    }

    fn check(&self, seen: &Seen) {
        assert!(seen.output.starts_with(b"GET /ws/room?id=1 HTTP/1.1\r\nHost: example.com\r\n"), "{seen:?}");
    }
}

/// Looks every move up in the table.
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
        assert_eq!(Self::legal(), 31, "as many rows as the README's table has moves");
    }
}
