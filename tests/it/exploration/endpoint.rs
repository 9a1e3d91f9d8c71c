//! One endpoint and its observer, stepped by inputs.

use super::{
    explorer::{Violation, require},
    ledger::{Ledger, View},
    output::Output,
    property as p,
    subject::{Call, END, Fault, Subject},
};
use crate::proof::compression::{self, Compression};
use statesocket::{
    Action, Cause, CloseReply, Config, Connection, Event, Party, Phase, Role, SocketAction, State, handshake::Connect,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

/// What can happen to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Call(Call),
    /// Bytes arrive, and all events are taken.
    Receive(Vec<u8>),
    Eof,
    Reset,
    /// The pending events are taken.
    Poll,
    /// The clock advances to a time at which a deadline has passed.
    Time,
    /// The network takes the whole output.
    Write,
}

/// The effect of an input.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) output: Output,
    pub(super) socket: Vec<SocketAction>,
}

/// How an endpoint is made.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) role: Role,
    pub(super) config: Arc<Config>,
    /// Whether the opening handshake took place elsewhere.
    pub(super) is_established: bool,
    /// What was agreed on there.
    pub(super) compression: Option<Compression>,
    pub(super) fault: Option<Fault>,
    /// The instant at which the virtual clock stands at zero.
    pub(super) epoch: Instant,
}

/// A row of the table.
pub(super) type Row = (Phase, Party, Action);

#[derive(Debug)]
pub(super) struct Endpoint {
    subject: Subject,
    pub(super) ledger: Ledger,
    close_reply: CloseReply,
    epoch: Instant,
    pub(super) deadline: Option<Duration>,
    /// The rows that the last step took.
    pub(super) rows: Vec<Row>,
}

impl Endpoint {
    pub(super) fn new(setup: &Setup) -> Self {
        let (config, epoch) = (Arc::clone(&setup.config), setup.epoch);
        let connection = match (setup.is_established, setup.role) {
            (true, role) => Connection::established(role, compression::agreed(setup.compression), config, epoch),
            (false, Role::Server) => Connection::server(config, epoch),
            (false, Role::Client) => {
                let connect = Connect::new("ws://example.com/").expect("a valid URI").seed([7; 32]);
                Connection::client(&connect, config, epoch)
            }
        };
        let mut rows: Vec<Row> = connection.history().iter().map(|row| (row.from, row.party, row.action)).collect();
        rows.dedup();
        let ledger = if setup.is_established { Ledger::established() } else { Ledger::default() };
        let mut endpoint = Self {
            subject: Subject::new(connection, setup.fault),
            ledger,
            close_reply: setup.config.close_reply,
            epoch,
            deadline: None,
            rows,
        };
        endpoint.ledger.is_polled = true;
        endpoint.ask_deadline(Duration::ZERO);
        endpoint
    }

    /// The output of a client at its start; empty for a server.
    pub(super) fn request(&mut self) -> Vec<u8> {
        self.subject.take_output().bytes()
    }

    pub(super) fn view(&self) -> View {
        let connection = &self.subject.connection;
        View {
            role: connection.role(),
            phase: connection.phase(),
            states: self.subject.states(),
            history: connection.history().to_vec(),
            queued: self.subject.queued(),
            disconnect: connection.disconnected().cloned(),
            is_finished: connection.is_finished(),
        }
    }

    /// A digest of everything that may affect later steps. The state of the random numbers of a connection affects only
    /// masks.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let inside = self.subject.connection.internals();
        format!("{inside:?} {:?} {:?}", self.subject, self.ledger).hash(&mut hasher);
        hasher.finish()
    }

    /// Applies `input` at `now`, and checks the effect.
    pub(super) fn step(&mut self, input: &Input, now: Duration) -> Result<Outcome, Violation> {
        let before = self.view();
        let time = self.epoch + now;
        let mut outcome = Outcome::default();
        self.rows.clear();
        match input {
            Input::Call(call) => self.call(*call)?,
            Input::Receive(bytes) => self.receive(bytes, time)?,
            Input::Poll => self.receive(&[], time)?,
            Input::Eof => {
                self.subject.connection.receive_eof();
                self.ledger.at_eof = true;
            }
            Input::Reset => {
                self.subject.connection.transport_failed();
                self.ledger.has_failed = true;
            }
            Input::Time => self.subject.connection.handle_timeout(time),
            Input::Write => {
                outcome.output = self.subject.take_output();
                let view = self.view();
                self.ledger.note_output(&outcome.output, self.close_reply, &view)?;
            }
        }
        // A driver polls for events after everything that may cause some; here other inputs may come first.
        self.ledger.is_polled = match input {
            Input::Receive(_) | Input::Poll => true,
            Input::Write => self.ledger.is_polled,
            Input::Call(_) | Input::Eof | Input::Reset | Input::Time => false,
        };
        while let Some(action) = self.subject.poll_socket() {
            self.ledger.note_socket(action, &self.view())?;
            outcome.socket.push(action);
        }
        self.ask_deadline(now);
        let after = self.view();
        let written = outcome.output.bytes().len();
        self.ledger.has_dropped |= after.queued + written < before.queued;
        self.ledger.check_step(&before, &after, written)?;
        self.rows.extend(after.history[before.history.len()..].iter().map(|row| (row.from, row.party, row.action)));
        Ok(outcome)
    }

    /// Applies `input` again. The caller sets the ledger to its earlier state.
    pub(super) fn replay(&mut self, input: &Input, now: Duration) {
        let time = self.epoch + now;
        match input {
            Input::Call(call) => _ = self.subject.call(*call),
            Input::Receive(bytes) => {
                self.subject.rest.extend(bytes);
                while self.subject.next_event(time).is_some() {}
            }
            Input::Poll => while self.subject.next_event(time).is_some() {},
            Input::Eof => self.subject.connection.receive_eof(),
            Input::Reset => self.subject.connection.transport_failed(),
            Input::Time => self.subject.connection.handle_timeout(time),
            Input::Write => drop(self.subject.take_output()),
        }
        while self.subject.poll_socket().is_some() {}
        self.ask_deadline(now);
    }

    fn ask_deadline(&mut self, now: Duration) {
        let deadline = self.subject.poll_timeout(self.epoch + now);
        self.deadline = deadline.map(|deadline| deadline - self.epoch);
    }

    fn call(&mut self, call: Call) -> Result<(), Violation> {
        let phase = self.subject.connection.phase();
        let text = self.ledger.sent.len().to_string();
        let begun = || self.ledger.unfinished.clone().unwrap_or_default();
        let is_done = self.subject.call(call);
        require(is_done, p::ALLOWED, || format!("{call:?} in {phase:?}"))?;
        let local = self.subject.connection.local_party();
        match call {
            Call::Send => {
                self.ledger.sent.push(text);
                self.rows.push((phase, local, Action::Message));
            }
            Call::Fragment => {
                self.ledger.unfinished = Some(begun() + &text);
                self.ledger.fragments += 1;
                self.rows.push((phase, local, Action::Message));
            }
            Call::LastFragment => {
                self.ledger.sent.push(begun() + END);
                self.ledger.unfinished = None;
                self.rows.push((phase, local, Action::Message));
            }
            Call::Ping => {
                self.ledger.pings += 1;
                self.rows.push((phase, local, Action::Ping));
            }
            _ => {}
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), Violation> {
        self.subject.rest.extend(bytes);
        self.ledger.is_polled = false;
        loop {
            let (before, held_by) = (self.view(), self.subject.connection.held_by());
            let event = self.subject.next_event(now);
            let after = self.view();
            let Some(event) = event else {
                let is_held = self.subject.connection.held_by().is_some();
                return require(self.subject.rest.is_empty() || is_held, p::HELD, || {
                    "the rest is not taken".to_owned()
                });
            };
            let is_end = matches!(event, Event::Disconnect(_));
            require(held_by.is_none() || is_end, p::HELD, || format!("{event:?} although held by {held_by:?}"))?;
            self.ledger.note_event(&event, &before, &after)?;
            self.ledger.check_step(&before, &after, 0)?;
            self.note_rows(&event, after.phase);
        }
    }

    fn note_rows(&mut self, event: &Event<'_>, phase: Phase) {
        let local = self.subject.connection.local_party();
        let peer = local.peer();
        match event {
            Event::Message(_) => self.rows.push((phase, peer, Action::Message)),
            Event::Ping(_) => self.rows.extend([(phase, peer, Action::Ping), (phase, local, Action::Pong)]),
            Event::Pong(_) => self.rows.push((phase, peer, Action::Pong)),
            _ => {}
        }
    }

    /// Whether the states allow `call`, written without the table.
    pub(super) fn allows(&self, call: Call) -> bool {
        let connection = &self.subject.connection;
        let (client, application) = (connection.client_state(), connection.application_state());
        let is_server = connection.role() == Role::Server;
        let (local, peer) = if is_server { (application, client) } else { (client, application) };
        let is_asked = (client, application) == (State::Connected, State::Connecting);
        let is_open_here = local == State::Connected && peer != State::Connecting;
        match call {
            Call::Accept => is_server && is_asked && !self.ledger.has_failed && !self.ledger.at_eof,
            Call::Reject => is_server && is_asked,
            // RFC 6455 section 5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
            // another message".
            Call::Send => is_open_here && !self.ledger.has_failed && self.ledger.unfinished.is_none(),
            Call::Fragment | Call::LastFragment | Call::Ping => is_open_here && !self.ledger.has_failed,
            Call::Close => is_asked || is_open_here,
            Call::EnsureClosed | Call::ShutDown => local != State::Disconnected,
            Call::Abort => !connection.is_finished(),
            Call::Pause => !connection.is_reading_paused() && !connection.is_finished(),
            Call::Resume => connection.is_reading_paused(),
        }
    }

    /// Tries every call that the states forbid.
    pub(super) fn probe(&mut self) -> Result<(), Violation> {
        let before = self.digest();
        let changes_nothing = |call: &Call| !matches!(call, Call::Pause | Call::Resume);
        let forbidden = Call::ALL.into_iter().filter(|call| !self.allows(*call) && changes_nothing(call));
        for call in forbidden.collect::<Vec<_>>() {
            let is_done = self.subject.call(call);
            let view = || format!("{call:?} in {:?}", self.view());
            require(!is_done || call.is_never_refused(), p::REFUSAL, view)?;
        }
        require(self.digest() == before, p::REFUSAL, || format!("something of {:?} has changed", self.view()))
    }

    /// Lets time pass, with or without writing the output, while nothing else happens. The end must be near.
    pub(super) fn run_out(&mut self, now: Duration, is_writable: bool) -> Result<(), Violation> {
        let mut happened = Vec::new();
        let end = self.run_out_noting(now, is_writable, &mut happened);
        end.map_err(|violation| violation.after(happened))
    }

    fn run_out_noting(
        &mut self,
        mut now: Duration,
        is_writable: bool,
        happened: &mut Vec<String>,
    ) -> Result<(), Violation> {
        const FEW: usize = 12;
        let mut happen = |endpoint: &mut Self, input: Input, now: Duration| {
            happened.push(format!("{input:?} after {} s", now.as_secs()));
            endpoint.step(&input, now)
        };
        if self.subject.connection.is_reading_paused() {
            happen(self, Input::Call(Call::Resume), now)?;
        }
        for _ in 0..FEW {
            if !self.ledger.is_polled {
                happen(self, Input::Poll, now)?;
            }
            if is_writable && self.subject.queued() > 0 {
                happen(self, Input::Write, now)?;
            }
            if self.subject.connection.is_finished() {
                return Ok(());
            }
            let Some(deadline) = self.deadline else {
                return require(false, p::NO_STUCK_STATE, || format!("no deadline in {:?}", self.view()));
            };
            now = now.max(deadline);
            happen(self, Input::Time, now)?;
        }
        require(false, p::NO_STUCK_STATE, || format!("{FEW} deadlines have passed in {:?}", self.view()))
    }
}

/// Whether the connection ended with a rejection of its request.
pub(super) fn was_refused(view: &View) -> bool {
    view.disconnect.as_ref().is_some_and(|end| matches!(end.cause, Cause::Rejected(_)))
}
