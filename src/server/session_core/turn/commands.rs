//! Commands of handles, in a turn of their session.

#[cfg(feature = "tls")]
use super::super::super::view::keep_encrypted;
use super::{
    super::super::{
        common::Common,
        handle::Handle,
        handler::Unsent,
        logging::{DropCaught, LOG, caught},
        queue::HandleError,
        rooms::Next,
        stream::{ByteStream, Metered},
        view::{View, catch_up, leaves_hole},
    },
    Turn,
};
use crate::{Connection, Message, SendError, SharedMessage};
use std::{any::Any, fmt};

impl<S: ByteStream> Turn<'_, S> {
    /// Sends a message of a handle.
    pub(crate) fn send(self, message: &Message<'_>) {
        self.send_by(|connection| connection.send(message), message.into());
    }

    /// Sends a message of a handle that other sessions send too.
    pub(crate) fn send_shared(self, message: &SharedMessage) {
        self.send_by(|connection| connection.send_shared(message), message.into());
    }

    fn send_by(mut self, send: impl FnOnce(&mut Connection) -> Result<(), SendError>, message: Message<'_>) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        self.catch_up();
        match send(&mut self.session.connection) {
            Ok(()) => self.shared.common.tally.messages_sent += 1,
            Err(error) if leaves_hole(&error) => self.unsent(&error, message),
            Err(error) => {
                log::debug!(target: LOG, "{} {}: not sent: {error}", self.session.id, self.session.address);
            }
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Sends the messages of rooms that wait for the session.
    pub(crate) fn deliver(mut self) {
        if self.deliver_at_once() {
            return;
        }
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        self.catch_up();
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Writes the messages of rooms that wait for the session, if nothing is queued before them. Returns whether all
    /// have left, so that nothing else is to be done.
    #[inline]
    fn deliver_at_once(&mut self) -> bool {
        let (connection, Common { rooms, tally, .. }) = (&mut self.session.connection, &mut self.shared.common);
        let max_len = rooms.max_backlog();
        let mut is_done = false;
        while let Some((number, next)) = rooms.next_for(self.session.id, true) {
            let writer = Metered::new(self.stream, tally);
            let (is_written, count) = match next {
                Next::One(message) => (connection.write_shared(message, writer), 1),
                Next::All(messages) if messages.frames().len() > max_len => return false,
                Next::All(messages) => (connection.write_shared_all(messages, writer), messages.len()),
            };
            if !is_written {
                return false;
            }
            #[cfg(feature = "tls")]
            keep_encrypted(connection, self.stream);
            tally.messages_sent += count as u64;
            rooms.took(self.session.id, number);
            is_done = connection.output_len() == 0 && self.session.pressure.is_low();
        }
        is_done
    }

    /// A message of a room has not reached the loop.
    pub(crate) fn miss(mut self, message: &SharedMessage) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        self.catch_up();
        if self.session.connection.can_send() {
            self.unsent(&HandleError::Full, message.into());
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Calls the handler with an event of your code.
    pub(crate) fn notify(mut self, event: DropCaught<Box<dyn Any + Send>>) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        self.catch_up();
        // The last call has come before.
        if self.session.connection.disconnected().is_none() {
            self.call(|handler, session| {
                if let Some(event) = event.into_inner() {
                    handler.on_event(session, event);
                }
            });
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Calls the handler with a timer whose time has come, if it is still set once everything that came before it has
    /// been handed out.
    pub(crate) fn timer(mut self, token: u64) {
        self.begin();
        self.catch_up();
        self.flush();
        self.deliver_rest();
        // Most timers find nothing to read. They leave the late reads to those that do.
        if self.may_read() {
            self.read();
            self.flush();
        }
        if self.read_late(|_| true) && self.shared.common.timers.take(self.session.id, token, self.now) {
            self.call(|handler, session| handler.on_timer(session, token));
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Queues the messages of rooms that wait for the session.
    #[inline]
    pub(super) fn catch_up(&mut self) {
        if self.shared.common.rooms.may_wait_for(self.session.id) {
            self.queue_published();
        }
    }

    #[inline(never)]
    fn queue_published(&mut self) {
        // A handler may publish another message for each one that cannot be sent.
        let (id, last) = (self.session.id, self.shared.common.rooms.published());
        while self.shared.common.rooms.may_wait_for(id) {
            let (connection, common) = (&mut self.session.connection, &mut self.shared.common);
            let Err(error) = catch_up(connection, self.stream, common, id) else { return };
            let Some((number, Next::One(message))) = common.rooms.next_for(id, false) else { return };
            if number > last {
                return;
            }
            let message = message.clone();
            common.rooms.took(id, number);
            self.unsent(&error, (&message).into());
        }
    }

    /// Asks the handler what becomes of a message that could not be queued.
    fn unsent(&mut self, error: &dyn fmt::Display, message: Message<'_>) {
        self.shared.common.tally.unsent += 1;
        let mut unsent = Unsent::Close;
        self.call(|handler, session| unsent = handler.on_unsent(session, message));
        // Your code may have ended the session in this call.
        if unsent == Unsent::Close && self.session.connection.can_send() {
            log::warn!(target: LOG, "{} {}: closed, {error}", self.session.id, self.session.address);
            self.session.connection.fail_unsent();
        }
    }

    /// Lends the session to `act`, hands out the events of its commands, and writes.
    pub(crate) fn lend(mut self, act: impl FnOnce(View<'_>, &Handle)) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        self.catch_up();
        let (id, address, handle) = (self.session.id, self.session.address, &self.shared.handle);
        let (view, _) = self.session.lend(self.stream, &mut self.shared.common, self.now);
        handle.begin_call();
        if caught(format_args!("{id} {address}: a command"), || act(view, handle)).is_none() {
            self.fail();
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }
}
