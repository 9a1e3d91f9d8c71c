//! A client in a room.

use crate::{client::Turn, crowd::Report, plan::Dice, room};
use mio::net::TcpStream;
use statesocket::{Connection, Disconnect, Event, SocketAction};
use std::{
    io::{ErrorKind, Read},
    net::Shutdown,
    time::{Duration, Instant},
};

/// How long a lagging member does not read.
const LAG: Duration = Duration::from_secs(2);

/// Reads of a lagging member per turn, so that it stays slow afterwards.
const LAGGING_READS: usize = 1;

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) connection: Connection,
    /// Marks its own messages.
    name: u64,
    left: u64,
    sent: u64,
    /// Its own messages that have come back.
    returned: u64,
    lags_until: Option<Instant>,
    is_lagging: bool,
    may_miss: bool,
    disconnect: Option<Box<Disconnect>>,
}

impl Member {
    pub(crate) fn new(
        connection: Connection,
        (room, left, is_lagging): (u64, u64, bool),
        dice: &mut Dice,
        now: Instant,
    ) -> Self {
        let lags_until = is_lagging.then(|| now + LAG);
        let (name, sent, returned, may_miss) = (dice.number(), 0, 0, room::may_miss(room));
        Self { connection, name, left, sent, returned, lags_until, is_lagging, may_miss, disconnect: None }
    }

    pub(crate) fn turn(
        &mut self,
        stream: &mut TcpStream,
        (now, is_due, is_stopping): (Instant, bool, bool),
        buffer: &mut [u8],
        report: &mut Report,
    ) -> Result<Turn, String> {
        if self.lags_until.is_some_and(|until| until <= now) || is_stopping {
            self.lags_until = None;
        }
        self.write(stream);
        if self.lags_until.is_none() {
            self.read(stream, buffer, now, report)?;
        }
        self.connection.handle_timeout(now);
        self.react(&mut [], now, report)?;
        if is_due {
            self.act();
        }
        self.write(stream);
        self.react(&mut [], now, report)?;
        match self.connection.poll_socket() {
            Some(SocketAction::Close) => self.judge(is_stopping, report).map(|()| Turn::Gone),
            Some(_) => {
                // This fails only if the server is gone; then the next read reports it.
                let _ = stream.shutdown(Shutdown::Write);
                Ok(Turn::GoesOn)
            }
            None => Ok(Turn::GoesOn),
        }
    }

    /// A failed write is found by the next read.
    fn write(&mut self, stream: &mut TcpStream) {
        if self.connection.write_to(stream).is_err() {
            self.connection.advance(self.connection.output_len());
        }
    }

    fn read(
        &mut self,
        stream: &mut TcpStream,
        buffer: &mut [u8],
        now: Instant,
        report: &mut Report,
    ) -> Result<(), String> {
        let reads = if self.is_lagging { LAGGING_READS } else { usize::MAX };
        for _ in 0..reads {
            if !self.connection.wants_read() {
                break;
            }
            match stream.read(buffer) {
                Ok(0) => self.connection.receive_eof(),
                Ok(count) => self.react(&mut buffer[..count], now, report)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.connection.transport_failed(),
            }
        }
        Ok(())
    }

    fn react(&mut self, mut input: &mut [u8], now: Instant, report: &mut Report) -> Result<(), String> {
        while let Some(event) = self.connection.receive(&mut input, now) {
            match event {
                Event::Accepted(_) => report.opened += 1,
                Event::Message(message) => {
                    let text = message.as_text().ok_or("a message of a room that is not text")?;
                    report.news += 1;
                    let Some(number) = text.strip_prefix(&self.prefix()) else { continue };
                    let number: u64 = number.parse().map_err(|_| format!("a strange message: {text}"))?;
                    let is_right = number == self.returned || self.may_miss && number > self.returned;
                    if !is_right {
                        return Err(format!("message {number} of its own came in the place of {}", self.returned));
                    }
                    self.returned = number + 1;
                }
                Event::Disconnect(disconnect) => self.disconnect = Some(disconnect),
                _ => {}
            }
        }
        Ok(())
    }

    fn prefix(&self) -> String {
        format!("{} ", self.name)
    }

    /// Sends the next message; closes when the last one has come back.
    fn act(&mut self) {
        if !self.connection.can_send() {
            return;
        }
        if self.left > 0 {
            self.left -= 1;
            let text = format!("{}{}", self.prefix(), self.sent);
            self.connection.send_text(&text).expect("an open connection with room takes a message");
            self.sent += 1;
        } else if self.returned == self.sent || self.may_miss || self.is_lagging && self.lags_until.is_none() {
            self.connection.close(1000, "bye").expect("an open connection can be closed");
        }
    }

    /// Checks that the connection has ended as it should.
    fn judge(&self, is_stopping: bool, report: &mut Report) -> Result<(), String> {
        let Some(disconnect) = self.disconnect.as_deref() else {
            return Err("the socket closes without an end".into());
        };
        match u16::from(disconnect.code) {
            1000 if self.left == 0 => Ok(()),
            1001 if is_stopping => {
                report.sent_away += 1;
                Ok(())
            }
            // On a busy machine every member may lag.
            1013 if !self.may_miss => {
                report.left_behind += 1;
                Ok(())
            }
            // The server has refused the request, or has cut off a member that still lags.
            _ if is_stopping => Ok(()),
            1006 if self.is_lagging => Ok(()),
            _ => Err(format!("an unexpected end: {disconnect:?}")),
        }
    }
}
