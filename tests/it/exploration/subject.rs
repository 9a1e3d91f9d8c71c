//! A real connection, and the faults that can be put between it and its observer.

use super::output::Output;
use crate::support::{Fragments, Raw};
use statesocket::{
    Connection, Event, Phase, Role, SocketAction, State, Timer,
    handshake::{Accept, Response},
    http::StatusCode,
};
use std::time::Instant;

/// The last fragment of each message that is sent in fragments.
pub(super) const END: &str = ".";

/// What an application may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    Accept,
    Reject,
    Send,
    /// Sends a fragment that is not the last one of its message.
    Fragment,
    LastFragment,
    Ping,
    Close,
    EnsureClosed,
    Abort,
    ShutDown,
    Pause,
    Resume,
}

impl Call {
    pub(super) const ALL: [Self; 12] = [
        Self::Accept,
        Self::Reject,
        Self::Send,
        Self::Fragment,
        Self::LastFragment,
        Self::Ping,
        Self::Close,
        Self::EnsureClosed,
        Self::Abort,
        Self::ShutDown,
        Self::Pause,
        Self::Resume,
    ];

    /// Whether the call does nothing, instead of failing, where it makes no sense.
    pub(super) const fn is_never_refused(self) -> bool {
        matches!(self, Self::EnsureClosed | Self::Abort | Self::ShutDown | Self::Pause | Self::Resume)
    }

    /// Whether only the bounds with pauses have this call.
    pub(super) const fn is_of_pauses(self) -> bool {
        matches!(self, Self::ShutDown | Self::Pause | Self::Resume)
    }
}

/// Faults of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    KnowsAnApplicationWithoutClient,
    ForgetsThatItClosed,
    RunsAhead,
    LosesDisconnect,
    RepeatsDisconnect,
    TellsOfAMessageAfterTheEnd,
    TellsAnotherCode,
    SendsDataAfterClose,
    SendsCloseTwice,
    AnswersCloseWithAnotherCode,
    AnswersPingAfterClose,
    SwallowsPong,
    ShutsDownTwice,
    WritesAfterShutdown,
    WritesAfterTheEnd,
    TalksBeforeTheAnswer,
    QueuesWhatItRefuses,
    LosesClosingTimer,
    NeverAnswersClose,
    HandsOutWhilePaused,
    ForgetsTheRest,
    InterleavesMessages,
    NeverEndsMessages,
}

/// A connection as the exploration sees it. Everything that comes out of it passes through here.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) connection: Connection,
    fault: Option<Fault>,
    /// The bytes that the connection holds back.
    pub(super) rest: Vec<u8>,
    /// The number of messages sent.
    sent: usize,
    /// Bytes that the fault writes behind those of the connection.
    extra: Vec<u8>,
    /// The event that the fault reports next.
    invented: Option<Event<'static>>,
}

impl Subject {
    pub(super) const fn new(connection: Connection, fault: Option<Fault>) -> Self {
        Self { connection, fault, rest: Vec::new(), sent: 0, extra: Vec::new(), invented: None }
    }

    /// The states of the client and the application.
    pub(super) fn states(&self) -> (State, State) {
        use State::{Connected, Connecting, Disconnected};
        let states = (self.connection.client_state(), self.connection.application_state());
        match (self.fault, states) {
            (Some(Fault::KnowsAnApplicationWithoutClient), (Connected, Connecting)) => (Connecting, Connected),
            (Some(Fault::ForgetsThatItClosed), (Disconnected, Connected) | (Connected, Disconnected)) => {
                if self.connection.output_len() == 0 { (Connected, Connected) } else { states }
            }
            (Some(Fault::RunsAhead), (Connected, Connecting)) => (Connected, Connected),
            _ => states,
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.connection.output_len() + self.extra.len()
    }

    /// The next event of the rest, or the next pending one if there is no rest.
    pub(super) fn next_event(&mut self, now: Instant) -> Option<Event<'static>> {
        let event = if self.rest.is_empty() {
            self.connection.poll_event()
        } else {
            let is_paused = self.connection.is_reading_paused();
            if self.fault == Some(Fault::HandsOutWhilePaused) && is_paused {
                self.connection.resume_reading();
            }
            let mut input = self.rest.as_mut_slice();
            let event = self.connection.receive(&mut input, now).map(Event::into_owned);
            self.rest = input.to_vec();
            if is_paused && !self.connection.is_reading_paused() {
                self.connection.pause_reading();
            }
            if event.is_none() && self.fault == Some(Fault::ForgetsTheRest) && !self.rest.is_empty() {
                self.rest.clear();
                self.connection.resume_reading();
                let _ = self.connection.receive(&mut (&mut [] as &mut [u8]), now);
            }
            event
        };
        let event = event.or_else(|| self.invented.take())?;
        let Event::Disconnect(disconnect) = &event else { return Some(event) };
        if self.fault == Some(Fault::WritesAfterTheEnd) && !self.connection.is_finished() {
            self.extra = self.encode(Raw::new(Raw::PONG, "late"));
        }
        match self.fault {
            Some(Fault::LosesDisconnect) => return None,
            Some(Fault::RepeatsDisconnect) => {
                self.fault = None;
                self.invented = Some(event.clone());
            }
            Some(Fault::TellsOfAMessageAfterTheEnd) => self.invented = Some(Event::Pong(b"late".into())),
            Some(Fault::TellsAnotherCode) => {
                let mut disconnect = disconnect.clone();
                disconnect.code = 1000.into();
                return Some(Event::Disconnect(disconnect));
            }
            _ => {}
        }
        Some(event)
    }

    /// Makes `call`; messages are numbered. Returns `false` if it was refused.
    pub(super) fn call(&mut self, call: Call) -> bool {
        let connection = &mut self.connection;
        let number = if connection.role() == Role::Client { 1 } else { 2 };
        let is_done = match call {
            Call::Accept => connection.accept(Accept::new()).is_ok(),
            Call::Reject => connection.reject(Response::new(StatusCode::NOT_FOUND)).is_ok(),
            Call::Send => connection.send_text(&self.sent.to_string()).is_ok(),
            Call::Fragment => connection.send_text_fragment(&self.sent.to_string(), false).is_ok(),
            Call::LastFragment => connection.send_text_fragment(END, true).is_ok(),
            Call::Ping => connection.ping(b"?").is_ok(),
            Call::Close => connection.close(4000 + number, "").is_ok(),
            Call::EnsureClosed => {
                connection.ensure_closed(4010 + number, "");
                true
            }
            Call::Abort => {
                connection.abort();
                true
            }
            Call::ShutDown => {
                connection.shutdown(4020 + number);
                true
            }
            Call::Pause => {
                connection.pause_reading();
                true
            }
            Call::Resume => {
                connection.resume_reading();
                true
            }
        };
        self.sent += usize::from(is_done && matches!(call, Call::Send | Call::LastFragment));
        if !is_done && self.fault == Some(Fault::QueuesWhatItRefuses) {
            self.extra.push(0);
        }
        is_done
    }

    /// Takes the whole output.
    pub(super) fn take_output(&mut self) -> Output {
        let bytes = self.connection.output().to_vec();
        self.connection.advance(bytes.len());
        let mut output = Output::parse(&bytes);
        self.alter(&mut output.frames);
        if self.fault == Some(Fault::TalksBeforeTheAnswer) && self.connection.phase() == Phase::Requested {
            self.extra = self.encode(Raw::new(Raw::PONG, "early"));
        }
        output.frames.extend(Output::parse(&std::mem::take(&mut self.extra)).frames);
        output
    }

    fn alter(&self, frames: &mut Vec<Raw>) {
        let is_answer = self.connection.disconnected().is_some_and(|disconnect| disconnect.received.is_some());
        match (self.fault, frames.last_mut().filter(|frame| frame.close_code().is_some())) {
            (Some(Fault::SendsDataAfterClose), Some(close)) => {
                let data = Raw { first: 0x80 | Raw::TEXT, payload: Vec::new(), key: close.key };
                frames.push(data);
            }
            (Some(Fault::SendsCloseTwice), Some(close)) => {
                let second = close.clone();
                frames.push(second);
            }
            (Some(Fault::AnswersPingAfterClose), Some(close)) if is_answer => {
                let pong = Raw { first: 0x80 | Raw::PONG, payload: Vec::new(), key: close.key };
                frames.push(pong);
            }
            (Some(Fault::AnswersCloseWithAnotherCode), Some(close)) if is_answer => close.payload = vec![0x0B, 0xB8],
            (Some(Fault::NeverAnswersClose), Some(_)) if is_answer => drop(frames.pop()),
            (Some(Fault::InterleavesMessages), _) => {
                if let Some(at) = frames.iter().position(|frame| frame.first == Raw::TEXT) {
                    let whole = Raw { first: 0x80 | Raw::TEXT, payload: Vec::new(), key: frames[at].key };
                    frames.insert(at + 1, whole);
                }
            }
            (Some(Fault::NeverEndsMessages), _) => {
                for frame in frames.iter_mut().filter(|frame| frame.first == 0x80 | Raw::CONTINUATION) {
                    frame.first = Raw::CONTINUATION;
                }
            }
            (Some(Fault::SwallowsPong), _) => frames.retain(|frame| frame.first != 0x80 | Raw::PONG),
            _ => {}
        }
    }

    pub(super) fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let (deadline, timer) = self.connection.poll_timeout(now)?;
        (self.fault != Some(Fault::LosesClosingTimer) || timer != Timer::Closing).then_some(deadline)
    }

    pub(super) fn poll_socket(&mut self) -> Option<SocketAction> {
        let action = self.connection.poll_socket();
        match (self.fault, action) {
            (Some(Fault::WritesAfterShutdown), Some(SocketAction::ShutdownWrite)) => {
                self.extra = self.encode(Raw::new(Raw::PONG, "late"));
            }
            (Some(Fault::ShutsDownTwice), Some(SocketAction::Close)) => return Some(SocketAction::ShutdownWrite),
            _ => {}
        }
        action
    }

    fn encode(&self, frame: Raw) -> Vec<u8> {
        match self.connection.role() {
            Role::Client => frame.masked().bytes(),
            Role::Server => frame.bytes(),
        }
    }
}
