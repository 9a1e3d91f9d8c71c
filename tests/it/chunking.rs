//! However the bytes are cut, a connection tells the same, answers the same, and ends the same.

use crate::support::{
    Raw, requested_server,
    strategies::{Defects, defects, frames},
};
use crate::support::{
    accepted_head, client, config, drain, established, into_owned, pending, request_head, response_head,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use statesocket::{
    Action, CloseReply, Config, Connection, Delivery, Event, Message, Phase, Role, State, handshake::Accept,
};
use std::{sync::Arc, time::Instant};

/// Where a connection begins, and whose bytes come in.
#[derive(Clone, Copy, Debug)]
enum Start {
    Established(Role),
    /// A server that waits for a request.
    Server,
    /// A client that waits for the answer of this number.
    Client(usize),
}

const ANSWERS: usize = 6;

impl Start {
    fn role(self) -> Role {
        match self {
            Self::Established(role) => role,
            Self::Server => Role::Server,
            Self::Client(_) => Role::Client,
        }
    }

    fn connection(self, config: Config) -> Connection {
        match self {
            Self::Established(role) => established(role, config),
            Self::Server => Connection::server(Arc::new(config), Instant::now()),
            Self::Client(_) => client(config, &["chat"]),
        }
    }

    /// What the peer says before it sends frames.
    fn head(self) -> Vec<u8> {
        let Self::Client(answer) = self else {
            return if matches!(self, Self::Server) { request_head("/chat?a=b", &[]) } else { Vec::new() };
        };
        let accepted = accepted_head(&drain(&mut client(Config::default(), &["chat"])), &[]);
        let early_hints = response_head("HTTP/1.1 103 Early Hints", &[("Link", "</style.css>")]);
        match answer {
            0 => accepted,
            1 => [early_hints, accepted].concat(),
            2 => [response_head("HTTP/1.1 404 Not Found", &[("Content-Length", "6")]), b"absent".to_vec()].concat(),
            3 => [response_head("HTTP/1.1 401 Unauthorized", &[]), b"until the end".to_vec()].concat(),
            4 => {
                let head = response_head("HTTP/1.1 503 Busy", &[("Transfer-Encoding", "chunked")]);
                [head, b"3\r\none\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n".to_vec()].concat()
            }
            _ => response_head("HTTP/1.1 101 Switching Protocols", &[("Upgrade", "websocket")]),
        }
    }
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![
        3 => Just(Start::Established(Role::Server)),
        3 => Just(Start::Established(Role::Client)),
        2 => Just(Start::Server),
        2 => (0..ANSWERS).prop_map(Start::Client),
    ]
}

fn configuration() -> impl Strategy<Value = Config> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(is_manual, in_chunks, is_tight)| {
        config(|config| {
            if is_manual {
                config.close_reply = CloseReply::Manual;
            }
            if in_chunks {
                config.delivery = Delivery::Chunks;
            }
            if is_tight {
                (config.max_frame_bytes, config.max_message_bytes, config.max_fragments) = (150, 200, 3);
                (config.max_head_bytes, config.max_rejection_body_bytes) = (400, 8);
            }
        })
    })
}

fn wire(start: Start, messages: &[Vec<Raw>], defects: &Defects) -> Vec<u8> {
    let mut bytes = start.head();
    bytes.extend(messages.concat().into_iter().flat_map(|frame| frame.for_endpoint(start.role())));
    defects.apply(&mut bytes);
    bytes
}

fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Everything that a connection shows.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Event<'static>>,
    output: Vec<u8>,
    phase: Phase,
}

/// Hands in `pieces`; accepts a request and echoes messages as their events come, as an application does.
fn run(connection: &mut Connection, pieces: &[&[u8]]) -> Outcome {
    let mut events = Vec::new();
    for piece in pieces {
        let mut buffer = piece.to_vec();
        let mut input = buffer.as_mut_slice();
        while let Some(event) = connection.receive(&mut input, Instant::now()) {
            match &event {
                Event::Request(_) => connection.accept(Accept::new()).expect("a request waits"),
                Event::Message(message) if connection.can_send() => connection.send(message).expect("there is room"),
                _ => {}
            }
            push(&mut events, into_owned(event));
        }
        assert!(input.is_empty(), "all is taken before there is no more event");
        assert_eq!(connection.poll_event(), None, "all has been told");
    }
    Outcome { events, output: connection.transmit().to_vec(), phase: connection.phase() }
}

/// Where a chunk ends means nothing, so chunks of one message are joined.
fn push(events: &mut Vec<Event<'static>>, event: Event<'static>) {
    if let Event::Chunk { data, is_last } = &event {
        let open = events.iter_mut().rev().find(|event| matches!(event, Event::Chunk { .. }));
        if let Some(Event::Chunk { data: before, is_last: ended }) = open
            && !*ended
        {
            *before = match (&before, data) {
                (Message::Text(before), Message::Text(data)) => format!("{before}{data}").into(),
                (Message::Binary(before), Message::Binary(data)) => [&before[..], data].concat().into(),
                _ => panic!("a chunk of another kind inside a message"),
            };
            *ended = *is_last;
            return;
        }
    }
    events.push(event);
}

/// What was told of a message that came to nothing depends on where the last piece ended.
fn without_open_chunk(mut outcome: Outcome) -> Outcome {
    outcome.events.retain(|event| !matches!(event, Event::Chunk { is_last: false, .. }));
    outcome
}

fn disconnects(events: &[Event<'static>]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Disconnect(_))).count()
}

proptest! {
    #[test]
    fn f24_any_bytes_in_any_pieces_give_the_same(
        start in start(), config in configuration(), messages in vec(frames(), 0..8), defects in defects(),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let bytes = wire(start, &messages, &defects);
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        let whole = run(&mut start.connection(config.clone()), &[&bytes]);
        for pieces in [cut(&bytes, &cuts), singles] {
            let outcome = run(&mut start.connection(config.clone()), &pieces);
            if config.delivery == Delivery::Messages {
                prop_assert_eq!(&outcome, &whole);
            } else {
                prop_assert_eq!(without_open_chunk(outcome), without_open_chunk(Outcome {
                    events: whole.events.clone(), output: whole.output.clone(), phase: whole.phase,
                }));
            }
        }
    }

    #[test]
    fn however_it_ends_there_is_one_disconnect(
        start in start(), config in configuration(), messages in vec(frames(), 0..6), defects in defects(),
        has_failed in any::<bool>(), closes in any::<bool>(),
    ) {
        let mut connection = start.connection(config);
        let mut events = run(&mut connection, &[&wire(start, &messages, &defects)]).events;
        if closes && connection.can(Action::Close) {
            connection.close(1000, "").expect("it can");
        }
        if has_failed { connection.transport_failed() } else { connection.receive_eof() }
        events.extend(pending(&mut connection));
        prop_assert_eq!(disconnects(&events), 1, "{:?}", events);
        prop_assert!(matches!(events.last(), Some(Event::Disconnect(_))), "it is the last: {:?}", events);
        prop_assert_eq!(connection.phase().state_of(connection.local_party().peer()), State::Disconnected);

        connection.ensure_closed(1000, "");
        prop_assert_eq!(connection.phase(), Phase::Closed);
        prop_assert_eq!(pending(&mut connection), vec![]);
        drain(&mut connection);
        while connection.poll_socket().is_some() {}
        prop_assert!(connection.is_finished());
    }

    #[test]
    fn what_comes_before_the_answer_is_read_like_what_comes_after(
        messages in vec(frames(), 0..6), defects in defects(), cuts in vec(any::<Index>(), 0..6),
        early in any::<Index>(), config in configuration(),
    ) {
        let bytes = wire(Start::Established(Role::Server), &messages, &defects);
        let mut late = requested_server(config.clone());
        late.accept(Accept::new()).expect("a request waits");
        let expected = run(&mut late, &cut(&bytes, &cuts));

        let (early, rest) = bytes.split_at(early.index(bytes.len() + 1));
        let mut server = requested_server(config.clone());
        prop_assert_eq!(run(&mut server, &cut(early, &cuts)).events, vec![]);
        server.accept(Accept::new()).expect("a request waits");
        let outcome = run(&mut server, &[rest]);
        if config.delivery == Delivery::Messages {
            prop_assert_eq!(outcome, expected);
        } else {
            prop_assert_eq!(without_open_chunk(outcome), without_open_chunk(expected));
        }
    }
}
