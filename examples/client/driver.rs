//! The loop of one connection.

use crate::{
    Args, End,
    input::{Input, SOCKET},
    stream::Stream,
    terminal::{report_rejection, shown},
};
use mio::Events;
use statesocket::{Action, CloseCode, Connection, Event, Inbox, Message, Phase, SocketAction, reconnect::Reconnect};
use std::{
    io::{self, IsTerminal, Write},
    sync::mpsc,
    time::{Duration, Instant},
};

/// While more bytes than this are queued, the input waits.
const HIGH_WATER: usize = 1 << 20;

/// The most reads per turn, so that a server that never stops sending keeps neither the input nor the clock waiting.
const READS_PER_TURN: usize = 16;

/// The most reads at a deadline. They empty the buffer that a system has for a socket.
const READS_AT_DEADLINE: usize = 128;

/// Drives a connection on mio by the five steps: write, wait, read, react, pass the time.
pub(crate) struct Driver<'a> {
    connection: Connection,
    stream: Stream,
    inbox: Inbox,
    /// No read has emptied the stream since mio reported it. mio reports it once.
    is_readable: bool,
    args: &'a Args,
    input: &'a mut Input,
    reconnect: &'a mut Reconnect,
    reported_transitions: usize,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        connection: Connection,
        stream: Stream,
        args: &'a Args,
        input: &'a mut Input,
        reconnect: &'a mut Reconnect,
    ) -> Self {
        let inbox = Inbox::new();
        // TLS may have read more than its handshake.
        Self { connection, stream, inbox, is_readable: true, args, input, reconnect, reported_transitions: 0 }
    }

    pub(crate) fn run(mut self) -> io::Result<End> {
        let mut events = Events::with_capacity(16);
        loop {
            while self.take_lines() && self.write()? {}
            self.write()?;
            match self.connection.poll_socket() {
                Some(SocketAction::Close) => break,
                // This fails only if the peer is gone; then the next read reports it.
                Some(_) => self.stream.shut_down_writing().unwrap_or_default(),
                None => {}
            }
            let before_wait = Instant::now();
            self.wait(&mut events)?;
            let budget = if self.connection.is_due(before_wait) { READS_AT_DEADLINE } else { READS_PER_TURN };
            self.read(budget)?;
            // What came before that time has been read, even if a signal ended the wait.
            self.inbox.handle_timeout(&mut self.connection, &mut self.stream, before_wait);
            self.react()?;
        }
        let disconnect = self.connection.disconnected().cloned();
        Ok(End {
            disconnect: disconnect.expect("a connection reports its end before it closes the socket"),
            was_open: self.connection.history().iter().any(|transition| transition.action == Action::Accept),
        })
    }

    /// Waits until the stream can be read or written, a line is typed, or the deadline has come.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let deadline = self.connection.poll_timeout(Instant::now()).map(|(deadline, _)| deadline);
        let timeout = if self.is_readable && self.inbox.wants_read(&self.connection) {
            Some(Duration::ZERO)
        } else {
            deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
        };
        self.input.poll(events, timeout)?;
        self.is_readable |= events.iter().any(|event| event.token() == SOCKET && event.is_readable());
        Ok(())
    }

    /// Writes the output. Returns whether all of it is written.
    fn write(&mut self) -> io::Result<bool> {
        let result = self.connection.write_to(&mut self.stream).and_then(|_| self.stream.flush());
        if result.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            self.inbox.write_failed(&mut self.connection, &mut self.stream);
        }
        self.react()?;
        Ok(self.connection.output_len() == 0)
    }

    /// Sends the typed lines while the connection is open, and closes it at the end of the input. Returns whether the
    /// output is full.
    fn take_lines(&mut self) -> bool {
        while self.connection.phase() == Phase::Open {
            if self.connection.output_len() >= HIGH_WATER {
                return true;
            }
            match self.input.take() {
                Ok(line) => {
                    if let Err(error) = self.connection.send_text(&line) {
                        eprintln!("error: {error}");
                        self.connection.ensure_closed(CloseCode::GOING_AWAY, "");
                    }
                }
                Err(mpsc::TryRecvError::Empty) => return false,
                Err(mpsc::TryRecvError::Disconnected) => {
                    if let Err(error) = self.connection.close(self.args.close_code, &self.args.close_reason) {
                        eprintln!("error: {error}");
                        self.connection.ensure_closed(CloseCode::NORMAL_CLOSURE, "");
                    }
                }
            }
        }
        false
    }

    fn read(&mut self, budget: usize) -> io::Result<()> {
        for _ in 0..budget {
            if !self.is_readable || !self.inbox.wants_read(&self.connection) {
                break;
            }
            match self.inbox.read_from(&mut self.connection, &mut self.stream, Instant::now()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // TLS has not been ended, as with many programs. Only the body of a rejection may lack its end then.
                Err(error)
                    if error.kind() == io::ErrorKind::UnexpectedEof && self.connection.phase() != Phase::Requested =>
                {
                    self.connection.receive_eof();
                }
                Err(_) => self.connection.transport_failed(),
                Ok(_) => {}
            }
            self.react()?;
        }
        Ok(())
    }

    fn react(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let is_terminal = out.is_terminal();
        while let Some(event) = self.inbox.next_event(&mut self.connection, Instant::now()) {
            match event {
                Event::Message(Message::Text(text)) => writeln!(out, "{}", shown(&text, is_terminal))?,
                Event::Message(Message::Binary(bytes)) => writeln!(out, "{} bytes: {bytes:02x?}", bytes.len())?,
                Event::Accepted(_) => {
                    self.reconnect.opened(Instant::now());
                    self.report_compression();
                }
                Event::Rejected(response) => {
                    self.reconnect.rejected(&response);
                    report_rejection(&response);
                }
                _ => {}
            }
        }
        if self.args.verbose {
            let transitions = self.connection.history();
            transitions[self.reported_transitions..].iter().for_each(|transition| eprintln!("{transition}"));
            self.reported_transitions = transitions.len();
        }
        out.flush()
    }

    /// Reports the agreement on compression.
    #[cfg(feature = "deflate")]
    fn report_compression(&self) {
        if let Some(agreed) = self.connection.deflate().filter(|_| self.args.verbose) {
            eprintln!("permessage-deflate: {agreed}");
        }
    }

    #[cfg(not(feature = "deflate"))]
    const fn report_compression(&self) {}
}
