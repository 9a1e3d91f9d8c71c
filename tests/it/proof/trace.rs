//! The calls of a connection and its answers.

use super::compression::Reach;
use crate::support::{Raw, head_len};
use statesocket::{Agreed, Config, Disconnect, Event, Hold, Phase, Role, SocketAction, State, Timer, TransitionError};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A call of a method, or time that passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `receive`, with the number of bytes offered and the number taken.
    Receive {
        given: Vec<u8>,
        taken: usize,
    },
    PollEvent,
    ReceiveEof,
    TransportFailed,
    PollTimeout(Option<(Instant, Timer)>),
    HandleTimeout,
    /// `advance`, after these bytes were written.
    Advance(Vec<u8>),
    PollSocket(Option<SocketAction>),
    Accept(Option<&'static str>),
    Reject(u16),
    Respond(u16),
    /// `set_config`, with the choices of the configuration.
    SetConfig(u8),
    Text(String),
    Binary(Vec<u8>),
    Shared(Vec<u8>),
    HandedOver(Vec<u8>),
    TextFragment(String, bool),
    BinaryFragment(Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    ReplyClose,
    Fail(u16, String),
    EnsureClosed(u16, String),
    Shutdown(u16),
    Abort,
    Finish,
    PauseReading,
    ResumeReading,
    /// No call: time passes.
    Wait(Duration),
}

/// An error that a call returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error, if it is a transition that the table forbids.
    pub(crate) transition: Option<TransitionError>,
    pub(crate) text: String,
}

/// A call and its effects.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) call: Call,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) event: Option<Event<'static>>,
    /// The number of bytes that the driver then has to hand in again.
    pub(crate) rest: usize,
    /// The internals of the connection before and after a watched call, as text.
    pub(crate) texts: Option<[String; 2]>,
}

/// What is visible of a connection without changing it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) phase: Phase,
    pub(crate) client_state: State,
    pub(crate) application_state: State,
    /// All queued bytes.
    pub(crate) output: Vec<u8>,
    pub(crate) queued: usize,
    pub(crate) can_send: bool,
    pub(crate) wants_read: bool,
    pub(crate) held_by: Option<Hold>,
    pub(crate) is_finished: bool,
    pub(crate) disconnect: Option<Disconnect>,
    pub(crate) has_closed_cleanly: bool,
    pub(crate) moves: usize,
}

/// The whole life of a connection: `views[i]` is before `steps[i]`, `views[i + 1]` after it.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) role: Role,
    pub(crate) config: Arc<Config>,
    /// How far this end and its peer may refer back; `None` without compression.
    pub(crate) reach: [Option<Reach>; 2],
    #[cfg(feature = "deflate")]
    pub(crate) deflate: Option<statesocket::AgreedDeflate>,
    pub(crate) is_established: bool,
    pub(crate) views: Vec<View>,
    pub(crate) steps: Vec<Step>,
    /// The position in the received bytes at which the frames begin, once they have.
    pub(crate) frames_from: Option<usize>,
    /// The number of drawn steps; the steps after them are the end by the clock.
    pub(crate) drawn: usize,
    /// The numbers of the drawn calls that were refused.
    pub(crate) refused: Vec<usize>,
}

impl Step {
    /// Whether it is a call of the application, not of the network, the clock or the driver.
    pub(crate) fn is_of_application(&self) -> bool {
        !matches!(
            self.call,
            Call::Receive { .. }
                | Call::PollEvent
                | Call::ReceiveEof
                | Call::TransportFailed
                | Call::PollTimeout(_)
                | Call::HandleTimeout
                | Call::Advance(_)
                | Call::PollSocket(_)
                | Call::Wait(_)
        )
    }
}

impl Trace {
    /// Adds what this connection has agreed on with its peer.
    pub(crate) fn agree(&self, agreed: Agreed) -> Agreed {
        #[cfg(feature = "deflate")]
        if let Some(deflate) = self.deflate {
            return agreed.deflate(deflate);
        }
        agreed
    }

    /// Each step with the views before and after it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&View, &Step, &View)> {
        self.steps.iter().zip(self.views.windows(2)).map(|(step, views)| (&views[0], step, &views[1]))
    }

    pub(crate) fn last(&self) -> &View {
        self.views.last().expect("a trace begins with a view")
    }

    pub(crate) fn events(&self) -> Vec<Event<'static>> {
        self.steps.iter().filter_map(|step| step.event.clone()).collect()
    }

    pub(crate) fn disconnects(&self) -> Vec<Disconnect> {
        let of = |event| if let Event::Disconnect(disconnect) = event { Some(*disconnect) } else { None };
        self.events().into_iter().filter_map(of).collect()
    }

    /// The end, in its final state.
    pub(crate) fn end(&self) -> Option<&Disconnect> {
        self.last().disconnect.as_ref()
    }

    /// Whether queued bytes were dropped, as by an abort.
    pub(crate) fn has_lost_output(&self) -> bool {
        self.iter().any(|(before, step, after)| loses_output(before, step, after))
    }

    /// The steps until the transport failed or a timer gave it up. A Ping that is read after that cannot be answered.
    pub(crate) fn while_writable(&self) -> impl Iterator<Item = (&View, &Step, &View)> {
        self.iter().take_while(|(before, step, after)| !loses_transport(before, step, after))
    }

    /// All bytes that the first `steps` received, from the first frame on.
    pub(crate) fn frames_received(&self, steps: usize) -> Vec<u8> {
        let received = self.steps[..steps].iter().filter_map(|step| match &step.call {
            Call::Receive { given, taken } => Some(&given[..*taken]),
            _ => None,
        });
        let bytes = received.collect::<Vec<_>>().concat();
        bytes.get(self.frames_from.unwrap_or(usize::MAX)..).unwrap_or_default().to_vec()
    }

    /// All bytes written, and those still queued.
    pub(crate) fn written(&self) -> Vec<u8> {
        [self.written_by(self.steps.len()), self.last().output.clone()].concat()
    }

    /// All bytes that the first `steps` wrote.
    pub(crate) fn written_by(&self, steps: usize) -> Vec<u8> {
        let written = self.steps[..steps].iter().filter_map(|step| match &step.call {
            Call::Advance(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        written.collect::<Vec<_>>().concat()
    }

    /// The bytes written before the first frame: the request or the response, as far as it was written.
    pub(crate) fn head_written(&self) -> Vec<u8> {
        let written = self.written();
        written[..self.frames_begin(&written)].to_vec()
    }

    fn frames_begin(&self, written: &[u8]) -> usize {
        if self.is_established { 0 } else { head_len(written).unwrap_or(written.len()) }
    }

    /// The written frames. An abort may have cut off the last one, which is then left out.
    pub(crate) fn frames_written(&self) -> Vec<Raw> {
        self.frames_in(&self.written())
    }

    /// The whole frames in `written`, the first bytes that were written.
    pub(crate) fn frames_in(&self, written: &[u8]) -> Vec<Raw> {
        let is_http = !self.is_established && self.role == Role::Server && !written.starts_with(b"HTTP/1.1 101 ");
        let mut rest = if is_http { &[][..] } else { &written[self.frames_begin(written)..] };
        let mut frames = Vec::new();
        while let Some(frame) = Raw::parse_whole(&mut rest) {
            frames.push(frame);
        }
        frames
    }
}

/// Whether the transport has failed, or a timer of the output has given it up. The end follows the rest then.
pub(crate) fn loses_transport(before: &View, step: &Step, after: &View) -> bool {
    let is_given_up = step.call == Call::HandleTimeout && after.phase == Phase::Open;
    step.call == Call::TransportFailed || (is_given_up && loses_output(before, step, after))
}

fn loses_output(before: &View, step: &Step, after: &View) -> bool {
    let is_gone = !before.output.is_empty() && after.output.is_empty();
    is_gone && !matches!(step.call, Call::Advance(_))
}
