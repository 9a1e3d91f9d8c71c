//! A client that uses a `Connection`.

use crate::{
    client::Turn,
    crowd::Report,
    plan::{Dice, Ending, Payload},
    served::{ABORT_ME, CLOSE_ME},
};
use mio::net::TcpStream;
use socket2::SockRef;
use statesocket::{Connection, Disconnect, Event, Message, SocketAction};
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    time::{Duration, Instant},
};

/// Unanswered messages at a time.
const MAX_UNANSWERED: usize = 8;

#[derive(Debug)]
pub(crate) struct Talker {
    pub(crate) connection: Connection,
    left: u64,
    pub(crate) is_slow: bool,
    ending: Ending,
    /// Whether the ending has begun.
    is_ending: bool,
    is_open: bool,
    echoes: VecDeque<Payload>,
    pongs: VecDeque<Payload>,
    /// Bytes to write directly to the socket.
    past: Vec<u8>,
    status: Option<u16>,
    disconnect: Option<Box<Disconnect>>,
}

impl Talker {
    pub(crate) fn new(connection: Connection, left: u64, is_slow: bool, ending: Ending) -> Self {
        let (is_ending, is_open) = (false, false);
        let (echoes, pongs, past) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let (status, disconnect) = (None, None);
        Self { connection, left, is_slow, ending, is_ending, is_open, echoes, pongs, past, status, disconnect }
    }

    /// Writes the output; a slow client one byte when it is due.
    pub(crate) fn write(&mut self, stream: &mut TcpStream, is_due: bool) {
        if !self.past.is_empty() {
            if let Ok(count) = stream.write(&self.past) {
                self.past.drain(..count);
            }
            return;
        }
        if !self.is_slow {
            if self.connection.write_to(&mut *stream).is_err() {
                self.drop_output();
            }
        } else if is_due && self.connection.output_len() > 0 {
            match stream.write(&self.connection.output()[..1]) {
                Ok(count) => self.connection.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.drop_output(),
            }
        }
    }

    /// The last bytes of the server may still be readable, and reading ends the connection.
    fn drop_output(&mut self) {
        let queued = self.connection.output_len();
        self.connection.advance(queued);
    }

    pub(crate) fn read(
        &mut self,
        stream: &mut TcpStream,
        buffer: &mut [u8],
        now: Instant,
        report: &mut Report,
    ) -> Result<(), String> {
        while self.connection.wants_read() {
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

    pub(crate) fn react(&mut self, mut input: &mut [u8], now: Instant, report: &mut Report) -> Result<(), String> {
        while let Some(event) = self.connection.receive(&mut input, now) {
            match event {
                Event::Accepted(_) => {
                    self.is_open = true;
                    report.opened += 1;
                }
                Event::Rejected(response) => self.status = Some(response.status.as_u16()),
                Event::Message(message) => {
                    let sent = self.echoes.pop_front().ok_or("a message that is not an echo")?;
                    let is_text = matches!(message, Message::Text(_));
                    if is_text != sent.is_text || message.as_bytes() != sent.bytes() {
                        return Err(format!("a wrong echo of {sent:?}: {} bytes", message.as_bytes().len()));
                    }
                    report.echoes += 1;
                }
                Event::Pong(payload) => {
                    let sent = self.pongs.pop_front().ok_or("a Pong that was not asked for")?;
                    if payload != sent.bytes() {
                        return Err(format!("a wrong Pong to {sent:?}"));
                    }
                    report.pongs += 1;
                }
                Event::Disconnect(disconnect) => self.disconnect = Some(disconnect),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends the next message, or ends the connection.
    pub(crate) fn act(&mut self, stream: &mut TcpStream, dice: &mut Dice) -> Turn {
        if !self.connection.can_send() || self.is_ending {
            return Turn::GoesOn;
        }
        let unanswered = self.echoes.len() + self.pongs.len();
        if self.left > 0 {
            if unanswered < MAX_UNANSWERED {
                self.left -= 1;
                self.say_something(dice);
            }
            return Turn::GoesOn;
        }
        if unanswered > 0 || self.connection.output_len() > 0 {
            return Turn::GoesOn;
        }
        self.end(stream)
    }

    fn say_something(&mut self, dice: &mut Dice) {
        let open = "an open connection with room takes a message";
        if dice.below(8) == 0 {
            return self.ping(dice);
        }
        let payload = if self.is_slow { Payload::small(dice) } else { Payload::choose(dice) };
        let bytes = payload.bytes();
        self.echoes.push_back(payload);
        let text = || std::str::from_utf8(&bytes).expect("text is UTF-8");
        if dice.below(4) > 0 {
            let sent =
                if payload.is_text { self.connection.send_text(text()) } else { self.connection.send_binary(&bytes) };
            return sent.expect(open);
        }
        let mut from = 0;
        for _ in 0..1 + dice.below(4) {
            let mut to = from + dice.below((bytes.len() - from + 1) as u64) as usize;
            while payload.is_text && !text().is_char_boundary(to) {
                to += 1;
            }
            let sent = match (payload.is_text, self.connection.is_mid_message()) {
                (true, false) => self.connection.begin_text(&text()[from..to]),
                (true, true) => self.connection.continue_text(&text()[from..to], false),
                (false, false) => self.connection.begin_binary(&bytes[from..to]),
                (false, true) => self.connection.continue_binary(&bytes[from..to], false),
            };
            sent.expect(open);
            from = to;
            if dice.below(4) == 0 {
                self.ping(dice);
            }
        }
        let sent = if payload.is_text {
            self.connection.continue_text(&text()[from..], true)
        } else {
            self.connection.continue_binary(&bytes[from..], true)
        };
        sent.expect(open);
    }

    fn ping(&mut self, dice: &mut Dice) {
        let payload = Payload::small(dice);
        self.connection.ping(&payload.bytes()).expect("an open connection with room takes a Ping");
        self.pongs.push_back(payload);
    }

    fn end(&mut self, stream: &mut TcpStream) -> Turn {
        self.is_ending = true;
        let open = "an open connection takes a message";
        // A failed write does not matter: these only leave in one way or another.
        match self.ending {
            Ending::Close(code) => self.connection.close(code, "bye").expect("an open connection can be closed"),
            Ending::ServerCloses => self.connection.send_text(CLOSE_ME.0).expect(open),
            Ending::ServerAborts => self.connection.send_text(ABORT_ME).expect(open),
            Ending::Violate(bytes, _) => self.past.extend_from_slice(bytes),
            Ending::HalfClose => drop(stream.shutdown(Shutdown::Write)),
            Ending::Reset => {
                let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
                return Turn::Gone;
            }
            Ending::LeaveUnread => {
                self.connection.send_text("never read").expect(open);
                let _ = self.connection.write_to(stream);
                return Turn::Gone;
            }
            Ending::LeaveInMidFrame => {
                let _ = stream.write(b"\x82\xFE\x10\0\0\0\0\0x");
                return Turn::Gone;
            }
        }
        Turn::GoesOn
    }

    pub(crate) fn see_to_socket(
        &mut self,
        stream: &mut TcpStream,
        is_stopping: bool,
        report: &mut Report,
    ) -> Result<Turn, String> {
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

    /// Checks that the connection has ended as it should.
    fn judge(&self, is_stopping: bool, report: &mut Report) -> Result<(), String> {
        let disconnect = self.disconnect.as_deref().ok_or("the socket closes without an end")?;
        let code = u16::from(disconnect.code);
        if is_stopping && !self.is_open && self.status.is_none_or(|status| status == 503) {
            return Ok(());
        }
        // On a busy machine one byte at a time may be too slow for the server.
        if self.is_slow && self.status == Some(408) {
            return Ok(());
        }
        if is_stopping && self.is_open && code == 1001 && disconnect.is_clean {
            report.sent_away += 1;
            return Ok(());
        }
        let is_as_planned = self.is_ending
            && match self.ending {
                Ending::Close(planned) => code == planned && disconnect.is_clean,
                Ending::ServerCloses => code == CLOSE_ME.1 && disconnect.is_clean,
                Ending::Violate(_, planned) => code == planned,
                Ending::ServerAborts | Ending::HalfClose => code == 1006,
                Ending::Reset | Ending::LeaveUnread | Ending::LeaveInMidFrame => false,
            };
        if is_as_planned { Ok(()) } else { Err(format!("an unexpected end: {disconnect:?}")) }
    }
}
