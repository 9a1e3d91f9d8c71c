//! One client, which follows its plan.

use crate::{
    crowd::Report,
    member::Member,
    plan::{Dice, Plan},
    talker::Talker,
};
use mio::{event::Event as Readiness, net::TcpStream};
use socket2::SockRef;
use statesocket::{Config, Connection, handshake::Connect};
use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

/// The bytes that a client which never reads tries to send.
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
    /// When it acts on its own.
    due: Instant,
    dice: Dice,
}

#[derive(Debug)]
enum Side {
    Frames(Box<Talker>),
    Member(Box<Member>),
    Raw(Raw),
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
    // A crowd may keep a small machine busy for a long time.
    config.opening_timeout = Some(Duration::from_secs(60));
    config.closing_timeout = Some(Duration::from_secs(60));
    config.ping_interval = None;
    Arc::new(config)
});

impl Client {
    pub(crate) fn new(stream: TcpStream, address: SocketAddr, mut dice: Dice) -> Self {
        let now = Instant::now();
        let plan = Plan::choose(&mut dice);
        let path = match plan {
            Plan::Member { room, .. } => format!("rooms/{room}"),
            _ => "echo".to_owned(),
        };
        let connect = Connect::new(&format!("ws://{address}/{path}")).expect("a valid URL").seed(seed(&mut dice));
        let connection = Connection::client(&connect, Arc::clone(&CONFIG), now);
        let request = connection.output().to_vec();
        let raw = |output| Side::Raw(Raw { output, input: Vec::new(), left_to_write: 0 });
        let side = match plan {
            Plan::Talk { messages, is_slow, ending } => {
                Side::Frames(Box::new(Talker::new(connection, messages, is_slow, ending)))
            }
            Plan::Member { room, messages, is_lagging } => {
                if is_lagging {
                    // So that the server, and not the system, has to hold the messages.
                    let _ = SockRef::from(&stream).set_recv_buffer_size(64 << 10);
                }
                Side::Member(Box::new(Member::new(connection, (room, messages, is_lagging), &mut dice, now)))
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

    /// Takes a turn. An error says what the server did wrong.
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
            Side::Member(member) => {
                let is_due = *due <= now;
                if is_due {
                    *due = now + Duration::from_millis(dice.one_of(&[0, 5, 10, 100]));
                }
                member.turn(stream, (now, is_due, is_stopping), buffer, report)?
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
                // The next read reports a failure.
                _ => return,
            }
        }
    }

    fn judge(&self, plan: Plan, is_stopping: bool) -> Result<Turn, String> {
        let status = self.input.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
        let is_right = match plan {
            Plan::BadRequest(_, planned) => status == Some(planned),
            // A client that has sent nothing gets no answer.
            _ => status.is_none_or(|status| status == 408),
        };
        if is_right || is_stopping && status.is_none_or(|status| status == 503) {
            return Ok(Turn::Gone);
        }
        Err(format!("answered with {:?}", String::from_utf8_lossy(&self.input)))
    }
}
