//! The verdict of each endpoint on a head.

use statesocket::{
    Cause, Config, Connection, Event, HandshakeError,
    handshake::{Accept, Connect},
    http::{HeaderMap, Uri},
};
use std::{
    io::{self, Read, Write},
    sync::Arc,
    time::Instant,
};
use tungstenite::{
    Error,
    error::ProtocolError,
    handshake::{
        HandshakeError as Outcome,
        client::ClientHandshake,
        headers::MAX_HEADERS,
        machine::TryParse,
        server::{ErrorResponse, NoCallback, Request as ServerRequest, ServerHandshake},
    },
};

/// The subprotocols that a client offers, if it does.
pub(super) const OFFERED: [&str; 2] = ["chat", "superchat"];

const URI: &str = "ws://server.example.com/chat";

#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// More bytes are needed.
    Waits,
    /// A request for the target, or a 101; for a request, with the key that answers it.
    Accepted {
        target: Option<String>,
        headers: HeaderMap,
        accept: Option<String>,
    },
    /// A response with another status.
    Rejected(u16),
    Refused(Refusal),
    /// tungstenite only: bytes follow the head, which it has not checked.
    Junk,
}

/// The reason, in the words of the endpoint that refused.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    Ours(HandshakeError),
    Theirs(String),
}

/// Each endpoint refuses in words of its own, which are not compared.
impl PartialEq for Verdict {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Waits, Self::Waits) | (Self::Junk, Self::Junk) | (Self::Refused(_), Self::Refused(_)) => true,
            (
                Self::Accepted { target, headers, accept },
                Self::Accepted { target: other_target, headers: other_headers, accept: other_accept },
            ) => (target, headers, accept) == (other_target, other_headers, other_accept),
            (Self::Rejected(status), Self::Rejected(other)) => status == other,
            (Self::Waits | Self::Accepted { .. } | Self::Rejected(_) | Self::Refused(_) | Self::Junk, _) => false,
        }
    }
}

/// The limits of tungstenite.
fn config() -> Arc<Config> {
    let mut config = Config::default();
    (config.max_head_bytes, config.max_request_line_bytes, config.max_headers) = (65_536, 65_536, MAX_HEADERS);
    config.max_list_elements = usize::MAX;
    Arc::new(config)
}

fn receive(connection: &mut Connection, bytes: &[u8]) -> Option<Event<'static>> {
    let mut bytes = bytes.to_vec();
    connection.receive(&mut bytes.as_mut_slice(), Instant::now()).map(Event::into_owned)
}

pub(super) fn ours_as_server(bytes: &[u8]) -> Verdict {
    let mut server = Connection::server(config(), Instant::now());
    match receive(&mut server, bytes) {
        None => Verdict::Waits,
        Some(Event::Request(request)) => {
            server.accept(Accept::new()).expect("a request is pending");
            let accept = header_in(server.output(), "Sec-WebSocket-Accept: ");
            let target = Some(resource(request.path(), request.raw_query()));
            Verdict::Accepted { target, headers: request.headers().clone(), accept }
        }
        Some(Event::Disconnect(disconnect)) => {
            let Cause::Handshake(error) = disconnect.cause else { panic!("{disconnect:?}") };
            let status = format!("HTTP/1.1 {} ", error.status().as_str());
            assert!(server.output().starts_with(status.as_bytes()), "a refusal is answered with its status: {error}");
            Verdict::Refused(Refusal::Ours(error))
        }
        Some(other) => panic!("an unexpected event: {other:?}"),
    }
}

/// A client that offers `offered`, and its request.
fn client(offered: &[&str]) -> (Connection, Vec<u8>) {
    let mut connect = Connect::new(URI).expect("a valid URI").seed([7; 32]);
    for name in offered {
        connect = connect.subprotocol(*name).expect("a token, once");
    }
    let mut client = Connection::client(&connect, config(), Instant::now());
    let request = client.output().to_vec();
    client.advance(request.len());
    (client, request)
}

/// The request of that client.
pub(crate) fn request(offers: bool) -> Vec<u8> {
    client(if offers { &OFFERED } else { &[] }).1
}

pub(super) fn ours_as_client(bytes: &[u8], offered: &[&str]) -> Verdict {
    let (mut client, _) = client(offered);
    let event = match receive(&mut client, bytes) {
        // The body of a rejection is not compared, and may end with the stream.
        None => {
            client.receive_eof();
            client.poll_event()
        }
        Some(Event::InvalidResponse(_)) => client.poll_event(),
        event => event,
    };
    match event {
        Some(Event::Accepted(response)) => Verdict::Accepted { target: None, headers: response.headers, accept: None },
        Some(Event::Rejected(response)) => Verdict::Rejected(response.status.as_u16()),
        Some(Event::Disconnect(disconnect)) => match disconnect.cause {
            Cause::TransportLost(None) => Verdict::Waits,
            Cause::Handshake(error) => Verdict::Refused(Refusal::Ours(error)),
            other => panic!("an unexpected end: {other:?}"),
        },
        other => panic!("an unexpected event: {other:?}"),
    }
}

/// A socket in memory without further input.
struct Memory {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn memory(bytes: &[u8]) -> Memory {
    Memory { input: io::Cursor::new(bytes.to_vec()), output: Vec::new() }
}

pub(super) fn theirs_as_server(bytes: &[u8]) -> Verdict {
    let mut seen = None;
    #[expect(clippy::result_large_err, reason = "tungstenite reads from this socket")]
    let callback = |request: &ServerRequest, response| {
        let target = Some(resource(request.uri().path(), request.uri().query()));
        seen = Some((target, request.headers().clone()));
        Ok::<_, ErrorResponse>(response)
    };
    match ServerHandshake::start(memory(bytes), callback, None).handshake() {
        Ok(socket) => {
            let accept = header_in(&socket.get_ref().output, "sec-websocket-accept: ");
            let (target, headers) = seen.expect("the request has arrived");
            Verdict::Accepted { target, headers, accept }
        }
        Err(Outcome::Interrupted(_)) => Verdict::Waits,
        Err(Outcome::Failure(error)) => refusal(&error),
    }
}

pub(super) fn theirs_as_client(bytes: &[u8], offered: &[&str]) -> Verdict {
    let (_, head) = client(offered);
    // That it is read and accepted is part of the comparison.
    let (_, parsed) = ServerRequest::try_parse(&head).expect("our request is well-formed").expect("it is whole");
    let accepted = ServerHandshake::start(memory(&head), NoCallback, None).handshake();
    assert!(accepted.is_ok(), "tungstenite refuses our request: {}", head.escape_ascii());
    let mut request = parsed;
    *request.uri_mut() = Uri::from_static(URI);
    let started = ClientHandshake::start(memory(bytes), request, None).expect("tungstenite reads our request");
    match started.handshake() {
        Ok((_, response)) => Verdict::Accepted { target: None, headers: response.headers().clone(), accept: None },
        Err(Outcome::Interrupted(_)) => Verdict::Waits,
        Err(Outcome::Failure(error)) => refusal(&error),
    }
}

fn resource(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

fn refusal(error: &Error) -> Verdict {
    match error {
        Error::Http(response) => Verdict::Rejected(response.status().as_u16()),
        Error::Protocol(ProtocolError::JunkAfterRequest) => Verdict::Junk,
        other => Verdict::Refused(Refusal::Theirs(other.to_string())),
    }
}

fn header_in(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    head.lines().find_map(|line| line.strip_prefix(name)).map(ToOwned::to_owned)
}
