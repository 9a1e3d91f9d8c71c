//! The end of a client: its connection, and the pipe to the server.

use crate::{
    Config, Connection, Event, Inbox, SocketAction,
    handshake::{Connect, Response},
    server::memory::{End, Net},
};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
    time::Instant,
};

/// A client as its test and its server know it.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) connection: Connection,
    net: Net,
    /// `None` once the client has closed it.
    end: Option<End>,
    inbox: Inbox,
    /// Bytes that leave before those of the connection.
    raw: VecDeque<u8>,
    /// The events that have come and that the test has not taken.
    pub(super) events: VecDeque<Event<'static>>,
    /// The answer to the request.
    pub(super) response: Option<Response>,
    /// Whether it reads what comes.
    pub(super) is_reading: bool,
    /// Whether the request is held back.
    is_holding: bool,
}

impl Endpoint {
    /// Holds its request back, until [`release`](Self::release) or [`take_output`](Self::take_output).
    pub(super) fn new(connect: &Connect, config: Arc<Config>, net: &Net, end: End) -> Self {
        Self {
            connection: Connection::client(connect, config, net.now()),
            net: net.clone(),
            end: Some(end),
            inbox: Inbox::new(),
            raw: VecDeque::new(),
            events: VecDeque::new(),
            response: None,
            is_reading: true,
            is_holding: true,
        }
    }

    /// The earliest time at which the client acts by itself.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        let now = self.net.now();
        self.end.as_ref()?;
        self.connection.poll_timeout(now).map(|(deadline, _)| deadline)
    }

    /// Sends the request.
    pub(super) fn release(&mut self) {
        self.is_holding = false;
        self.flush();
    }

    /// Takes the bytes that the connection has queued.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        self.is_holding = false;
        let mut output = Vec::new();
        // A vector takes everything.
        let _ = self.connection.write_to(&mut output);
        output
    }

    /// Sends `bytes`, behind those that the connection has queued.
    pub(super) fn send_raw(&mut self, bytes: &[u8]) {
        if !self.is_holding {
            let output = self.take_output();
            self.raw.extend(output);
        }
        self.raw.extend(bytes);
        self.flush();
    }

    /// Takes the bytes that the connection has not read.
    pub(super) fn receive_raw(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(end) = &mut self.end {
            // An error comes again when the connection reads.
            let _ = end.read_to_end(&mut bytes);
        }
        bytes
    }

    /// Reads past the connection.
    ///
    /// # Errors
    /// Those of the pipe. A client that has closed it reads the end.
    pub(super) fn read_raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.end.as_mut().map_or(Ok(0), |end| end.read(buffer))
    }

    pub(super) fn shut_down_writing(&mut self) {
        self.flush();
        self.end.iter().for_each(End::shut_down_writing);
    }

    /// The connection is lost on its way.
    pub(super) fn reset(&mut self) {
        self.end.iter().for_each(End::reset);
        self.end = None;
        self.connection.transport_failed();
        self.take_events();
    }

    /// Writes and reads as far as the pipe allows, and meets a deadline that has come. Returns whether anything has
    /// happened.
    pub(super) fn act(&mut self) -> bool {
        let mut has_acted = self.flush();
        has_acted |= self.read();
        let now = self.net.now();
        if let Some(end) = &mut self.end
            && self.connection.is_due(now)
        {
            self.inbox.handle_timeout(&mut self.connection, end, now);
            self.take_events();
            has_acted = true;
        }
        has_acted | self.flush()
    }

    /// Writes as far as the pipe allows, and takes the steps of the socket.
    pub(super) fn flush(&mut self) -> bool {
        let mut has_acted = false;
        if let Some(end) = &mut self.end {
            let mut result = Ok(0);
            while result.is_ok() && !self.raw.is_empty() {
                result = end.write(self.raw.as_slices().0);
                if let Ok(count) = result {
                    self.raw.drain(..count);
                    has_acted = true;
                }
            }
            if result.is_ok() && !self.is_holding {
                result = self.connection.write_to(&mut *end);
                has_acted |= result.as_ref().is_ok_and(|count| *count > 0);
            }
            if result.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
                self.raw.clear();
                self.inbox.write_failed(&mut self.connection, end);
                self.take_events();
                has_acted = true;
            }
        }
        while let Some(action) = self.connection.poll_socket() {
            has_acted = true;
            match action {
                SocketAction::ShutdownWrite => self.end.iter().for_each(End::shut_down_writing),
                SocketAction::Close => self.end = None,
            }
        }
        has_acted
    }

    fn read(&mut self) -> bool {
        let mut has_acted = false;
        self.take_events();
        while let Some(end) = &mut self.end
            && self.is_reading
            && self.inbox.wants_read(&self.connection)
        {
            match self.inbox.read_from(&mut self.connection, end, self.net.now()) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.connection.transport_failed(),
            }
            has_acted = true;
            self.take_events();
            self.flush();
        }
        has_acted
    }

    fn take_events(&mut self) {
        while let Some(event) = self.inbox.next_event(&mut self.connection, self.net.now()) {
            let event = event.into_owned();
            if let Event::Accepted(response) | Event::Rejected(response) | Event::InvalidResponse(response) = event {
                self.response = Some(*response);
            } else {
                self.events.push_back(event);
            }
        }
    }
}
