//! The bytes of both ends of one connection to findings.

use crate::{
    finding::{Ends, Finding, Moment, Sink, What, name},
    opening::{self, HeadReader},
    receiver::{Receiver, Rest},
    rules::Violation,
};
use statesocket::{Action, Agreed, Config, Delivery, Party, Phase, Role, State, handshake::Request};
use std::{mem, sync::Arc, time::Instant};

/// The bytes that the server may send before the request is whole, and the client before the answer. In a capture that
/// lacks nothing the first are none.
const MAX_WAITING: usize = 64 << 10;

/// The longest frame and message, in bytes. A message is not kept, so that this bounds time and not memory.
const MAX_MESSAGE: u64 = 256 << 20;

/// One connection, as its two ends see it.
///
/// ```
/// use statesocket::Role;
/// use statesocket_inspect::{conversation::Conversation, finding::{Moment, What}};
///
/// let (mut conversation, mut findings) = (Conversation::opened(1), Vec::new());
/// conversation.feed(Role::Client, Moment::default(), b"\x81\x05Hello", &mut |found| findings.push(found.what));
/// let Some(What::Violation { by, violation, .. }) = findings.last() else { panic!("{findings:?}") };
/// assert_eq!((*by, violation.section), (Role::Client, "RFC 6455 section 5.1"));
/// ```
#[derive(Debug)]
pub struct Conversation {
    number: u64,
    config: Arc<Config>,
    /// The judges have no clock: every time is this one.
    now: Instant,
    phase: Phase,
    stage: Stage,
    client: Direction,
    server: Direction,
    has_violation: bool,
}

#[derive(Debug)]
enum Stage {
    Request,
    Answer(Arc<Request>),
    Frames,
    /// The rest is of no interest.
    Skip,
}

/// What one end has sent.
#[derive(Debug, Default)]
struct Direction {
    head: HeadReader,
    /// Bytes that wait for a head of the other end.
    waiting: Vec<u8>,
    /// From the end of the handshake on.
    receiver: Option<Box<Receiver>>,
    has_violation: bool,
    has_ended: bool,
    /// Bytes are missing, so that the rest cannot be read.
    is_lost: bool,
}

impl Conversation {
    /// A connection that begins with a request.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let config = Config::default().with(|config| {
            config.delivery = Delivery::Chunks;
            config.high_water = None;
            config.max_head_bytes = 64 << 10;
            config.max_frame_bytes = MAX_MESSAGE;
            config.max_message_bytes = MAX_MESSAGE;
        });
        Self {
            number,
            config: Arc::new(config),
            now: Instant::now(),
            phase: Phase::Idle,
            stage: Stage::Request,
            client: Direction::default(),
            server: Direction::default(),
            has_violation: false,
        }
    }

    /// A connection whose handshake is not to be seen. Nothing is compressed.
    #[must_use]
    pub fn opened(number: u64) -> Self {
        let mut conversation = Self::new(number);
        conversation.open(&Agreed::new());
        conversation
    }

    /// Whether a rule was broken, or a limit exceeded.
    #[must_use]
    pub const fn has_violation(&self) -> bool {
        self.has_violation
    }

    /// Whether further bytes of an end are read. They are not if the connection is no WebSocket, or never became one,
    /// or if bytes before them are missing.
    #[must_use]
    pub const fn reads(&self, from: Role) -> bool {
        let direction = match from {
            Role::Client => &self.client,
            Role::Server => &self.server,
        };
        !self.is_skipped() && !direction.is_lost
    }

    /// Reports the beginning.
    pub fn begin(&self, moment: Moment, ends: Option<Ends>, sink: Sink<'_>) {
        self.report(moment, What::Begin { ends }, sink);
    }

    /// Takes bytes that one end has sent.
    pub fn feed(&mut self, from: Role, moment: Moment, mut bytes: &[u8], sink: Sink<'_>) {
        while !bytes.is_empty() && self.reads(from) {
            match (&self.stage, from) {
                (Stage::Skip, _) => return,
                (Stage::Request, Role::Client) => self.feed_request(moment, &mut bytes, sink),
                (Stage::Answer(request), Role::Server) => {
                    let request = Arc::clone(request);
                    self.feed_answer(&request, moment, &mut bytes, sink);
                }
                (Stage::Request, Role::Server) | (Stage::Answer(_), Role::Client) => {
                    self.keep_waiting(from, moment, bytes, sink);
                    return;
                }
                (Stage::Frames, _) => self.feed_frame(from, moment, &mut bytes, sink),
            }
        }
    }

    /// An end has ended its direction, by a FIN, or the connection, by a RST.
    pub fn end(&mut self, from: Role, moment: Moment, is_reset: bool, sink: Sink<'_>) {
        if mem::replace(&mut self.direction(from).has_ended, true) || self.is_skipped() {
            return;
        }
        self.report_rest(from, moment, sink);
        let party = party(from);
        if self.phase.state_of(party) == State::Disconnected {
            return;
        }
        if let Ok(next) = self.phase.next(party, Action::Abort) {
            let how = if is_reset { "resets the connection" } else { "ends the stream" };
            self.enter(next, moment, format!("the {} {how} without a close frame", name(from)), sink);
        }
    }

    /// Bytes of one end are missing. What follows cannot be read.
    pub fn lose(&mut self, from: Role, moment: Moment, missing: u64, sink: Sink<'_>) {
        if !mem::replace(&mut self.direction(from).is_lost, true) && !self.is_skipped() {
            let from = name(from);
            let text =
                format!("the capture lacks {missing} bytes of the {from}; what the {from} sent after is not read");
            self.report(moment, What::Note(text), sink);
        }
    }

    /// The capture has ended.
    pub fn finish(&mut self, moment: Moment, sink: Sink<'_>) {
        if self.is_skipped() {
            return;
        }
        if matches!(self.stage, Stage::Request) {
            let head = self.client.head.partial();
            let seen = match opening::other_protocol(head, true) {
                Some(seen) if !head.is_empty() => seen,
                _ if !head.is_empty() => "the request does not end".to_owned(),
                _ if self.server.waiting.is_empty() => "no bytes".to_owned(),
                _ => "only the server has sent bytes".to_owned(),
            };
            self.skip(moment, What::NotWebSocket { seen }, sink);
            return;
        }
        for role in [Role::Client, Role::Server] {
            self.report_rest(role, moment, sink);
        }
        if self.phase != Phase::Closed {
            self.report(
                moment,
                What::Note(format!("nothing more of this connection, in phase {:?}", self.phase)),
                sink,
            );
        }
    }

    fn feed_request(&mut self, moment: Moment, bytes: &mut &[u8], sink: Sink<'_>) {
        let limit = self.config.max_head_bytes + 1;
        let Some(head) = self.client.head.take(bytes, limit) else {
            if let Some(seen) = opening::other_protocol(self.client.head.partial(), false) {
                self.skip(moment, What::NotWebSocket { seen }, sink);
            }
            return;
        };
        if let Some(seen) = opening::other_protocol(&head, true) {
            self.skip(moment, What::NotWebSocket { seen }, sink);
            return;
        }
        self.report(moment, What::Head { from: Role::Client, lines: opening::shown_lines(&head) }, sink);
        match opening::judge_request(&head, &self.config, self.now) {
            Ok(request) => {
                self.enter(Phase::Requested, moment, String::new(), sink);
                self.stage = Stage::Answer(request);
                let waiting = mem::take(&mut self.server.waiting);
                self.feed(Role::Server, moment, &waiting, sink);
            }
            Err(violation) => {
                self.stage = Stage::Skip;
                self.violate(Role::Client, moment, violation, sink);
            }
        }
    }

    fn feed_answer(&mut self, request: &Request, moment: Moment, bytes: &mut &[u8], sink: Sink<'_>) {
        let limit = self.config.max_head_bytes + 1;
        let Some(head) = self.server.head.take(bytes, limit) else { return };
        self.report(moment, What::Head { from: Role::Server, lines: opening::shown_lines(&head) }, sink);
        let status = opening::status(&head);
        match opening::judge_response(request, &head, &self.config, self.now) {
            Ok(Some(agreed)) => {
                let mut detail = agreed.subprotocol.as_ref().map_or_else(String::new, |it| format!("subprotocol {it}"));
                if let Some(deflate) = agreed.deflate {
                    let comma = if detail.is_empty() { "" } else { "; " };
                    detail += &format!("{comma}permessage-deflate: {deflate}");
                }
                self.open(&agreed);
                self.report(moment, What::Phase { phase: Phase::Open, detail }, sink);
                self.feed_waiting(moment, sink);
            }
            // Its frames are shown, though a client would not read them.
            Err(violation) if status == Some(101) => {
                self.open(&Agreed::new());
                self.violate(Role::Server, moment, violation, sink);
                self.feed_waiting(moment, sink);
            }
            Err(violation) => {
                self.stage = Stage::Skip;
                self.violate(Role::Server, moment, violation, sink);
            }
            // An interim response.
            Ok(None) if status.is_some_and(|status| status < 200) => {}
            Ok(None) => {
                let status = status.map_or_else(String::new, |status| format!("rejected with {status}"));
                self.enter(Phase::Closed, moment, status, sink);
                self.stage = Stage::Skip;
            }
        }
    }

    fn feed_waiting(&mut self, moment: Moment, sink: Sink<'_>) {
        let waiting = mem::take(&mut self.client.waiting);
        self.feed(Role::Client, moment, &waiting, sink);
    }

    fn keep_waiting(&mut self, from: Role, moment: Moment, bytes: &[u8], sink: Sink<'_>) {
        let waiting = &mut self.direction(from).waiting;
        if waiting.len() + bytes.len() <= MAX_WAITING {
            waiting.extend_from_slice(bytes);
            return;
        }
        match from {
            Role::Client => {
                let error = statesocket::HandshakeError::TooMuchEarlyData { limit: MAX_WAITING };
                self.stage = Stage::Skip;
                self.violate(from, moment, Violation::of_request(&error), sink);
            }
            Role::Server => {
                let seen = "the server sends first".to_owned();
                self.skip(moment, What::NotWebSocket { seen }, sink);
            }
        }
    }

    /// Reads up to the end of one frame, or all bytes.
    fn feed_frame(&mut self, from: Role, moment: Moment, bytes: &mut &[u8], sink: Sink<'_>) {
        let receiver = self.direction(from).receiver.as_mut().expect("both ends have one in stage Frames");
        let received = receiver.take(bytes);
        if let Some((frame, inflated)) = received.shown {
            self.report(moment, What::Frame { from, frame, inflated }, sink);
        }
        match (received.violation, received.whole) {
            (Some(violation), _) => self.violate(from, moment, violation, sink),
            (None, Some(opcode)) => self.act(from, opcode, moment, sink),
            (None, None) => {}
        }
    }

    /// A whole frame is an action in the table.
    fn act(&mut self, from: Role, opcode: u8, moment: Moment, sink: Sink<'_>) {
        let action = match opcode {
            0..=2 => Action::Message,
            8 => Action::Close,
            9 => Action::Ping,
            10 => Action::Pong,
            _ => return,
        };
        match self.phase.next(party(from), action) {
            Ok(next) if next != self.phase => self.enter(next, moment, String::new(), sink),
            Ok(_) => {}
            // Control frames after a Close are not forbidden, and not read.
            Err(_) if action == Action::Message && self.phase.state_of(party(from)) == State::Disconnected => {
                self.violate(from, moment, Violation::after_close(), sink);
            }
            Err(_) => {}
        }
    }

    /// Reports the frame that has not come whole.
    fn report_rest(&mut self, from: Role, moment: Moment, sink: Sink<'_>) {
        match self.direction(from).receiver.as_mut().map_or(Rest::Nothing, |receiver| receiver.rest()) {
            Rest::Nothing => {}
            Rest::Header => {
                self.report(moment, What::Note(format!("the {} has sent a part of a frame header", name(from))), sink);
            }
            Rest::Frame((frame, inflated)) => self.report(moment, What::Frame { from, frame, inflated }, sink),
        }
    }

    fn violate(&mut self, by: Role, moment: Moment, violation: Violation, sink: Sink<'_>) {
        if !mem::replace(&mut self.direction(by).has_violation, true) {
            let is_first = !mem::replace(&mut self.has_violation, true);
            self.report(moment, What::Violation { by, is_first, violation }, sink);
        }
    }

    fn open(&mut self, agreed: &Agreed) {
        let receiver = |role| Some(Box::new(Receiver::new(role, agreed, &self.config, self.now)));
        self.client.receiver = receiver(Role::Server);
        self.server.receiver = receiver(Role::Client);
        self.stage = Stage::Frames;
        self.phase = Phase::Open;
    }

    fn enter(&mut self, phase: Phase, moment: Moment, detail: String, sink: Sink<'_>) {
        self.phase = phase;
        self.report(moment, What::Phase { phase, detail }, sink);
    }

    fn skip(&mut self, moment: Moment, what: What, sink: Sink<'_>) {
        self.stage = Stage::Skip;
        self.client = Direction::default();
        self.server = Direction::default();
        self.report(moment, what, sink);
    }

    fn report(&self, moment: Moment, what: What, sink: Sink<'_>) {
        sink(Finding { conversation: self.number, moment, what });
    }

    const fn is_skipped(&self) -> bool {
        matches!(self.stage, Stage::Skip)
    }

    const fn direction(&mut self, from: Role) -> &mut Direction {
        match from {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

/// The party that an end is in the table.
const fn party(role: Role) -> Party {
    match role {
        Role::Client => Party::Client,
        Role::Server => Party::Application,
    }
}
