//! Driving one connection: read, hand out events, write, do what is to be done with the socket.

use super::{
    handle::Handle,
    handler::Handler,
    limits::Limits,
    logging::{LOG, caught},
    peer::Peer,
    peers::Entry,
    policy::Policy,
    pressure::Marks,
    routes::Routes,
    stream::ByteStream,
    tally::Tally,
    view::View,
};
use crate::{
    BytesRead, CloseCode, Config, Event, OutputBuffer, Phase, SocketAction, handshake::Request, handshake::Response,
};
use http::StatusCode;
use std::{fmt, io::ErrorKind, sync::Arc, time::Instant};

/// One buffer for all connections: nothing stays in it.
const READ_BUFFER: usize = 128 << 10;

/// Reads of one connection in a turn, before the others have theirs.
const READS_A_TURN: usize = 4;

pub(super) struct Driver {
    pub(super) config: Arc<Config>,
    pub(super) limits: Limits,
    pub(super) policy: Policy,
    pub(super) routes: Routes,
    pub(super) tally: Tally,
    pub(super) handle: Handle,
    /// Requests that come now come too late.
    pub(super) is_stopping: bool,
    buffer: Box<[u8]>,
    /// Lent to each connection while it is driven, to queue its output in.
    output_buffer: OutputBuffer,
}

/// How a read ended.
enum Read {
    Some,
    WouldBlock,
    Eof,
    Failed,
}

impl Driver {
    pub(super) fn new(config: Arc<Config>, handle: Handle) -> Self {
        Self {
            config,
            limits: Limits::default(),
            policy: Policy::default(),
            routes: Routes::default(),
            tally: Tally::default(),
            handle,
            is_stopping: false,
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            output_buffer: OutputBuffer::default(),
        }
    }

    /// Does all that `entry` can do now, within its budget.
    pub(super) fn drive(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        entry.connection.lend_buffer(&mut self.output_buffer);
        self.flush(key, entry, now);
        for _ in 0..READS_A_TURN {
            if entry.socket.is_closed() || !entry.may_read() {
                break;
            }
            self.read(key, entry, now);
            self.flush(key, entry, now);
        }
        // Only now: what lies in the socket came in time, however late a slow handler has made this loop.
        if entry.may_be_due(now) {
            entry.connection.handle_timeout(now);
            self.react_to_all(key, entry, &mut [], now);
            self.flush(key, entry, now);
        }
        entry.connection.reclaim_buffer(&mut self.output_buffer);
    }

    /// Lets `act` use the connection, and does what follows from that.
    pub(super) fn with_view(
        &mut self,
        key: usize,
        entry: &mut Entry,
        now: Instant,
        act: impl FnOnce(View<'_>, &Handle),
    ) {
        entry.connection.lend_buffer(&mut self.output_buffer);
        let (id, address, marks) = (entry.id(key), entry.address, self.marks(entry));
        let (view, _) = entry.view(key, marks.high);
        if caught(format_args!("{id} {address}: a command"), || act(view, &self.handle)).is_none() {
            recover(entry);
        }
        self.react_to_all(key, entry, &mut [], now);
        self.flush(key, entry, now);
        entry.connection.reclaim_buffer(&mut self.output_buffer);
    }

    /// Gives back the memory that is only there for connections to come.
    pub(super) fn give_back(&mut self) {
        self.output_buffer = OutputBuffer::default();
    }

    /// Reads once, and hands out the events.
    fn read(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        match self.read_once(key, entry, now) {
            Read::Some => return,
            Read::WouldBlock => {}
            Read::Eof => entry.connection.receive_eof(),
            Read::Failed => entry.connection.transport_failed(),
        }
        self.react_to_all(key, entry, &mut [], now);
    }

    /// Reads once, and hands out the events of what has come.
    fn read_once(&mut self, key: usize, entry: &mut Entry, now: Instant) -> Read {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = loop {
            match entry.connection.read_from(&mut entry.socket, &mut buffer, now) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let read = match result {
            Ok(BytesRead { total: 0, .. }) => Read::Eof,
            Ok(read) => {
                self.react_to_all(key, entry, &mut buffer[..read.in_buffer], now);
                Read::Some
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Read::WouldBlock,
            Err(_) => Read::Failed,
        };
        self.buffer = buffer;
        read
    }

    /// Writes what is queued, lets the handler react to the room that this makes, and writes what it adds.
    fn flush(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        if entry.connection.queued() > 0 || !entry.pressure.is_low() {
            self.push(key, entry, now);
            if entry.pressure.take_drained() {
                if entry.connection.phase() == Phase::Open {
                    self.call(key, entry, |handler, peer| handler.on_drain(peer));
                }
                self.react_to_all(key, entry, &mut [], now);
                // If this drains the output again, `on_drain` waits for the next turn: a handler that always has more
                // must not keep the others waiting.
                self.push(key, entry, now);
            }
        }
        while let Some(action) = entry.connection.poll_socket() {
            match action {
                SocketAction::ShutdownWrite => {
                    if entry.socket.shut_down_writing().is_err() {
                        entry.connection.transport_failed();
                    }
                }
                SocketAction::Close => entry.socket.close(),
            }
        }
    }

    /// Writes what is queued. If that fails, hands out what the peer had sent before.
    fn push(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        let marks = self.marks(entry);
        let result = entry.write(marks);
        if result.is_err() {
            self.write_failed(key, entry, now);
        }
        entry.settle_pressure(marks);
    }

    fn marks(&self, entry: &Entry) -> Marks {
        Marks::new(&self.limits, entry.connection.config())
    }

    /// The peer may have sent a Close before it went: what it says of the end is worth more than that writing failed.
    fn write_failed(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        for _ in 0..READS_A_TURN {
            match self.read_once(key, entry, now) {
                Read::Some => {}
                Read::WouldBlock | Read::Eof | Read::Failed => break,
            }
        }
        entry.connection.transport_failed();
        self.react_to_all(key, entry, &mut [], now);
    }

    fn react_to_all(&mut self, key: usize, entry: &mut Entry, mut input: &mut [u8], now: Instant) {
        while let Some(event) = entry.connection.receive(&mut input, now) {
            self.react(key, entry, event);
        }
    }

    fn react(&mut self, key: usize, entry: &mut Entry, event: Event<'_>) {
        match event {
            Event::Request(request) => self.react_to_request(key, entry, &request),
            Event::Message(message) => self.call(key, entry, |handler, peer| handler.on_message(peer, message)),
            Event::Chunk { data, is_last } => {
                self.call(key, entry, |handler, peer| handler.on_chunk(peer, data, is_last));
            }
            Event::Ping(payload) => self.call(key, entry, |handler, peer| handler.on_ping(peer, &payload)),
            Event::Pong(payload) => self.call(key, entry, |handler, peer| handler.on_pong(peer, &payload)),
            Event::Disconnect(disconnect) => {
                entry.log_moves(key);
                log::info!(target: LOG, "{} {}: disconnect {disconnect}", entry.id(key), entry.address);
                self.tally.note(&disconnect);
                self.call(key, entry, |handler, peer| handler.on_disconnect(peer, &disconnect));
            }
            Event::Accepted(_) | Event::Rejected(_) => unreachable!("a server is not answered"),
        }
    }

    fn react_to_request(&mut self, key: usize, entry: &mut Entry, request: &Request) {
        let too_late = self.is_stopping.then_some(StatusCode::SERVICE_UNAVAILABLE);
        let refusal = too_late.or(entry.refusal).or_else(|| self.policy.refusal(request));
        let found = refusal.map_or_else(|| self.routes.find(request.path()), Err);
        match found {
            Ok((handler, params)) => {
                entry.params = params;
                entry.handler = Some(handler);
                self.call(key, entry, |handler, peer| handler.on_request(peer, request));
            }
            Err(status) => {
                let refused = entry.connection.reject(Response::new(status));
                refused.expect("an empty response can be written to a request that has just come");
            }
        }
    }

    /// Calls the handler, if there is one. One that panics is gone, and its connection with it; the others do not
    /// notice.
    fn call(&self, key: usize, entry: &mut Entry, act: impl FnOnce(&mut dyn Handler, &mut Peer<'_>)) {
        let (id, address, marks) = (entry.id(key), entry.address, self.marks(entry));
        let (view, handler) = entry.view(key, marks.high);
        let Some(handler) = handler else { return };
        if caught(format_args!("{id} {address}: the handler"), || act(handler, &mut Peer::new(view, &self.handle)))
            .is_none()
        {
            recover(entry);
        }
    }
}

/// Ends a connection whose handler has panicked: 500 to a request, Close 1011 to an open connection.
fn recover(entry: &mut Entry) {
    entry.drop_handler();
    if entry.connection.request().is_some() {
        let answered = entry.connection.reject(Response::new(StatusCode::INTERNAL_SERVER_ERROR));
        answered.expect("an empty response can be written to a request that waits");
    } else {
        entry.connection.ensure_closed(CloseCode::Error, "");
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("limits", &self.limits).field("tally", &self.tally).finish_non_exhaustive()
    }
}
