//! A client and a server, and between them a network that delays, splits, half-closes and cuts.

mod cooperation;

use super::{
    endpoint::{Input, Outcome, Row, Setup},
    explorer::{Model, Violation, require},
    machine::{Machine, Node},
    property as p,
    subject::{Call, Fault},
};
use crate::support::Raw;
use statesocket::{Action, Config, Phase, Role, SocketAction};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// How often the things may happen that could go on forever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Messages, and Pings, of each application.
    pub(super) messages: usize,
    pub(super) pings: usize,
    /// Fragments of each application that do not end a message.
    pub(super) fragments: usize,
    /// Jumps of the clock to a deadline.
    pub(super) jumps: u8,
    /// Times that the network delivers only one byte.
    pub(super) splits: u8,
    /// Times that the network cuts one direction or both.
    pub(super) cuts: u8,
    /// Whether the applications may abort.
    pub(super) aborts: bool,
    /// Whether the applications may pause and resume reading, and shut down.
    pub(super) pauses: bool,
}

impl Bounds {
    /// The same, with everything that may happen at all allowed `by` more times.
    pub(super) fn deeper(self, by: u8) -> Self {
        let more = |bound: u8| if bound > 0 { bound + by } else { 0 };
        let more_often = |bound: usize| if bound > 0 { bound + usize::from(by) } else { 0 };
        let [messages, pings, fragments] = [self.messages, self.pings, self.fragments].map(more_often);
        Self { messages, pings, fragments, jumps: more(self.jumps), splits: more(self.splits), ..self }
    }
}

/// A defect of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// A fault of one of the ends.
    End(Role, Fault),
    /// A network that delivers each message twice.
    RepeatsMessages,
    /// A network that loses each Close.
    LosesCloses,
    /// A network that changes the code of each Close.
    ChangesCodes,
}

#[derive(Debug)]
pub(super) struct Pair {
    bounds: Bounds,
    defect: Option<Defect>,
    /// The client and the server.
    pub(super) machines: [Machine; 2],
    /// The states from which both ends are known to end clean.
    settled: HashSet<u64>,
    /// The number of states of a simultaneous close that are known to end clean.
    pub(super) simultaneous: usize,
}

/// What is on its way to an end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Wire {
    bytes: Vec<u8>,
    tail: Tail,
}

/// What comes behind the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Tail {
    #[default]
    More,
    Eof,
    Reset,
    /// Nothing: the end knows the last, or does not read.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// The states of the client and the server.
    ends: [usize; 2],
    /// What is on its way to each.
    wires: [Wire; 2],
    now: Duration,
    jumps: u8,
    splits: u8,
    cuts: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Call(Role, Call),
    Poll(Role),
    /// The network takes the output of the end.
    Write(Role),
    /// Everything on its way to the end arrives; then, what comes behind.
    Deliver(Role),
    DeliverOneByte(Role),
    /// The clock jumps to the deadline of the end, even beyond the deadline of the other.
    Jump(Role),
    /// The network ends the direction to the end.
    HalfClose(Role),
    Cut,
}

const ENDS: [Role; 2] = [Role::Client, Role::Server];

const fn index(role: Role) -> usize {
    match role {
        Role::Client => 0,
        Role::Server => 1,
    }
}

impl Pair {
    pub(super) fn new(config: Config, bounds: Bounds, defect: Option<Defect>) -> Self {
        let (config, epoch) = (Arc::new(config), Instant::now());
        let machines = ENDS.map(|role| {
            let fault = match defect {
                Some(Defect::End(faulty, fault)) if faulty == role => Some(fault),
                _ => None,
            };
            Machine::new(Setup {
                role,
                config: Arc::clone(&config),
                is_established: false,
                compression: None,
                fault,
                epoch,
            })
        });
        Self { bounds, defect, machines, settled: HashSet::new(), simultaneous: 0 }
    }

    fn node(&self, world: &World, role: Role) -> &Node {
        self.machines[index(role)].node(world.ends[index(role)])
    }

    fn may_call(&self, node: &Node, call: Call) -> bool {
        match call {
            Call::Send => node.ledger.sent.len() < self.bounds.messages,
            Call::Fragment => node.ledger.fragments < self.bounds.fragments,
            Call::LastFragment => node.ledger.unfinished.is_some(),
            Call::Ping => node.ledger.pings < self.bounds.pings,
            Call::Abort => self.bounds.aborts,
            Call::ShutDown | Call::Pause | Call::Resume => self.bounds.pauses,
            Call::Accept | Call::Reject | Call::Close | Call::EnsureClosed => true,
        }
    }

    /// Steps the end of `role`, and hands its output to the network.
    fn happen(&mut self, world: &mut World, role: Role, input: Input) -> Result<(), Violation> {
        let at = index(role);
        let (to, outcome) = self.machines[at].step(world.ends[at], world.now, &input)?;
        world.ends[at] = to;
        let wire = &mut world.wires[index(role.peer())];
        if wire.tail == Tail::More {
            if input == Input::Write {
                wire.bytes.extend(self.carry(&outcome));
            }
            if !outcome.socket.is_empty() {
                wire.tail = Tail::Eof;
            }
        }
        if outcome.socket.contains(&SocketAction::Close) {
            world.wires[at] = Wire { bytes: Vec::new(), tail: Tail::Over };
        }
        Ok(())
    }

    /// The network's version of the output.
    fn carry(&self, outcome: &Outcome) -> Vec<u8> {
        let mut output = outcome.output.clone();
        let is_text = |frame: &Raw| frame.opcode() == Raw::TEXT;
        match self.defect {
            None | Some(Defect::End(..)) => {}
            Some(Defect::RepeatsMessages) => {
                let frames = output.frames.into_iter();
                output.frames =
                    frames.flat_map(|frame| vec![frame.clone(); 1 + usize::from(is_text(&frame))]).collect();
            }
            Some(Defect::LosesCloses) => output.frames.retain(|frame| frame.close_code().is_none()),
            Some(Defect::ChangesCodes) => {
                for frame in output.frames.iter_mut().filter(|frame| frame.close_code().is_some()) {
                    frame.payload = 1001u16.to_be_bytes().to_vec();
                }
            }
        }
        output.bytes()
    }

    fn deliver(&mut self, world: &mut World, role: Role) -> Result<(), Violation> {
        let wire = &mut world.wires[index(role)];
        let input = if wire.bytes.is_empty() {
            match std::mem::replace(&mut wire.tail, Tail::Over) {
                Tail::Eof => Input::Eof,
                Tail::Reset => Input::Reset,
                Tail::More | Tail::Over => unreachable!("there is something to deliver"),
            }
        } else {
            Input::Receive(std::mem::take(&mut wire.bytes))
        };
        self.happen(world, role, input)
    }

    fn is_deliverable(world: &World, role: Role) -> bool {
        let wire = &world.wires[index(role)];
        !wire.bytes.is_empty() || matches!(wire.tail, Tail::Eof | Tail::Reset)
    }

    pub(super) fn phases(&self, role: Role) -> HashSet<Phase> {
        self.machines[index(role)].phases()
    }

    pub(super) fn rows(&self, role: Role) -> &HashSet<Row> {
        &self.machines[index(role)].rows
    }
}

impl Model for Pair {
    type State = World;
    type Action = Move;

    fn start(&mut self) -> Result<World, Violation> {
        let ends = [self.machines[0].start()?, self.machines[1].start()?];
        Ok(World { ends, wires: Default::default(), now: Duration::ZERO, jumps: 0, splits: 0, cuts: 0 })
    }

    fn actions(&self, world: &World) -> Vec<Move> {
        let mut moves = Vec::new();
        for role in ENDS {
            let node = self.node(world, role);
            let wire = &world.wires[index(role)];
            moves.extend(
                node.calls.iter().filter(|call| self.may_call(node, **call)).map(|call| Move::Call(role, *call)),
            );
            let may_jump = node.deadline.is_some() && world.jumps < self.bounds.jumps;
            let may_cut = world.cuts < self.bounds.cuts;
            let others = [
                (Move::Poll(role), !node.ledger.is_polled),
                (Move::Write(role), node.view.queued > 0),
                (Move::Deliver(role), Self::is_deliverable(world, role)),
                (Move::DeliverOneByte(role), wire.bytes.len() > 1 && world.splits < self.bounds.splits),
                (Move::Jump(role), may_jump),
                (Move::HalfClose(role), may_cut && wire.tail == Tail::More),
                (Move::Cut, may_cut && role == Role::Client),
            ];
            moves.extend(others.into_iter().filter_map(|(action, is_possible)| is_possible.then_some(action)));
        }
        moves
    }

    fn step(&mut self, world: &World, action: &Move) -> Result<World, Violation> {
        let mut world = world.clone();
        match *action {
            Move::Call(role, call) => self.happen(&mut world, role, Input::Call(call))?,
            Move::Poll(role) => self.happen(&mut world, role, Input::Poll)?,
            Move::Write(role) => self.happen(&mut world, role, Input::Write)?,
            Move::Deliver(role) => self.deliver(&mut world, role)?,
            Move::DeliverOneByte(role) => {
                world.splits += 1;
                let rest = world.wires[index(role)].bytes.split_off(1);
                let byte = std::mem::replace(&mut world.wires[index(role)].bytes, rest);
                self.happen(&mut world, role, Input::Receive(byte))?;
            }
            Move::Jump(role) => {
                world.jumps += 1;
                world.now = world.now.max(self.node(&world, role).deadline.expect("the end has a deadline"));
                self.happen(&mut world, role, Input::Time)?;
            }
            Move::HalfClose(role) => {
                world.cuts += 1;
                world.wires[index(role)].tail = Tail::Eof;
            }
            Move::Cut => {
                world.cuts += 1;
                for wire in world.wires.iter_mut().filter(|wire| wire.tail != Tail::Over) {
                    *wire = Wire { bytes: Vec::new(), tail: Tail::Reset };
                }
            }
        }
        Ok(world)
    }

    fn check(&mut self, world: &World) -> Result<(), Violation> {
        for role in ENDS {
            let (end, peer) = (self.node(world, role), self.node(world, role.peer()));
            let views = || format!("{:?} while the other is {:?}", end.view, peer.view);
            let is_behind = end.view.peer() <= peer.view.local();
            // An application that rejects ends the connection for both.
            let has_refused = role == Role::Server && end.view.has_done(Action::Reject);
            require(is_behind || has_refused || end.view.has_done(Action::Abort), p::KNOWLEDGE_LAG, views)?;
            let (received, sent) = (&end.ledger.received, &peer.ledger.sent);
            require(sent.starts_with(received), p::ORDER, || format!("{received:?} of {sent:?}"))?;
            if let Some(close) = end.view.disconnect.as_ref().and_then(|disconnect| disconnect.received.as_ref()) {
                let is_theirs = peer.ledger.close_sent == Some(close.code.into());
                require(is_theirs, p::EACH_OTHERS_CODE, || format!("{close:?}, not {:?}", peer.ledger.close_sent))?;
            }
        }
        if self.is_undisturbed(world) { self.settle(world.clone()) } else { Ok(()) }
    }
}
