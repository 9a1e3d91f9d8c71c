//! Commands of handles, in a turn of their session.

use super::{
    super::super::{
        handle::Handle,
        handler::Unsent,
        logging::{LOG, caught},
        stream::ByteStream,
        view::{View, leaves_hole},
    },
    Turn,
};
use crate::{Connection, Message, SendError, SharedMessage};

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
        match send(&mut self.session.connection) {
            Ok(()) => {}
            Err(error) if leaves_hole(&error) => self.unsent(&error, message),
            Err(error) => {
                log::debug!(target: LOG, "{} {}: not sent: {error}", self.session.id, self.session.address);
            }
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }

    /// Asks the handler what becomes of a message that could not be queued.
    fn unsent(&mut self, error: &SendError, message: Message<'_>) {
        let mut unsent = Unsent::Close;
        self.call(|handler, session| unsent = handler.on_unsent(session, message));
        if unsent == Unsent::Close && !self.session.has_panicked {
            log::warn!(target: LOG, "{} {}: closed, {error}", self.session.id, self.session.address);
            self.session.connection.fail_unsent();
        }
    }

    /// Lends the session to `act`, hands out the events of its commands, and writes.
    pub(crate) fn lend(mut self, act: impl FnOnce(View<'_>, &Handle)) {
        self.session.connection.lend_buffer(&mut self.shared.output_buffer);
        let (id, address, handle) = (self.session.id, self.session.address, &self.shared.handle);
        let (view, _) = self.session.lend(self.stream, self.shared.server);
        handle.begin_call();
        if caught(format_args!("{id} {address}: a command"), || act(view, handle)).is_none() {
            self.fail();
        }
        self.hand_out_pending();
        self.flush();
        self.session.connection.reclaim_buffer(&mut self.shared.output_buffer);
    }
}
