//! One turn of a session.

mod commands;
mod reading;
mod routing;

#[cfg(feature = "deflate")]
use super::super::budget::INFLATED_PER_TURN;
use super::{
    super::{
        budget::READS_PER_TURN, handler::Handler, intake::Intake, logging::caught, session::Session, shared::Shared,
        stream::ByteStream,
    },
    SessionCore,
    span::Entered,
};
use crate::{Event, SocketAction};
use std::time::Instant;

/// A session with everything that it needs to act once: its stream, what it shares with the others, and the time.
pub(crate) struct Turn<'a, S> {
    session: &'a mut SessionCore,
    stream: &'a mut S,
    shared: &'a mut Shared,
    intake: Intake,
    now: Instant,
    /// The span of the session is current.
    _entered: Entered,
}

impl<'a, S: ByteStream> Turn<'a, S> {
    pub(crate) fn new(
        session: &'a mut SessionCore,
        stream: &'a mut S,
        shared: &'a mut Shared,
        intake: Intake,
        now: Instant,
    ) -> Self {
        let _entered = session.span.enter();
        Self { session, stream, shared, intake, now, _entered }
    }

    /// Reads and writes as far as the stream allows, within the budget of a turn. Calls the handler with every event.
    /// `may_be_due` may only be false if no deadline has come.
    pub(crate) fn run(mut self, may_be_due: bool) {
        self.begin();
        self.catch_up();
        self.flush();
        self.deliver_rest();
        for _ in 0..READS_PER_TURN {
            if !self.may_read() {
                break;
            }
            self.read();
            self.flush();
        }
        let is_due = may_be_due && self.session.connection.is_due(self.now);
        // Deadlines come last. Bytes that are in the stream already came in time, even if a slow handler has delayed
        // the loop.
        let meets_deadline = is_due && self.read_late(|turn| turn.session.connection.is_due(turn.now));
        self.look_for_the_end();
        if meets_deadline {
            if self.session.connection.gives_up_unread(self.now) {
                self.read_last();
            }
            self.session.connection.handle_timeout(self.now);
            // A timer may have ended a hold. The client's Close may be in the rest.
            self.deliver_rest();
            self.hand_out_pending();
            self.flush();
        }
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Lends the session memory, and gives it the budget of a turn.
    fn begin(&mut self) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        #[cfg(feature = "deflate")]
        self.session.connection.allow_inflating(INFLATED_PER_TURN);
        self.shared.common.rooms.begin_turn();
    }

    /// Goes on after an interruption, without reading.
    pub(crate) fn resume(mut self) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        self.deliver_rest();
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Whether your code has sent the loop commands. The loop executes them before the session goes on.
    fn is_interrupted(&self) -> bool {
        self.shared.may_interrupt && self.shared.handle.has_own()
    }

    /// Whether more of the peer's bytes can be handed out in this turn. What cannot be interrupted has no later turn.
    fn may_go_on(&self) -> bool {
        let is_enough = self.shared.handle.has_own() || self.shared.common.rooms.is_flooded();
        !(self.shared.may_interrupt && is_enough)
    }

    /// Hands out the events of the bytes that the connection has held back, if it takes them now.
    fn deliver_rest(&mut self) {
        if self.session.may_deliver() {
            self.hand_out_rest();
            self.hand_out_pending();
            self.flush();
        }
    }

    /// Writes the output, tells the handler of the new room, and ends the stream when that is due.
    fn flush(&mut self) {
        if self.is_interrupted() {
            return;
        }
        if self.session.connection.output_len() > 0 || !self.session.pressure.is_low() {
            self.write();
            // Commands of your code may drain the output again and again: `on_drain` waits for their end. Those that
            // your code has sent before this room come first.
            let may_announce = self.shared.may_interrupt && !self.shared.handle.has_own();
            if may_announce && self.session.pressure.take_drained() {
                self.announce_room();
                // If this drains the output again, `on_drain` waits for the next turn: a handler that always has more
                // must not keep the other sessions waiting.
                self.write();
            }
        }
        self.act_on_stream();
    }

    /// Writes the output. If the stream has failed, hands out the last events of the peer.
    fn write(&mut self) {
        if let Err(error) = self.session.write(self.stream, &mut self.shared.common.tally) {
            self.receive_last(error.kind());
        }
    }

    fn announce_room(&mut self) {
        if self.session.connection.can_send() {
            self.call(|handler, session| handler.on_drain(session));
        }
        self.hand_out_pending();
    }

    fn act_on_stream(&mut self) {
        while let Some(action) = self.session.connection.poll_socket() {
            match action {
                SocketAction::ShutdownWrite => {
                    if let Err(error) = self.stream.shut_down_writing() {
                        self.session.connection.transport_failed_with(error.kind());
                    }
                }
                SocketAction::Close => self.stream.close(),
            }
            self.session.count_end(&mut self.shared.common.tally);
        }
    }

    /// Calls the handler with the events of `input`, and with those that need no input. Leaves the bytes that the
    /// connection holds back, and those behind an interruption.
    fn hand_out(&mut self, input: &mut &mut [u8]) {
        while self.may_go_on()
            && let Some(event) = self.session.connection.receive(input, self.now)
        {
            self.react(event);
            // The next event may be the last one.
            self.catch_up();
        }
    }

    /// Hands out the rest of a read.
    fn hand_out_rest(&mut self) {
        let mut rest = std::mem::take(&mut self.session.rest);
        rest.offer(|bytes| self.hand_out(bytes));
        self.session.rest = rest;
    }

    /// Calls the handler with the events that need no input, unless the rest of a read comes before them.
    fn hand_out_pending(&mut self) {
        while !self.is_interrupted()
            && (self.session.rest.is_empty() || !self.session.connection.may_end_next())
            && let Some(event) = self.session.connection.poll_event()
        {
            self.react(event);
            self.catch_up();
        }
    }

    fn react(&mut self, event: Event<'_>) {
        match event {
            Event::Request(request) => self.route(&request),
            Event::Message(message) => {
                self.shared.common.tally.messages_received += 1;
                self.call(|handler, session| handler.on_message(session, message));
            }
            Event::Chunk { data, is_last } => {
                self.shared.common.tally.messages_received += u64::from(is_last);
                self.call(|handler, session| handler.on_chunk(session, data, is_last));
            }
            Event::Ping(payload) => self.call(|handler, session| handler.on_ping(session, &payload)),
            Event::Pong(payload) => self.call(|handler, session| handler.on_pong(session, &payload)),
            Event::Disconnect(disconnect) => {
                self.session.log_transitions();
                // What the handler has published before this comes before what it sends now.
                self.catch_up();
                self.shared.common.rooms.end(self.session.id);
                self.shared.common.timers.end(self.session.id);
                self.call_last(|handler, session| handler.on_disconnect(session, &disconnect));
                // The stream may be closed already.
                self.session.count_end(&mut self.shared.common.tally);
            }
            Event::Accepted(_) | Event::Rejected(_) | Event::InvalidResponse(_) => {
                unreachable!("only a client receives a response")
            }
        }
    }

    /// Calls the handler, if there is one and it has not panicked.
    fn call(&mut self, act: impl FnOnce(&mut dyn Handler, &mut Session<'_>)) {
        if !self.session.has_panicked {
            self.call_last(act);
        }
    }

    /// Calls the handler, if there is one. If it panics, its session ends. Other sessions go on.
    fn call_last(&mut self, act: impl FnOnce(&mut dyn Handler, &mut Session<'_>)) {
        let (id, address, handle) = (self.session.id, self.session.address, &self.shared.handle);
        let (view, handler) = self.session.lend(self.stream, &mut self.shared.common, self.now);
        let Some(handler) = handler else { return };
        let mut session = Session::new(view, handle);
        handle.begin_call();
        if caught(format_args!("{id} {address}: the handler"), || act(handler, &mut session)).is_none() {
            self.session.has_panicked = true;
            self.fail();
        }
    }

    /// Ends the session after a panic of your code.
    fn fail(&mut self) {
        self.session.lend(self.stream, &mut self.shared.common, self.now).0.fail();
    }
}
