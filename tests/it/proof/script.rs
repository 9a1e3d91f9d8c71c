//! Calls drawn from bytes: any method at any time, about a third of them where the table forbids them.

use super::{
    compression::{self, Compression, reach_on},
    peer::{self, Peer},
    settings,
    subject::Subject,
    trace::{Call, Trace},
};
use arbitrary::{Result, Unstructured};
use statesocket::{Connection, Phase, Role};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// After this many steps, more prove nothing.
const MAX_DRAWS: usize = 300;

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Established(Role),
    Handshake(Role),
}

/// Draws a start, a configuration and calls from `data`, makes the calls, and lets the clock bring the end.
pub(crate) fn run(data: &[u8]) -> Trace {
    run_with(data, |_| How::Made)
}

/// The same, with memory for output lent to the connection.
pub(crate) fn run_lent(data: &[u8]) -> Trace {
    run_from(data, |subject| subject.lend(1 + data.len() % 40), |_| How::Made)
}

/// How a drawn call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Made,
    /// Made, with all of the state recorded before and after it, which is slow.
    Watched,
    LeftOut,
}

/// The same, with `how` called for each drawn call by its number.
pub(crate) fn run_with(data: &[u8], how: impl Fn(usize) -> How) -> Trace {
    run_from(data, |_| {}, how)
}

fn run_from(data: &[u8], prepare: impl FnOnce(&mut Subject), how: impl Fn(usize) -> How) -> Trace {
    let (compression, data) = compression::split(data);
    let (start, choices, rest) = match data {
        [first, choices, rest @ ..] => (start(*first), *choices, rest),
        _ => (Start::Handshake(Role::Server), 0, data),
    };
    let mut script = Script::new(start, choices, compression, rest);
    prepare(&mut script.subject);
    for number in 0..MAX_DRAWS {
        // The script ends when the bytes run out; that is no fault.
        let Ok(drawn) = script.draw() else { break };
        match (drawn, how(number)) {
            (Some(call), How::Made) => script.subject.call_drawn(number, call),
            (Some(call), How::Watched) => script.subject.call_watched(call),
            (Some(_), How::LeftOut) | (None, _) => {}
        }
        if script.source.is_empty() {
            break;
        }
    }
    script.subject.end_of_draw();
    script.end();
    script.subject.into_trace()
}

fn start(choice: u8) -> Start {
    match choice % 4 {
        0 => Start::Handshake(Role::Server),
        1 => Start::Handshake(Role::Client),
        2 => Start::Established(Role::Server),
        _ => Start::Established(Role::Client),
    }
}

struct Script<'a> {
    subject: Subject,
    peer: Peer,
    source: Unstructured<'a>,
    /// The peer or the network has ended the stream.
    is_gone: bool,
    /// Writing has failed for good.
    has_failed: bool,
    /// Whether the output can be written at the end.
    is_read: bool,
}

impl<'a> Script<'a> {
    fn new(start: Start, choices: u8, compression: Option<Compression>, data: &'a [u8]) -> Self {
        let mut config = settings::config(choices);
        if let Some(compression) = compression {
            compression.apply(&mut config);
        }
        let config = Arc::new(config);
        let now = Instant::now();
        let shared = Arc::clone(&config);
        let connection = match start {
            Start::Handshake(Role::Server) => Connection::server(shared, now),
            Start::Handshake(Role::Client) => Connection::client(&peer::connect(), shared, now),
            Start::Established(role) => Connection::established(role, compression::agreed(compression), shared, now),
        };
        let peer = Peer::new(connection.role(), compression.map(|_| choices));
        let subject = Subject::new(connection, config, matches!(start, Start::Established(_)), now);
        Self {
            subject,
            peer,
            source: Unstructured::new(data),
            is_gone: false,
            has_failed: false,
            is_read: choices & 0x80 == 0,
        }
    }

    /// Draws the next step. Returns a call of the application, and does anything else.
    fn draw(&mut self) -> Result<Option<Call>> {
        let subject = &mut self.subject;
        match self.source.int_in_range(0..=31)? {
            0..=8 if !self.is_gone => {
                let may_compress = reach_on(&subject.connection, subject.role().peer()).is_some();
                let bytes = self.peer.say(subject.connection.phase(), may_compress, &mut self.source)?;
                subject.feed(&bytes);
            }
            9..=11 if !self.has_failed => subject.write(*self.source.choose(&[1, 3, 50, 100_000])?),
            12 => subject.take_events(),
            13 => drop(subject.poll_socket()),
            14 => {
                let millis = *self.source.choose(&[0, 1, 900, 2_500, 40_000])?;
                subject.wait(Duration::from_millis(millis));
            }
            15 => {
                if let Some(deadline) = subject.poll_timeout()
                    && self.source.arbitrary()?
                {
                    subject.wait(deadline.saturating_duration_since(subject.now));
                }
                return Ok(Some(Call::HandleTimeout));
            }
            16 => return self.network(),
            17 => return Ok(Some(if self.source.arbitrary()? { Call::PauseReading } else { Call::ResumeReading })),
            // Most calls are refused while nothing can be sent, so a few of them are enough.
            18.. if subject.connection.can_send() || self.source.ratio(1, 5)? => return self.application().map(Some),
            _ => {}
        }
        Ok(None)
    }

    fn network(&mut self) -> Result<Option<Call>> {
        Ok(match self.source.int_in_range(0..=15)? {
            0 | 1 => {
                self.is_gone = true;
                Some(Call::ReceiveEof)
            }
            2 => {
                (self.is_gone, self.has_failed) = (true, true);
                Some(Call::TransportFailed)
            }
            _ => None,
        })
    }

    fn application(&mut self) -> Result<Call> {
        let is_asked = self.subject.connection.phase() == Phase::Requested && self.subject.role() == Role::Server;
        let is_plain = self.subject.connection.request().is_some_and(|request| !request.is_websocket());
        let source = &mut self.source;
        // An application usually answers a request; otherwise few connections would open.
        if is_plain && source.ratio(2, 3)? {
            return Ok(Call::Respond(*source.choose(&[200, 404, 101, 304])?));
        }
        if is_asked && source.ratio(2, 3)? {
            return Ok(Call::Accept(*source.choose(&[None, Some("chat")])?));
        }
        if is_asked && source.ratio(1, 2)? {
            let is_answer = source.arbitrary()?;
            return Ok(if is_answer {
                Call::Respond(*source.choose(&[200, 404, 101, 304])?)
            } else {
                Call::SetConfig(source.arbitrary()?)
            });
        }
        let is_to_reply = self.subject.connection.disconnected().is_some() && self.subject.connection.can_send();
        if is_to_reply && source.ratio(1, 10)? {
            return Ok(Call::ReplyClose);
        }
        // Short messages do not become shorter.
        let times = if reach_on(&self.subject.connection, self.subject.role()).is_some() { 30 } else { 1 };
        let source = &mut self.source;
        let text = |source: &mut Unstructured<'_>| Ok(source.choose(&["", "hello", "κόσμε", "x"])?.repeat(times));
        Ok(match source.int_in_range(0..=23)? {
            0 => Call::Accept(*source.choose(&[None, Some("chat"), Some("unknown")])?),
            1 => Call::Reject(*source.choose(&[403, 404, 101, 204, 503, 200])?),
            2..=5 => Call::Text(text(source)?),
            6 => Call::Binary(vec![0xAB; *source.choose(&[0, 5, 125, 126, 400])?]),
            7 => Call::HandedOver(vec![0xDE; *source.choose(&[0, 10, 2_000])?]),
            8 => Call::Shared(vec![0xCD; *source.choose(&[0, 10, 2_000])?]),
            9..=11 => Call::TextFragment(text(source)?, source.arbitrary()?),
            12 | 13 => Call::BinaryFragment(vec![0xEF; *source.choose(&[0, 7, 130])?], source.arbitrary()?),
            14..=17 => Call::Ping(vec![b'p'; *source.choose(&[0, 4, 125, 126])?]),
            18 | 19 if source.ratio(1, 2)? => {
                let code = *source.choose(&[1000, 1001, 1011, 1010, 4000, 1005, 1006, 1015, 999, 5000])?;
                let reason = *source.choose(&["", "why", "", "because"])?;
                Call::Close(code, reason.repeat(if source.ratio(1, 8)? { 50 } else { 1 }))
            }
            18 if source.ratio(1, 2)? => Call::ReplyClose,
            19 if source.ratio(1, 2)? => Call::Pong(vec![b'q'; *source.choose(&[0, 4, 125, 126])?]),
            20 if source.ratio(1, 3)? => {
                let (code, len) = *source.choose(&[(1000, 80), (1005, 0), (1006, 0), (4000, 80), (1005, 80)])?;
                Call::EnsureClosed(code, "é".repeat(len))
            }
            21 if source.ratio(1, 4)? => Call::Shutdown(*source.choose(&[1001, 1012])?),
            22 if source.ratio(1, 6)? => Call::Abort,
            22 if source.ratio(1, 6)? => Call::Finish,
            23 if source.ratio(1, 4)? => Call::Fail(*source.choose(&[1008, 1005, 1006, 4000])?, text(source)?),
            20 => Call::SetConfig(source.arbitrary()?),
            _ => Call::Text("again".to_owned()),
        })
    }

    /// The end by the clock: the peer sends nothing more, and the output is written or cannot be. If the configuration
    /// has no deadlines, the application ends the connection, and the driver gives up output that cannot be written.
    fn end(&mut self) {
        let is_written = !self.has_failed && self.is_read;
        let subject = &mut self.subject;
        subject.call(Call::ResumeReading);
        subject.take_events();
        for _ in 0..64 {
            if is_written {
                subject.write(usize::MAX);
            }
            while subject.poll_socket().is_some() {}
            if subject.connection.is_finished() {
                break;
            }
            match subject.poll_timeout() {
                Some(deadline) => {
                    subject.wait(deadline.saturating_duration_since(subject.now));
                    subject.call(Call::HandleTimeout);
                }
                None if subject.connection.output_len() > 0 && subject.connection.phase() == Phase::Closed => {
                    subject.call(Call::TransportFailed);
                }
                None => subject.call(Call::Abort),
            }
            subject.take_events();
        }
        for call in [Call::ReceiveEof, Call::ReceiveEof, Call::TransportFailed, Call::EnsureClosed(1000, String::new())]
        {
            subject.call(call);
        }
        for call in
            [Call::Abort, Call::Finish, Call::Shutdown(1001), Call::HandleTimeout, Call::Text("late".to_owned())]
        {
            subject.call(call);
        }
        subject.feed(b"\x81\x00");
        subject.poll_event();
        subject.poll_socket();
    }
}
