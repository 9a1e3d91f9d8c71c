//! The notes of an observer, who checks an endpoint against them.

use super::{
    explorer::{Violation, require},
    output::{Output, is_refusal},
    property as p,
};
use crate::support::Raw;
use statesocket::{Action, Cause, CloseReply, Disconnect, Event, Phase, Role, SocketAction, State, Transition};

/// The valid pairs of states, of the client and the application.
const SIX: [(State, State); 6] = [
    (State::Connecting, State::Connecting),
    (State::Connected, State::Connecting),
    (State::Connected, State::Connected),
    (State::Disconnected, State::Connected),
    (State::Connected, State::Disconnected),
    (State::Disconnected, State::Disconnected),
];

/// What is visible of an endpoint at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) role: Role,
    pub(super) phase: Phase,
    /// Of the client and the application.
    pub(super) states: (State, State),
    pub(super) history: Vec<Transition>,
    pub(super) queued: usize,
    pub(super) disconnect: Option<Disconnect>,
    pub(super) is_finished: bool,
}

/// What the observer has seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// The payloads of the messages that the application sent, and of those that it received.
    pub(super) sent: Vec<String>,
    pub(super) received: Vec<String>,
    /// The fragments sent that were not the last ones, and the message that is still unfinished.
    pub(super) fragments: usize,
    pub(super) unfinished: Option<String>,
    /// Whether the last data frame that was written is not the last one of its message.
    is_mid_message: bool,
    pub(super) pings: usize,
    /// The reported Pings whose Pongs are not sent yet.
    owed_pongs: Vec<Vec<u8>>,
    /// The Close that was sent.
    pub(super) close_sent: Option<u16>,
    /// Whether the head that opens or rejects a connection is sent.
    has_sent_head: bool,
    is_established: bool,
    has_opened: bool,
    pub(super) disconnects: usize,
    has_shut_down: bool,
    is_socket_closed: bool,
    pub(super) at_eof: bool,
    pub(super) has_failed: bool,
    /// Whether queued bytes were dropped.
    pub(super) has_dropped: bool,
    /// Whether all pending events are taken.
    pub(super) is_polled: bool,
}

impl View {
    pub(super) fn check(&self) -> Result<(), Violation> {
        require(SIX.contains(&self.states), p::JOINT_STATE, || format!("{self:?}"))
    }

    pub(super) fn local(&self) -> State {
        self.of(self.role)
    }

    pub(super) fn peer(&self) -> State {
        self.of(self.role.peer())
    }

    fn of(&self, role: Role) -> State {
        match role {
            Role::Client => self.states.0,
            Role::Server => self.states.1,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.states == (State::Disconnected, State::Disconnected)
    }

    pub(super) fn has_done(&self, action: Action) -> bool {
        self.history.iter().any(|row| row.action == action)
    }
}

impl Ledger {
    /// The ledger of a connection whose opening handshake took place elsewhere.
    pub(super) fn established() -> Self {
        Self { has_sent_head: true, is_established: true, has_opened: true, ..Self::default() }
    }

    pub(super) fn note_event(&mut self, event: &Event<'_>, before: &View, after: &View) -> Result<(), Violation> {
        require(self.disconnects == 0 || matches!(event, Event::Disconnect(_)), p::ORDER, || {
            format!("{event:?} after the Disconnect")
        })?;
        match event {
            Event::Request(_) | Event::Accepted(_) | Event::Rejected(_) | Event::InvalidResponse(_) => {
                require(!self.has_opened, p::ORDER, || format!("{event:?} is not the first"))?;
                self.has_opened = true;
            }
            Event::Message(_) | Event::Chunk { .. } | Event::Ping(_) | Event::Pong(_) => {
                require(self.has_opened, p::ORDER, || format!("{event:?} before the opening"))?;
            }
            _ => {}
        }
        match event {
            Event::Message(message) => self.received.push(message.as_text().unwrap_or("binary").to_owned()),
            Event::Chunk { is_last: true, .. } => self.received.push("chunks".to_owned()),
            Event::Ping(payload) => self.owed_pongs.push(payload.to_vec()),
            Event::Disconnect(disconnect) => return self.note_disconnect(disconnect, before, after),
            _ => {}
        }
        Ok(())
    }

    fn note_disconnect(&mut self, end: &Disconnect, before: &View, after: &View) -> Result<(), Violation> {
        self.disconnects += 1;
        require(self.disconnects == 1, p::ONE_DISCONNECT, || "a second one".to_owned())?;
        require(after.peer() == State::Disconnected, p::ONE_DISCONNECT, || {
            format!("{end} with the peer in {after:?}")
        })?;
        let code = end.received.as_ref().map_or(1006, |close| u16::from(close.code));
        require(u16::from(end.code) == code, p::CODE, || format!("{end:?}"))?;
        if let (Cause::Protocol(error), State::Connected) = (&end.cause, before.local()) {
            let is_told = end.sent.as_ref().is_some_and(|close| close.code == error.close_code());
            require(is_told || self.has_failed, p::FAILURE_CODE, || format!("{end:?}"))?;
        }
        Ok(())
    }

    pub(super) fn note_output(&mut self, output: &Output, reply: CloseReply, view: &View) -> Result<(), Violation> {
        let is_empty = output.head.is_none() && output.frames.is_empty();
        require(is_empty || !self.is_over(), p::SHUTDOWN, || format!("{output:?}"))?;
        if let Some(head) = &output.head {
            require(!self.has_sent_head, p::ONE_HEAD, || String::from_utf8_lossy(head).into_owned())?;
            self.has_sent_head = true;
            let is_as_told = view.role == Role::Client || is_refusal(head) != view.has_done(Action::Accept);
            require(is_as_told, p::ONE_HEAD, || String::from_utf8_lossy(head).into_owned())?;
        }
        let may_send_frames = self.is_established || view.has_done(Action::Accept);
        for frame in &output.frames {
            require(may_send_frames, p::ONE_HEAD, || format!("{frame:?}"))?;
            require(frame.key.is_some() == (view.role == Role::Client), p::ONE_HEAD, || format!("{frame:?}"))?;
            self.note_frame(frame, reply, view)?;
        }
        // All queued output is sent, unless it was dropped.
        let is_broken = self.has_dropped || self.has_failed || view.has_done(Action::Abort);
        let owes = !self.owed_pongs.is_empty() && !is_broken;
        require(!owes, p::PONGS, || format!("{:?} have no answer", self.owed_pongs))
    }

    fn note_frame(&mut self, frame: &Raw, reply: CloseReply, view: &View) -> Result<(), Violation> {
        if let Some(code) = frame.close_code() {
            require(self.close_sent.is_none(), p::ONE_CLOSE, || format!("{frame:?} after {:?}", self.close_sent))?;
            let may_leave = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            require(may_leave || frame.payload.is_empty(), p::ONE_CLOSE, || format!("code {code}"))?;
            self.close_sent = Some(code);
            let end = view.disconnect.as_ref();
            let received = end.filter(|end| end.cause == Cause::PeerClosed).and_then(|end| end.received.as_ref());
            if let (Some(received), CloseReply::Automatic) = (received, reply) {
                require(u16::from(received.code) == code, p::ECHO, || format!("{code} answers {received:?}"))?;
            }
            return Ok(());
        }
        let is_pong = frame.opcode() == Raw::PONG;
        require(is_pong || self.close_sent.is_none(), p::AFTER_CLOSE, || format!("{frame:?}"))?;
        if frame.opcode() < Raw::CLOSE {
            let continues = frame.opcode() == Raw::CONTINUATION;
            require(continues == self.is_mid_message, p::FRAGMENTS, || format!("{frame:?}"))?;
            self.is_mid_message = frame.first & 0x80 == 0;
        }
        if is_pong {
            let owed = (!self.owed_pongs.is_empty()).then(|| self.owed_pongs.remove(0));
            require(owed.as_ref() == Some(&frame.payload), p::PONGS, || format!("{frame:?} for {owed:?}"))?;
        }
        Ok(())
    }

    pub(super) fn note_socket(&mut self, action: SocketAction, view: &View) -> Result<(), Violation> {
        require(view.is_closed() && view.queued == 0, p::SHUTDOWN, || format!("{action:?} in {view:?}"))?;
        match action {
            SocketAction::ShutdownWrite => {
                require(!self.is_over(), p::SHUTDOWN, || "a second time".to_owned())?;
                self.has_shut_down = true;
            }
            _ => {
                require(!self.is_socket_closed, p::SHUTDOWN, || "the socket is closed a second time".to_owned())?;
                self.is_socket_closed = true;
            }
        }
        Ok(())
    }

    const fn is_over(&self) -> bool {
        self.has_shut_down || self.is_socket_closed
    }

    /// Compares two moments, between which `written` bytes were written.
    pub(super) fn check_step(&self, before: &View, after: &View, written: usize) -> Result<(), Violation> {
        let change = || format!("{before:?} became {after:?}");
        after.check()?;
        require(!self.is_over() || after.queued == 0, p::SHUTDOWN, change)?;
        let climbs = before.states.0 <= after.states.0 && before.states.1 <= after.states.1;
        require(climbs, p::CLIMBS, change)?;
        if before.is_closed() {
            let is_same = before.history == after.history && after.is_closed();
            require(is_same && written + after.queued <= before.queued, p::ABSORBING, change)?;
        }
        require(
            !(self.is_polled && after.peer() == State::Disconnected) || self.disconnects == 1,
            p::ONE_DISCONNECT,
            change,
        )?;
        require(after.history.starts_with(&before.history) && is_path(after), p::HISTORY, change)
    }
}

/// Whether the transitions follow each other, each is a row of the table, and the last one leads to the present phase.
fn is_path(view: &View) -> bool {
    let rows_hold = view.history.iter().all(|row| row.from.next(row.party, row.action) == Ok(row.to));
    let joins = view.history.windows(2).all(|rows| rows[0].to == rows[1].from);
    let ends = view.history.last().is_none_or(|row| row.to == view.phase);
    rows_hold && joins && ends
}
