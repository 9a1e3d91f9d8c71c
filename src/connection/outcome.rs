//! The Close frames of both parties, and the one `Disconnect` that is made of them.

use crate::{
    close_code::CloseCode,
    close_frame::CloseFrame,
    event::{Cause, Disconnect},
    state::Party,
};
use http::StatusCode;
use std::io::ErrorKind;

/// Makes exactly one `Disconnect` and hands it out exactly once. Boxed: most connections are open and have none.
#[derive(Debug, Default)]
pub(super) struct Outcome(Option<Box<Parting>>);

#[derive(Debug, Default)]
struct Parting {
    received: Option<CloseFrame>,
    sent: Option<CloseFrame>,
    /// The sender of the first Close, as seen at this end.
    initiator: Option<Party>,
    /// The error of the system with which the transport has failed, if it is known.
    failure: Option<ErrorKind>,
    /// The status of our answer to a request that has not been accepted.
    answer: Option<StatusCode>,
    disconnect: Option<Disconnect>,
    /// `disconnect` has not been handed out yet.
    is_due: bool,
}

impl Outcome {
    /// Records the peer's Close.
    pub(super) fn close_received(&mut self, frame: CloseFrame, peer: Party) {
        let parting = self.0.get_or_insert_default();
        parting.initiator.get_or_insert(peer);
        parting.received = Some(frame);
    }

    /// Records our Close.
    pub(super) fn close_sent(&mut self, frame: CloseFrame, local: Party) {
        let parting = self.0.get_or_insert_default();
        parting.initiator.get_or_insert(local);
        parting.sent = Some(frame);
    }

    /// Records the error of the system with which the transport has failed.
    pub(super) fn transport_failed(&mut self, error: ErrorKind) {
        self.0.get_or_insert_default().failure = Some(error);
    }

    /// Records our answer to a request that is not accepted.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.0.get_or_insert_default().answer = Some(status);
    }

    /// Drops our answer to the peer's Close, because the transport has failed and the answer cannot leave.
    pub(super) fn retract_answer(&mut self) {
        if let Some(parting) = self.0.as_mut().filter(|parting| parting.received.is_some()) {
            parting.sent = None;
        }
    }

    /// Whether both parties have sent their Close. Ours may still be queued.
    pub(super) fn is_clean(&self) -> bool {
        self.0.as_ref().is_some_and(|parting| parting.is_clean())
    }

    /// The peer's Close.
    pub(super) fn received(&self) -> Option<&CloseFrame> {
        self.0.as_ref()?.received.as_ref()
    }

    /// The error of the system with which the transport has failed, if it is known.
    pub(super) fn failure(&self) -> Option<ErrorKind> {
        self.0.as_ref()?.failure
    }

    /// The status of our answer to a request that has not been accepted.
    pub(super) fn answer(&self) -> Option<StatusCode> {
        self.0.as_ref()?.answer
    }

    /// The sender of the first Close.
    pub(super) fn initiator(&self) -> Option<Party> {
        self.0.as_ref()?.initiator
    }

    /// Makes the `Disconnect`. If it exists already, adds the Close that we have sent since. `initiator` is the party
    /// that began the end, if no Close did.
    pub(super) fn report(&mut self, cause: Cause, initiator: Option<Party>) {
        let parting = self.0.get_or_insert_default();
        let is_clean = parting.is_clean();
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
            .map_or((CloseCode::ABNORMAL_CLOSURE, String::new()), |close| (close.code, close.reason.clone()));
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

    /// Whether the `Disconnect` exists and has not been handed out.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.0.as_ref().is_some_and(|parting| parting.is_due)
    }

    /// Hands out the `Disconnect`, if it is due.
    pub(super) fn take(&mut self) -> Option<Box<Disconnect>> {
        let parting = self.0.as_mut().filter(|parting| parting.is_due)?;
        parting.is_due = false;
        let disconnect = parting.disconnect.clone().map(Box::new);
        #[cfg(feature = "tracing")]
        if let Some(Disconnect { code, cause, is_clean, .. }) = disconnect.as_deref() {
            // A reason is text of the peer or of the program.
            tracing::info!(
                target: "statesocket::connection",
                code = u16::from(*code),
                cause = %cause.kind(),
                is_clean,
                "disconnect"
            );
        }
        disconnect
    }

    /// The `Disconnect`, once it exists.
    pub(super) fn reported(&self) -> Option<&Disconnect> {
        self.0.as_ref()?.disconnect.as_ref()
    }

    /// The `Disconnect`, once it has been handed out.
    pub(super) fn disconnect(&self) -> Option<&Disconnect> {
        self.0.as_ref().filter(|parting| !parting.is_due)?.disconnect.as_ref()
    }
}

impl Parting {
    const fn is_clean(&self) -> bool {
        self.received.is_some() && self.sent.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(code: u16) -> CloseFrame {
        CloseFrame::new(code, "")
    }

    /// The code, whether it was clean, and the initiator.
    fn summary(disconnect: &Disconnect) -> (u16, bool, Option<Party>) {
        (disconnect.code.into(), disconnect.is_clean, disconnect.initiator)
    }

    #[test]
    fn the_disconnect_is_handed_out_exactly_once() {
        let mut outcome = Outcome::default();
        assert!(!outcome.is_due() && outcome.take().is_none() && outcome.disconnect().is_none());
        outcome.report(Cause::TransportLost(None), None);
        assert!(outcome.is_due() && outcome.disconnect().is_none(), "it can be read once it has been handed out");
        let handed_out = outcome.take().expect("it is due");
        assert_eq!((outcome.take(), outcome.is_due()), (None, false));
        assert_eq!(outcome.disconnect(), Some(&*handed_out));
        outcome.report(Cause::Aborted, Some(Party::Client));
        assert_eq!(
            (outcome.take(), outcome.disconnect()),
            (None, Some(&*handed_out)),
            "a second report changes nothing"
        );
    }

    #[test]
    fn every_order_of_closes_gives_the_code_of_the_received_one() {
        let orders: [(&[Party], _); 5] = [
            (&[], (1006, false, None)),
            (&[Party::Client], (1001, false, Some(Party::Client))),
            (&[Party::Application], (1006, false, Some(Party::Application))),
            (&[Party::Client, Party::Application], (1001, true, Some(Party::Client))),
            (&[Party::Application, Party::Client], (1001, true, Some(Party::Application))),
        ];
        for (order, expected) in orders {
            let mut outcome = Outcome::default();
            for party in order {
                match party {
                    Party::Client => outcome.close_received(frame(1001), Party::Client),
                    Party::Application => outcome.close_sent(frame(1002), Party::Application),
                }
            }
            outcome.report(Cause::PeerClosed, None);
            assert_eq!(outcome.take().as_deref().map(summary), Some(expected), "{order:?}");
        }
    }

    #[test]
    fn a_late_answer_makes_the_disconnect_clean() {
        let mut outcome = Outcome::default();
        outcome.close_received(frame(1000), Party::Client);
        outcome.report(Cause::PeerClosed, Some(Party::Client));
        assert_eq!(outcome.take().as_deref().map(summary), Some((1000, false, Some(Party::Client))));
        outcome.close_sent(frame(1000), Party::Application);
        outcome.report(Cause::PeerClosed, Some(Party::Client));
        assert_eq!(outcome.disconnect().map(summary), Some((1000, true, Some(Party::Client))));
        assert_eq!(outcome.take(), None);
    }

    #[test]
    fn an_answer_that_cannot_leave_is_retracted_but_a_first_close_is_not() {
        let mut answered = Outcome::default();
        answered.close_received(frame(1000), Party::Client);
        answered.close_sent(frame(1000), Party::Application);
        answered.retract_answer();
        answered.report(Cause::PeerClosed, None);
        assert_eq!(answered.take().map(|end| (end.sent, end.is_clean)), Some((None, false)));

        let mut first = Outcome::default();
        first.close_sent(frame(1000), Party::Application);
        first.retract_answer();
        first.report(Cause::TransportLost(None), None);
        assert_eq!(first.take().and_then(|end| end.sent), Some(frame(1000)));
    }

    #[test]
    fn an_open_connection_spends_one_pointer_on_its_end() {
        assert_eq!(size_of::<Outcome>(), size_of::<usize>());
    }
}
