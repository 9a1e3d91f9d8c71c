//! The state of the transport, and the steps that end it.

use crate::timer::Timer;

/// A step that the driver takes with the socket. Each is given out at most once, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketAction {
    /// Shut down writing: the last byte has been written. Go on reading to the end of the stream. Closing a socket with
    /// unread bytes resets it, and a reset can destroy the last bytes on their way to the peer (RFC 6455 section
    /// 7.1.1).
    ShutdownWrite,
    /// Close the socket and drop the connection.
    Close,
}

/// The transport as the driver has described it. Gives out each [`SocketAction`] at most once, in order.
#[derive(Debug)]
pub(super) struct Transport {
    input: Input,
    ending: Ending,
    /// The driver still has bytes that were held back.
    has_rest: bool,
}

/// Whether the transport can still bring bytes of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// The peer has ended its direction; ours still works.
    Ended,
    /// Both directions are dead.
    Failed,
    /// [`Timer::Write`] has given up both directions. The driver still has bytes of the peer.
    WriteTimedOut,
    /// [`Timer::Drain`] has.
    DrainTimedOut,
}

/// The steps that remain once both parties are disconnected and the output is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The parties are not both disconnected yet.
    NotYet,
    /// Shut down writing, read to the end of the stream, close.
    Drain,
    /// Read to the end of the stream, close.
    AwaitEof,
    /// Close.
    Close,
    /// No step: `Close` has been given out.
    Done,
}

impl Transport {
    pub(super) const NEW: Self = Self { input: Input::Open, ending: Ending::NotYet, has_rest: false };

    /// Whether the peer's direction is open.
    pub(super) fn is_open(&self) -> bool {
        self.input == Input::Open
    }

    /// Whether the peer has ended its direction and ours still works.
    pub(super) fn has_ended(&self) -> bool {
        self.input == Input::Ended
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.input, Input::Failed | Input::WriteTimedOut | Input::DrainTimedOut)
    }

    /// The timer that has given up the transport.
    pub(super) const fn timed_out(&self) -> Option<Timer> {
        match self.input {
            Input::WriteTimedOut => Some(Timer::Write),
            Input::DrainTimedOut => Some(Timer::Drain),
            Input::Open | Input::Ended | Input::Failed => None,
        }
    }

    /// Whether the driver has bytes of the peer that it must hand in again.
    #[inline]
    pub(super) const fn has_rest(&self) -> bool {
        self.has_rest
    }

    pub(super) const fn set_rest(&mut self, has_rest: bool) {
        self.has_rest = has_rest;
    }

    /// Records the end of the peer's direction.
    pub(super) fn end_input(&mut self) {
        if self.input == Input::Open {
            self.input = Input::Ended;
        }
    }

    /// Records the failure of both directions.
    pub(super) fn fail(&mut self) {
        if !self.has_failed() {
            self.input = Input::Failed;
        }
    }

    /// Records that `timer` gives up both directions.
    pub(super) fn time_out(&mut self, timer: Timer) {
        if !self.has_failed() {
            debug_assert!(matches!(timer, Timer::Write | Timer::Drain), "{timer:?} does not bound the output");
            self.input = if timer == Timer::Write { Input::WriteTimedOut } else { Input::DrainTimedOut };
        }
    }

    /// Begins the ending: both parties are disconnected.
    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// Skips the steps before `Close`.
    pub(super) fn skip_to_close(&mut self) {
        if self.ending != Ending::Done {
            self.ending = Ending::Close;
        }
    }

    /// The next step, if it is due. The output must be empty.
    pub(super) fn poll(&mut self) -> Option<SocketAction> {
        match (self.ending, self.is_open()) {
            (Ending::NotYet | Ending::Done, _) | (Ending::AwaitEof, true) => None,
            (Ending::Drain, true) => {
                self.ending = Ending::AwaitEof;
                Some(SocketAction::ShutdownWrite)
            }
            (Ending::Drain | Ending::AwaitEof, false) | (Ending::Close, _) => {
                self.ending = Ending::Done;
                Some(SocketAction::Close)
            }
        }
    }

    /// Whether no step remains but `Close`, once the output is written: no end of the peer is waited for.
    pub(super) fn is_closing(&self) -> bool {
        match self.ending {
            Ending::NotYet => false,
            Ending::Drain | Ending::AwaitEof => !self.is_open(),
            Ending::Close | Ending::Done => true,
        }
    }

    /// Whether `Close` has been given out.
    pub(super) fn is_closed(&self) -> bool {
        self.ending == Ending::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDINGS: [Ending; 5] = [Ending::NotYet, Ending::Drain, Ending::AwaitEof, Ending::Close, Ending::Done];
    const INPUTS: [Input; 5] = [Input::Open, Input::Ended, Input::Failed, Input::WriteTimedOut, Input::DrainTimedOut];

    fn actions(mut transport: Transport) -> Vec<SocketAction> {
        std::iter::from_fn(|| transport.poll()).collect()
    }

    #[test]
    fn each_ending_and_input_gives_its_steps_in_order() {
        use SocketAction::{Close, ShutdownWrite};
        for ending in ENDINGS {
            for input in INPUTS {
                let expected: &[_] = match (ending, input) {
                    (Ending::NotYet | Ending::Done, _) | (Ending::AwaitEof, Input::Open) => &[],
                    (Ending::Drain, Input::Open) => &[ShutdownWrite],
                    (Ending::Drain | Ending::AwaitEof | Ending::Close, _) => &[Close],
                };
                assert_eq!(
                    actions(Transport { input, ending, ..Transport::NEW }),
                    expected,
                    "{ending:?} with input {input:?}"
                );
            }
        }
    }

    #[test]
    fn the_end_of_the_stream_completes_a_drain() {
        let mut transport = Transport::NEW;
        transport.end(Ending::Drain);
        assert_eq!(transport.poll(), Some(SocketAction::ShutdownWrite));
        assert_eq!((transport.poll(), transport.is_closing()), (None, false));
        transport.end_input();
        assert_eq!(transport.poll(), Some(SocketAction::Close));
        assert_eq!((transport.poll(), transport.is_closed()), (None, true));
    }

    #[test]
    fn a_failure_is_never_taken_for_an_end() {
        let mut transport = Transport::NEW;
        transport.fail();
        transport.end_input();
        assert!(transport.has_failed() && !transport.has_ended() && !transport.is_open());
    }

    #[test]
    fn close_is_given_out_once_however_often_it_is_asked_for() {
        for ending in ENDINGS {
            let mut transport = Transport { ending, ..Transport::NEW };
            let mut closes = 0;
            for _ in 0..3 {
                transport.skip_to_close();
                closes += std::iter::from_fn(|| transport.poll()).count();
            }
            assert_eq!(closes, usize::from(ending != Ending::Done), "{ending:?}");
            assert!(transport.is_closing() && transport.is_closed());
        }
    }
}
