//! One endpoint, and a peer that may do anything at any time.

use super::{
    endpoint::{Endpoint, Input, Setup},
    explorer::{Model, Violation},
    machine::Machine,
    subject::Call,
};
use crate::{
    proof::compression::Compression,
    support::{Raw, accepted_head, request_head, response_head},
};
use statesocket::{Config, Role};
use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

/// What the peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weapon {
    /// The head that opens a connection.
    Head,
    /// A malformed head.
    NoHead,
    /// A head that breaks a rule of the opening handshake.
    WrongHead,
    /// A response other than 101.
    Refusal,
    Text,
    FirstFragment,
    LastFragment,
    InvalidText,
    Ping,
    Pong,
    Close,
    EmptyClose,
    OneByteClose,
    /// A Close with a code that may not be sent.
    ForbiddenClose,
    UnknownOpCode,
    ReservedBit,
    /// A frame that is masked if it must not be, and the other way round.
    WronglyMasked,
    Compressed,
    CompressedFragment,
    /// It refers to text that there is not.
    CorruptCompressed,
    /// The bit of a compressed message, on a Ping.
    CompressedPing,
}

impl Weapon {
    const ALL: [Self; 21] = [
        Self::Head,
        Self::NoHead,
        Self::WrongHead,
        Self::Refusal,
        Self::Text,
        Self::FirstFragment,
        Self::LastFragment,
        Self::InvalidText,
        Self::Ping,
        Self::Pong,
        Self::Close,
        Self::EmptyClose,
        Self::OneByteClose,
        Self::ForbiddenClose,
        Self::UnknownOpCode,
        Self::ReservedBit,
        Self::WronglyMasked,
        Self::Compressed,
        Self::CompressedFragment,
        Self::CorruptCompressed,
        Self::CompressedPing,
    ];

    /// The bytes of the weapon against an endpoint of role `local`. `request` is the endpoint's, for a response to
    /// answer.
    fn bytes(self, local: Role, request: &[u8]) -> Vec<u8> {
        let frame = match self {
            Self::Head if local == Role::Server => return request_head("/", &[]),
            Self::Head => return accepted_head(request, &[]),
            Self::NoHead => return b"\r\n:\r\n\r\n".to_vec(),
            Self::WrongHead if local == Role::Server => return request_head("/", &[("Sec-WebSocket-Key", "x")]),
            Self::WrongHead => return accepted_head(request, &[("Sec-WebSocket-Accept", "x")]),
            Self::Refusal => return response_head("HTTP/1.1 403 Forbidden", &[("Content-Length", "0")]),
            Self::Text => Raw::new(Raw::TEXT, "text"),
            Self::FirstFragment => Raw::new(Raw::TEXT, "first").more(),
            Self::LastFragment => Raw::new(Raw::CONTINUATION, "last"),
            Self::InvalidText => Raw::new(Raw::TEXT, b"\xFF"),
            Self::Ping => Raw::new(Raw::PING, "ping"),
            Self::Pong => Raw::new(Raw::PONG, "pong"),
            Self::Close => Raw::close(1000, ""),
            Self::EmptyClose => Raw::new(Raw::CLOSE, ""),
            Self::OneByteClose => Raw::new(Raw::CLOSE, "x"),
            Self::ForbiddenClose => Raw::close(1005, ""),
            Self::UnknownOpCode => Raw::new(0xB, ""),
            Self::ReservedBit => Raw::new(Raw::TEXT, "").set(0x40),
            Self::WronglyMasked if local == Role::Server => return Raw::new(Raw::TEXT, "text").bytes(),
            Self::WronglyMasked => return Raw::new(Raw::TEXT, "text").masked().bytes(),
            Self::Compressed => Raw::new(Raw::TEXT, b"\x00\x02\x00\xFD\xFFok\x00").set(0x40),
            // A continuation without compressed bytes ends within a block.
            Self::CompressedFragment => Raw::new(Raw::TEXT, b"\x00\x02\x00\xFD\xFFok").set(0x40).more(),
            Self::CorruptCompressed => Raw::new(Raw::TEXT, b"\x06").set(0x40),
            Self::CompressedPing => Raw::new(Raw::PING, "ping").set(0x40),
        };
        frame.for_endpoint(local)
    }
}

/// How often the things may happen that could go on forever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Frames and heads of the peer.
    pub(super) weapons: u8,
    /// How many of those arrive in two pieces.
    pub(super) splits: u8,
    /// Messages, Pings, and messages in two fragments, of the application.
    pub(super) messages: usize,
    /// Jumps of the clock to a deadline.
    pub(super) jumps: u8,
    /// Whether the application may pause and resume reading, and shut down.
    pub(super) pauses: bool,
}

#[derive(Debug)]
pub(super) struct Adversary {
    bounds: Bounds,
    pub(super) machine: Machine,
    /// The bytes of each weapon.
    arsenal: Vec<(Weapon, Vec<u8>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Duel {
    end: usize,
    now: Duration,
    weapons: u8,
    splits: u8,
    jumps: u8,
    /// What the peer has begun to send.
    rest: Vec<u8>,
    is_over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Call(Call),
    Poll,
    Write,
    Jump,
    /// The peer sends this.
    Send(Weapon),
    /// The peer sends this except for its last byte.
    Begin(Weapon),
    /// The peer sends the rest.
    Finish,
    Eof,
    Reset,
}

impl Adversary {
    pub(super) fn new(
        role: Role,
        config: Config,
        is_established: bool,
        bounds: Bounds,
        compression: Option<Compression>,
    ) -> Self {
        let config = Arc::new(config);
        let setup = Setup { role, config, is_established, compression, fault: None, epoch: Instant::now() };
        let request = Endpoint::new(&setup).request();
        let is_head =
            |weapon: &Weapon| matches!(weapon, Weapon::Head | Weapon::NoHead | Weapon::WrongHead | Weapon::Refusal);
        let needs_agreement = |weapon: &Weapon| {
            use Weapon::{Compressed, CompressedFragment, CompressedPing, CorruptCompressed};
            matches!(weapon, Compressed | CompressedFragment | CorruptCompressed | CompressedPing)
        };
        let suits = |weapon: &Weapon| {
            (!is_established || !is_head(weapon)) && (compression.is_some() || !needs_agreement(weapon))
        };
        let weapons = Weapon::ALL.into_iter().filter(suits);
        let arsenal = weapons.map(|weapon| (weapon, weapon.bytes(role, &request))).collect();
        Self { bounds, machine: Machine::new(setup), arsenal }
    }

    fn bytes(&self, weapon: Weapon) -> Vec<u8> {
        let found = self.arsenal.iter().find(|(known, _)| *known == weapon);
        found.map(|(_, bytes)| bytes.clone()).expect("the weapon is in the list")
    }
}

impl Model for Adversary {
    type State = Duel;
    type Action = Move;

    fn start(&mut self) -> Result<Duel, Violation> {
        let end = self.machine.start()?;
        Ok(Duel { end, now: Duration::ZERO, weapons: 0, splits: 0, jumps: 0, rest: Vec::new(), is_over: false })
    }

    fn actions(&self, duel: &Duel) -> Vec<Move> {
        let node = self.machine.node(duel.end);
        let may = |call: &Call| match call {
            Call::Send => node.ledger.sent.len() < self.bounds.messages,
            Call::Ping => node.ledger.pings < self.bounds.messages,
            Call::Fragment => node.ledger.fragments < self.bounds.messages,
            Call::LastFragment => node.ledger.unfinished.is_some(),
            call => self.bounds.pauses || !call.is_of_pauses(),
        };
        let mut moves: Vec<Move> = node.calls.iter().copied().filter(may).map(Move::Call).collect();
        let is_heard = !duel.is_over && !node.view.is_finished;
        let is_free = is_heard && duel.rest.is_empty() && duel.weapons < self.bounds.weapons;
        let others = [
            (Move::Poll, !node.ledger.is_polled),
            (Move::Write, node.view.queued > 0),
            (Move::Jump, node.deadline.is_some() && duel.jumps < self.bounds.jumps),
            (Move::Finish, is_heard && !duel.rest.is_empty()),
            (Move::Eof, is_heard),
            (Move::Reset, is_heard),
        ];
        moves.extend(others.into_iter().filter_map(|(action, is_possible)| is_possible.then_some(action)));
        if is_free {
            moves.extend(self.arsenal.iter().map(|(weapon, _)| Move::Send(*weapon)));
        }
        if is_free && duel.splits < self.bounds.splits {
            moves.extend(self.arsenal.iter().map(|(weapon, _)| Move::Begin(*weapon)));
        }
        moves
    }

    fn step(&mut self, duel: &Duel, action: &Move) -> Result<Duel, Violation> {
        let mut duel = duel.clone();
        let input = match *action {
            Move::Call(call) => Input::Call(call),
            Move::Poll => Input::Poll,
            Move::Write => Input::Write,
            Move::Jump => {
                duel.jumps += 1;
                let deadline = self.machine.node(duel.end).deadline.expect("the endpoint has a deadline");
                duel.now = duel.now.max(deadline);
                Input::Time
            }
            Move::Send(weapon) => {
                duel.weapons += 1;
                Input::Receive(self.bytes(weapon))
            }
            Move::Begin(weapon) => {
                duel.weapons += 1;
                duel.splits += 1;
                let mut bytes = self.bytes(weapon);
                duel.rest = bytes.split_off(bytes.len() - 1);
                Input::Receive(bytes)
            }
            Move::Finish => Input::Receive(mem::take(&mut duel.rest)),
            Move::Eof | Move::Reset => {
                duel.is_over = true;
                duel.rest.clear();
                if *action == Move::Eof { Input::Eof } else { Input::Reset }
            }
        };
        duel.end = self.machine.step(duel.end, duel.now, &input)?.0;
        Ok(duel)
    }

    /// An endpoint alone is checked at each step.
    fn check(&mut self, _: &Duel) -> Result<(), Violation> {
        Ok(())
    }
}
