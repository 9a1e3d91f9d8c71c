//! Calls of other threads that want an answer.

use super::{
    super::{handle::Handle, queue::HandleError, session_id::SessionId},
    Session,
};
use std::{
    fmt,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError},
    time::Duration,
};

/// The reason for which [`Answer`] has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The session has ended, or it is not one of this server. The closure has not been called.
    #[error("the session has ended")]
    Gone,
    /// The closure has panicked, and the session ends with 1011.
    #[error("the closure has panicked")]
    Panicked,
    /// The server has stopped, or was dropped, before it called the closure.
    #[error("the server has stopped")]
    Stopped,
    /// The answer has not come yet.
    #[error("the answer has not come yet")]
    Pending,
    /// The answer has not come yet, and this is the thread of the loop, which cannot wait for itself.
    #[error("the thread of the loop cannot wait for an answer of the loop")]
    OnLoop,
    /// The answer has been taken.
    #[error("the answer has been taken")]
    Taken,
}

/// The answer of a session to [`Handle::ask`]. It is there once the loop has called the closure. Dropping this changes
/// nothing for the closure.
pub struct Answer<T> {
    state: State<T>,
    handle: Handle,
}

type Incoming<T> = Receiver<Result<T, AskError>>;

type Received<T> = Result<Result<T, AskError>, RecvTimeoutError>;

enum State<T> {
    Open(Incoming<T>),
    /// The answer has been taken, or there will be none.
    Over(AskError),
}

/// The other end of an [`Answer`].
struct Reply<T> {
    sender: Sender<Result<T, AskError>>,
    /// The call has begun, and has not returned.
    is_in_call: bool,
}

impl Handle {
    /// Calls `act` with a session, as [`with_session`](Self::with_session) does, and gets its result back. Use it for
    /// what your code must know before it goes on: the phase of a session, or whether a message could be queued.
    ///
    /// ```
    /// use statesocket::{Phase, server::{AskError, Handle, HandleError, SessionId}};
    /// use std::{error::Error, time::Duration};
    ///
    /// /// Sends a bill once, on a thread of its own. Returns whether it is on its way.
    /// fn deliver(handle: &Handle, id: SessionId, bill: String) -> Result<bool, Box<dyn Error>> {
    ///     let mut answer = handle.ask(id, move |session| session.send_text(&bill).is_ok())?;
    ///     match answer.wait_timeout(Duration::from_secs(5)) {
    ///         Ok(is_queued) => Ok(is_queued),
    ///         Err(AskError::Gone) => Ok(false),
    ///         Err(error) => Err(error.into()),
    ///     }
    /// }
    /// ```
    ///
    /// The fields of a handler are out of reach. Send it an event with an [`mpsc::Sender`] by [`notify`](Self::notify)
    /// to ask for them.
    ///
    /// # Errors
    /// [`HandleError`]. The answer has errors of its own.
    pub fn ask<T: Send + 'static>(
        &self,
        id: SessionId,
        act: impl FnOnce(&mut Session<'_>) -> T + Send + 'static,
    ) -> Result<Answer<T>, HandleError> {
        let (sender, receiver) = mpsc::channel();
        let reply = Reply { sender, is_in_call: false };
        self.with_session(id, move |session| reply.fill(|| act(session)))?;
        Ok(Answer { state: State::Open(receiver), handle: self.of_loop_of(id) })
    }
}

impl<T> Answer<T> {
    /// Waits for the answer.
    ///
    /// # Errors
    /// [`AskError`], but not [`Pending`](AskError::Pending). [`OnLoop`](AskError::OnLoop) at once on the thread of the
    /// loop, as in a handler; there use [`try_take`](Self::try_take), such as after the next turn of your own loop. Two
    /// loops whose handlers wait for each other would wait for ever: use [`wait_timeout`](Self::wait_timeout).
    pub fn wait(&mut self) -> Result<T, AskError> {
        self.wait_by(|receiver| receiver.recv().map_err(|_| RecvTimeoutError::Disconnected))
    }

    /// Waits for the answer, at most `timeout`.
    ///
    /// # Errors
    /// As [`wait`](Self::wait). [`AskError::Pending`] after `timeout`; then you may wait again.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<T, AskError> {
        self.wait_by(|receiver| receiver.recv_timeout(timeout))
    }

    /// Takes the answer, if it has come. Never waits.
    ///
    /// # Errors
    /// [`AskError`], but not [`OnLoop`](AskError::OnLoop).
    pub fn try_take(&mut self) -> Result<T, AskError> {
        self.take_by(|receiver| {
            receiver.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            })
        })
    }

    fn wait_by(&mut self, receive: impl FnOnce(&Incoming<T>) -> Received<T>) -> Result<T, AskError> {
        match self.try_take() {
            Err(AskError::Pending) if self.handle.is_on_loop() => Err(AskError::OnLoop),
            Err(AskError::Pending) => self.take_by(receive),
            result => result,
        }
    }

    fn take_by(&mut self, receive: impl FnOnce(&Incoming<T>) -> Received<T>) -> Result<T, AskError> {
        let result = match &self.state {
            State::Over(why) => return Err(*why),
            State::Open(receiver) => receive(receiver),
        };
        let result = match result {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => return Err(AskError::Pending),
            // The loop has dropped the closure.
            Err(RecvTimeoutError::Disconnected) if self.handle.is_closed() => Err(AskError::Stopped),
            Err(RecvTimeoutError::Disconnected) => Err(AskError::Gone),
        };
        self.state = State::Over(result.as_ref().err().copied().unwrap_or(AskError::Taken));
        result
    }
}

impl<T> Reply<T> {
    /// Calls `act`, and sends what it returns.
    fn fill(mut self, act: impl FnOnce() -> T) {
        self.is_in_call = true;
        let value = act();
        self.is_in_call = false;
        // Nobody may want the answer any more.
        let _ = self.sender.send(Ok(value));
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if self.is_in_call {
            let _ = self.sender.send(Err(AskError::Panicked));
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
