//! The Close frames that have passed, and the one `Disconnect` that is made of them.

use crate::{
    event::{Cause, Disconnect},
    state::Party,
};
use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};

/// Makes one `Disconnect` and hands it out once. Boxed, since an open connection has nothing to say here.
#[derive(Debug, Default)]
pub(super) struct Farewell(Option<Box<Parting>>);

#[derive(Debug, Default)]
struct Parting {
    received: Option<CloseFrame>,
    sent: Option<CloseFrame>,
    /// Who sent the first Close, as seen here.
    initiator: Option<Party>,
    disconnect: Option<Disconnect>,
    /// The `Disconnect` has still to be handed out.
    is_due: bool,
}

impl Farewell {
    pub(super) fn note_received(&mut self, frame: CloseFrame, peer: Party) {
        let parting = self.0.get_or_insert_default();
        parting.initiator.get_or_insert(peer);
        parting.received = Some(frame);
    }

    pub(super) fn note_sent(&mut self, frame: CloseFrame, local: Party) {
        let parting = self.0.get_or_insert_default();
        parting.initiator.get_or_insert(local);
        parting.sent = Some(frame);
    }

    /// The transport has failed: an answer that cannot leave makes nothing clean.
    pub(super) fn forget_answer(&mut self) {
        if let Some(parting) = self.0.as_mut().filter(|parting| parting.received.is_some()) {
            parting.sent = None;
        }
    }

    /// Who sent the first Close.
    pub(super) fn initiator(&self) -> Option<Party> {
        self.0.as_ref()?.initiator
    }

    /// Makes the one `Disconnect`, or brings it up to date if a Close of ours has followed it. `initiator` is who began
    /// the end if no Close did.
    pub(super) fn report(&mut self, cause: Cause, initiator: Option<Party>) {
        let parting = self.0.get_or_insert_default();
        let is_clean = parting.received.is_some() && parting.sent.is_some();
        if let Some(disconnect) = &mut parting.disconnect {
            disconnect.is_clean = is_clean;
            disconnect.sent.clone_from(&parting.sent);
            return;
        }
        // Section 7.1.5: "If _The WebSocket Connection is Closed_ and no Close control frame was received by the
        // endpoint [...], _The WebSocket Connection Close Code_ is considered to be 1006."
        let (code, reason) = parting
            .received
            .as_ref()
            .map_or((CloseCode::Abnormal, String::new()), |close| (close.code, close.reason.to_string()));
        parting.disconnect = Some(Disconnect {
            code,
            reason,
            cause,
            received: parting.received.clone(),
            sent: parting.sent.clone(),
            initiator: parting.initiator.or(initiator),
            is_clean,
        });
        parting.is_due = true;
    }

    /// Whether the `Disconnect` has still to be handed out.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.0.as_ref().is_some_and(|parting| parting.is_due)
    }

    /// Hands the `Disconnect` out, if that is due.
    pub(super) fn take(&mut self) -> Option<Box<Disconnect>> {
        let parting = self.0.as_mut().filter(|parting| parting.is_due)?;
        parting.is_due = false;
        parting.disconnect.clone().map(Box::new)
    }

    /// The `Disconnect`, once it has been handed out.
    pub(super) fn disconnect(&self) -> Option<&Disconnect> {
        self.0.as_ref().filter(|parting| !parting.is_due)?.disconnect.as_ref()
    }
}
