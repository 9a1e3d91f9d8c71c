//! Driving one connection: read, hand out events, write, do what is to be done with the socket.

use super::{
    handle::Handle,
    handler::Peer,
    peers::{Entry, LOG},
    routes::Routes,
};
use crate::{Config, Event, SocketAction, handshake::Request, handshake::Response};
use std::{
    fmt,
    io::{self, Read},
    net::Shutdown,
    sync::Arc,
    time::Instant,
};

/// One buffer for all connections: nothing stays in it.
const READ_BUFFER: usize = 128 << 10;

/// Reads of one connection in a turn, before the others have theirs.
const READS_A_TURN: usize = 4;

pub(super) struct Driver {
    pub(super) config: Arc<Config>,
    pub(super) routes: Routes,
    pub(super) handle: Handle,
    buffer: Box<[u8]>,
}

/// What reading has come to.
enum ReadOutcome {
    Some(usize),
    WouldBlock,
    Eof,
    Failed,
}

impl Driver {
    pub(super) fn new(config: Arc<Config>, routes: Routes, handle: Handle) -> Self {
        Self { config, routes, handle, buffer: vec![0; READ_BUFFER].into_boxed_slice() }
    }

    /// Does all that `entry` can do now, within its budget.
    pub(super) fn drive(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        entry.is_ready = false;
        entry.connection.handle_timeout(now);
        self.react_to_all(key, entry, &mut [], now);
        self.write(key, entry, now);
        for _ in 0..READS_A_TURN {
            if entry.is_closed || !entry.may_read() {
                break;
            }
            self.read(key, entry, now);
            self.write(key, entry, now);
        }
    }

    /// Lets `act` use the connection, and does what follows from that.
    pub(super) fn with_peer(
        &mut self,
        key: usize,
        entry: &mut Entry,
        now: Instant,
        act: Box<dyn FnOnce(&mut Peer<'_>) + '_>,
    ) {
        act(&mut Peer::new(entry, key, &self.handle).0);
        self.react_to_all(key, entry, &mut [], now);
        self.write(key, entry, now);
    }

    /// Reads once, and hands out the events.
    fn read(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        let mut buffer = std::mem::take(&mut self.buffer);
        match read(&mut entry.stream, &mut buffer) {
            ReadOutcome::Some(n) => self.react_to_all(key, entry, &mut buffer[..n], now),
            ReadOutcome::WouldBlock => entry.is_readable = false,
            ReadOutcome::Eof => entry.connection.receive_eof(),
            ReadOutcome::Failed => entry.connection.transport_failed(),
        }
        self.buffer = buffer;
        self.react_to_all(key, entry, &mut [], now);
    }

    /// Writes what waits, unless the last write was cut short, and then sees to the socket.
    fn write(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        if !entry.is_blocked {
            match entry.connection.write_to(&mut entry.stream) {
                Ok(_) => entry.is_blocked = !entry.connection.transmit().is_empty(),
                Err(_) => self.write_failed(key, entry, now),
            }
        }
        while let Some(action) = entry.connection.poll_socket() {
            match action {
                SocketAction::ShutdownWrite => {
                    if entry.stream.shutdown(Shutdown::Write).is_err() {
                        entry.connection.transport_failed();
                    }
                }
                SocketAction::Close => entry.is_closed = true,
            }
        }
    }

    /// The peer may have sent a Close before it went: what it says of the end is worth more than that writing failed.
    fn write_failed(&mut self, key: usize, entry: &mut Entry, now: Instant) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..READS_A_TURN {
            match read(&mut entry.stream, &mut buffer) {
                ReadOutcome::Some(n) => self.react_to_all(key, entry, &mut buffer[..n], now),
                ReadOutcome::WouldBlock | ReadOutcome::Eof | ReadOutcome::Failed => break,
            }
        }
        self.buffer = buffer;
        entry.connection.transport_failed();
        self.react_to_all(key, entry, &mut [], now);
    }

    fn react_to_all(&mut self, key: usize, entry: &mut Entry, mut input: &mut [u8], now: Instant) {
        while let Some(event) = entry.connection.receive(&mut input, now) {
            self.react(key, entry, event);
        }
    }

    fn react(&mut self, key: usize, entry: &mut Entry, event: Event<'_>) {
        if let Event::Request(request) = event {
            return self.react_to_request(key, entry, &request);
        }
        if let Event::Disconnect(disconnect) = &event {
            entry.log_moves(key);
            log::info!(target: LOG, "{} {}: disconnect {disconnect}", entry.id(key), entry.address);
        }
        let (mut peer, handler) = Peer::new(entry, key, &self.handle);
        let Some(handler) = handler else { return };
        match event {
            Event::Message(message) => handler.on_message(&mut peer, message),
            Event::Chunk { data, is_last } => handler.on_chunk(&mut peer, data, is_last),
            Event::Ping(payload) => handler.on_ping(&mut peer, &payload),
            Event::Pong(payload) => handler.on_pong(&mut peer, &payload),
            Event::Disconnect(disconnect) => handler.on_disconnect(&mut peer, &disconnect),
            Event::Request(_) | Event::Accepted(_) | Event::Rejected(_) => {
                unreachable!("a server is asked once, which was dealt with, and is never answered")
            }
        }
    }

    fn react_to_request(&mut self, key: usize, entry: &mut Entry, request: &Request) {
        match self.routes.find(request.path()) {
            Ok((handler, params)) => {
                entry.params = params;
                entry.handler = Some(handler);
                let (mut peer, handler) = Peer::new(entry, key, &self.handle);
                if let Some(handler) = handler {
                    handler.on_request(&mut peer, request);
                }
            }
            Err(status) => {
                let refused = entry.connection.reject(Response::new(status));
                refused.expect("an empty response can be written to a request that has just come");
            }
        }
    }
}

fn read(stream: &mut impl Read, buffer: &mut [u8]) -> ReadOutcome {
    loop {
        return match stream.read(buffer) {
            Ok(0) => ReadOutcome::Eof,
            Ok(n) => ReadOutcome::Some(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ReadOutcome::WouldBlock,
            Err(_) => ReadOutcome::Failed,
        };
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("routes", &self.routes).finish_non_exhaustive()
    }
}
