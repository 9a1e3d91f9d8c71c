//! One client, which does what its plan says.

use crate::{
    crowd::Report,
    plan::{Dice, Ending, Payload, Plan},
    served::{ABORT_ME, CLOSE_ME},
};
use mio::{event::Event as Readiness, net::TcpStream};
use socket2::SockRef;
use statesocket::{Config, Connection, Disconnect, Event, Message, SocketAction, handshake::Connect};
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr},
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

/// Messages on their way at a time.
const MAX_UNANSWERED: usize = 8;

/// What a client that never reads tries to send.
const FLOOD: usize = 8 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    GoesOn,
    Gone,
}

#[derive(Debug)]
pub(crate) struct Client {
    plan: Plan,
    stream: TcpStream,
    side: Side,
    is_readable: bool,
    is_writable: bool,
    began: Instant,
    /// When it does something by itself.
    due: Instant,
    dice: Dice,
}

#[derive(Debug)]
enum Side {
    Frames(Box<Talker>),
    Raw(Raw),
}

/// A client that has a connection of ours.
#[derive(Debug)]
struct Talker {
    connection: Connection,
    left: u64,
    is_slow: bool,
    ending: Ending,
    /// The ending has begun.
    is_ending: bool,
    is_open: bool,
    echoes: VecDeque<Payload>,
    pongs: VecDeque<Payload>,
    /// Bytes to be written past the connection.
    past: Vec<u8>,
    status: Option<u16>,
    disconnect: Option<Box<Disconnect>>,
}

/// A client that writes and reads bytes.
#[derive(Debug)]
struct Raw {
    output: Vec<u8>,
    input: Vec<u8>,
    left_to_write: usize,
}

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let mut config = Config::default();
    // A crowd may keep a small machine busy for long.
    config.opening_timeout = Some(Duration::from_secs(60));
    config.closing_timeout = Some(Duration::from_secs(60));
    config.ping_interval = None;
    Arc::new(config)
});

impl Client {
    pub(crate) fn new(stream: TcpStream, address: SocketAddr, mut dice: Dice) -> Self {
        let now = Instant::now();
        let plan = Plan::choose(&mut dice);
        let connect = Connect::new(&format!("ws://{address}/echo")).expect("a valid URL").seed(seed(&mut dice));
        let connection = Connection::client(&connect, Arc::clone(&CONFIG), now);
        let request = connection.transmit().to_vec();
        let raw = |output| Side::Raw(Raw { output, input: Vec::new(), left_to_write: 0 });
        let side = match plan {
            Plan::Talk { messages, is_slow, ending } => {
                Side::Frames(Box::new(Talker::new(connection, messages, is_slow, ending)))
            }
            Plan::BadRequest(bad, _) => raw(bad.as_bytes().to_vec()),
            Plan::HalfRequest { .. } => raw(request[..dice.below(request.len() as u64) as usize].to_vec()),
            Plan::NeverRead => Side::Raw(Raw { output: request, input: Vec::new(), left_to_write: FLOOD }),
        };
        let due = now + Duration::from_millis(dice.below(500));
        Self { plan, stream, side, is_readable: false, is_writable: false, began: now, due, dice }
    }

    pub(crate) const fn plan(&self) -> Plan {
        self.plan
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        now - self.began
    }

    pub(crate) fn set_ready(&mut self, event: &Readiness) {
        self.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.is_writable |= event.is_writable() || event.is_error();
    }

    pub(crate) fn has_work(&self, now: Instant) -> bool {
        self.is_readable || self.is_writable || self.due <= now
    }

    /// Does what there is to do. An error says what the server has done wrong.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        is_stopping: bool,
        buffer: &mut [u8],
        report: &mut Report,
    ) -> Result<Turn, String> {
        let Self { plan, stream, side, is_readable, is_writable, due, dice, .. } = self;
        let turn = match side {
            Side::Frames(talker) => {
                let is_due = *due <= now;
                if is_due {
                    let pause = if talker.is_slow { 3 } else { dice.one_of(&[0, 0, 5, 10, 100]) };
                    *due = now + Duration::from_millis(pause);
                }
                talker.write(stream, is_due);
                if *is_readable || is_stopping {
                    talker.read(stream, buffer, now, report)?;
                }
                talker.connection.handle_timeout(now);
                talker.react(&mut [], now, report)?;
                let turn = if is_due { talker.act(stream, dice) } else { Turn::GoesOn };
                talker.write(stream, false);
                talker.react(&mut [], now, report)?;
                if turn == Turn::Gone { turn } else { talker.see_to_socket(stream, is_stopping, report)? }
            }
            Side::Raw(raw) => raw.turn(*plan, stream, *due <= now, is_stopping, buffer)?,
        };
        (*is_readable, *is_writable) = (false, false);
        Ok(turn)
    }
}

fn seed(dice: &mut Dice) -> [u8; 32] {
    let mut seed = [0; 32];
    seed.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&dice.number().to_le_bytes()));
    seed
}

impl Talker {
    fn new(connection: Connection, left: u64, is_slow: bool, ending: Ending) -> Self {
        let (is_ending, is_open) = (false, false);
        let (echoes, pongs, past) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let (status, disconnect) = (None, None);
        Self { connection, left, is_slow, ending, is_ending, is_open, echoes, pongs, past, status, disconnect }
    }

    /// Writes what waits; a slow one a byte when it is due.
    fn write(&mut self, stream: &mut TcpStream, is_due: bool) {
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
        } else if is_due && self.connection.queued() > 0 {
            match stream.write(&self.connection.transmit()[..1]) {
                Ok(count) => self.connection.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.drop_output(),
            }
        }
    }

    /// What the server said before it went is still there to be read: reading ends it.
    fn drop_output(&mut self) {
        let queued = self.connection.queued();
        self.connection.advance(queued);
    }

    fn read(
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

    fn react(&mut self, mut input: &mut [u8], now: Instant, report: &mut Report) -> Result<(), String> {
        while let Some(event) = self.connection.receive(&mut input, now) {
            match event {
                Event::Accepted(_) => {
                    self.is_open = true;
                    report.opened += 1;
                }
                Event::Rejected(response) => self.status = Some(response.status.as_u16()),
                Event::Message(message) => {
                    let sent = self.echoes.pop_front().ok_or("a message that is no echo")?;
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

    /// The next message, or the end.
    fn act(&mut self, stream: &mut TcpStream, dice: &mut Dice) -> Turn {
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
        if unanswered > 0 || self.connection.queued() > 0 {
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
        for _ in 0..dice.below(5) {
            let mut to = from + dice.below((bytes.len() - from + 1) as u64) as usize;
            while payload.is_text && !text().is_char_boundary(to) {
                to += 1;
            }
            let sent = if payload.is_text {
                self.connection.send_text_fragment(&text()[from..to], false)
            } else {
                self.connection.send_binary_fragment(&bytes[from..to], false)
            };
            sent.expect(open);
            from = to;
            if dice.below(4) == 0 {
                self.ping(dice);
            }
        }
        let sent = if payload.is_text {
            self.connection.send_text_fragment(&text()[from..], true)
        } else {
            self.connection.send_binary_fragment(&bytes[from..], true)
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
        // What cannot be written now need not be: these only leave in one way or another.
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

    fn see_to_socket(
        &mut self,
        stream: &mut TcpStream,
        is_stopping: bool,
        report: &mut Report,
    ) -> Result<Turn, String> {
        match self.connection.poll_socket() {
            Some(SocketAction::Close) => self.judge(is_stopping, report).map(|()| Turn::Gone),
            Some(_) => {
                // It fails only if the server has gone, and then reading says so.
                let _ = stream.shutdown(Shutdown::Write);
                Ok(Turn::GoesOn)
            }
            None => Ok(Turn::GoesOn),
        }
    }

    /// Whether it has ended as it should.
    fn judge(&self, is_stopping: bool, report: &mut Report) -> Result<(), String> {
        let disconnect = self.disconnect.as_deref().ok_or("the socket is to be closed without an end")?;
        let code = u16::from(disconnect.code);
        if is_stopping && !self.is_open && self.status.is_none_or(|status| status == 503) {
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

impl Raw {
    fn turn(
        &mut self,
        plan: Plan,
        stream: &mut TcpStream,
        is_due: bool,
        is_stopping: bool,
        buffer: &mut [u8],
    ) -> Result<Turn, String> {
        let vanishes = matches!(plan, Plan::NeverRead | Plan::HalfRequest { vanishes: true });
        if vanishes && (is_due || is_stopping) {
            return Ok(Turn::Gone);
        }
        self.write(stream);
        if vanishes {
            return Ok(Turn::GoesOn);
        }
        loop {
            match stream.read(buffer) {
                Ok(0) => return self.judge(plan, is_stopping),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(Turn::GoesOn);
                }
                Err(_) if is_stopping => return Ok(Turn::Gone),
                Err(error) => return Err(format!("reading fails: {error}")),
            }
        }
    }

    fn write(&mut self, stream: &mut TcpStream) {
        loop {
            if self.output.is_empty() && self.left_to_write > 0 {
                self.output = [&b"\x82\xFE\x40\0\0\0\0\0"[..], &[b'x'; 0x4000]].concat();
                self.left_to_write = self.left_to_write.saturating_sub(self.output.len());
            }
            match stream.write(&self.output) {
                Ok(count) if count > 0 => drop(self.output.drain(..count)),
                // Reading says what is wrong, if anything is.
                _ => return,
            }
        }
    }

    fn judge(&self, plan: Plan, is_stopping: bool) -> Result<Turn, String> {
        let status = self.input.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
        let is_right = match plan {
            Plan::BadRequest(_, planned) => status == Some(planned),
            // Nothing is said to who has said nothing.
            _ => status.is_none_or(|status| status == 408),
        };
        if is_right || is_stopping && status.is_none_or(|status| status == 503) {
            return Ok(Turn::Gone);
        }
        Err(format!("answered with {:?}", String::from_utf8_lossy(&self.input)))
    }
}
