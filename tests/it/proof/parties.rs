//! A second model of the two parties, without the table: each is a state, and every call and every event says how it
//! changes them.

use super::trace::{Call, Step, Trace, loses_transport};
use statesocket::{
    CloseReply, Event, Role,
    State::{self, Connected, Connecting, Disconnected},
};

/// The known states.
#[derive(Debug)]
struct Parties {
    role: Role,
    local: State,
    peer: State,
    /// The transport has failed; the next poll for an event notices.
    is_lost: bool,
    /// The connection answers the peer's Close itself.
    is_automatic: bool,
}

/// Follows `trace` call by call. The states must be those of the model. A call must be refused for its states if and
/// only if the model refuses it.
pub(crate) fn follow(trace: &Trace) {
    let (local, peer) = match (trace.is_established, trace.role) {
        (true, _) => (Connected, Connected),
        (false, Role::Server) => (Connecting, Connecting),
        (false, Role::Client) => (Connected, Connecting),
    };
    let is_automatic = trace.config.close_reply == CloseReply::Automatic;
    let mut parties = Parties { role: trace.role, local, peer, is_lost: false, is_automatic };
    for (at, (before, step, after)) in trace.iter().enumerate() {
        if let Some(is_legal) = parties.allows(&step.call) {
            let is_refused = step.refusal.as_ref().is_some_and(|refusal| refusal.transition.is_some());
            assert_eq!(is_refused, !is_legal, "step {at}: {step:?} of {parties:?}");
        }
        if matches!(step.call, Call::SetConfig(_)) {
            assert_eq!(step.refusal.is_none(), parties.is_asked(), "step {at}: {step:?} of {parties:?}");
        }
        parties.is_lost |= loses_transport(before, step, after);
        if step.refusal.is_none() {
            // The model has neither clock nor limits. Deadlines end both parties or neither, as does a limit that is
            // already exceeded when it is set.
            let has_ended = after.client_state.min(after.application_state) == Disconnected;
            let may_end = matches!(step.call, Call::HandleTimeout | Call::SetConfig(_));
            parties.step(step, may_end && has_ended);
        }
        let (client, application) = match trace.role {
            Role::Client => (parties.local, parties.peer),
            Role::Server => (parties.peer, parties.local),
        };
        assert_eq!(
            (after.client_state, after.application_state),
            (client, application),
            "step {at}: {step:?} from {before:?}"
        );
    }
}

impl Parties {
    fn is_asked(&self) -> bool {
        self.role == Role::Server && (self.local, self.peer) == (Connecting, Connected)
    }

    fn is_asking(&self) -> bool {
        self.role == Role::Client && (self.local, self.peer) == (Connected, Connecting)
    }

    fn can_talk(&self) -> bool {
        self.local == Connected && self.peer != Connecting
    }

    /// A Pong may also follow our Close, until the peer's Close.
    fn may_pong(&self) -> bool {
        self.can_talk() || self.local == Disconnected && self.peer == Connected
    }

    /// Whether the states allow `call`; `None` if the states do not matter.
    fn allows(&self, call: &Call) -> Option<bool> {
        match call {
            Call::Accept(_) | Call::Reject(_) | Call::Respond(_) => Some(self.is_asked()),
            Call::Text(_)
            | Call::Binary(_)
            | Call::Shared(_)
            | Call::HandedOver(_)
            | Call::TextFragment(..)
            | Call::BinaryFragment(..)
            | Call::Ping(_) => Some(self.can_talk()),
            Call::Pong(_) => Some(self.may_pong()),
            Call::ReplyClose => Some(self.can_talk()),
            Call::Close(..) | Call::Fail(..) => Some(self.can_talk() || self.is_asked() || self.is_asking()),
            _ => None,
        }
    }

    fn step(&mut self, step: &Step, has_ended: bool) {
        match &step.call {
            Call::Accept(_) => self.local = Connected,
            Call::Reject(_) | Call::Respond(_) | Call::Abort | Call::Finish | Call::Fail(..) => self.end(),
            Call::Close(..) | Call::EnsureClosed(..) | Call::ReplyClose | Call::Shutdown(_) => self.close(),
            Call::HandleTimeout | Call::SetConfig(_) if has_ended => self.end(),
            // The only event may have been reported before; then the call just ends the parties.
            Call::Receive { .. } | Call::PollEvent if self.is_lost && step.event.is_none() && step.rest == 0 => {
                self.end()
            }
            _ => {}
        }
        match &step.event {
            Some(Event::Request(_) | Event::Accepted(_)) => self.peer = Connected,
            Some(Event::Rejected(_) | Event::InvalidResponse(_)) => self.end(),
            Some(Event::Disconnect(disconnect)) => {
                self.peer = Disconnected;
                // A Close that the application must answer ends only the peer. An answer that could not leave, since
                // the transport has failed, is not told.
                let is_unanswerable = self.is_lost && self.is_automatic;
                if disconnect.received.is_none() || disconnect.sent.is_some() || is_unanswerable {
                    self.end();
                }
            }
            _ => {}
        }
    }

    /// Our Close: it ends our party, or both parties before the connection is open.
    fn close(&mut self) {
        if self.can_talk() || self.peer == Disconnected || self.local == Disconnected {
            self.local = Disconnected;
        } else {
            self.end();
        }
    }

    fn end(&mut self) {
        (self.local, self.peer) = (Disconnected, Disconnected);
    }
}
