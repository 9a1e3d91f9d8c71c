//! From the handlers and the broker to the sequencer: one queue, so that a member comes before it goes.

use crate::{
    broker::{Entry, Said},
    id::Id,
};
use statesocket::server::SessionId;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
    mpsc::{self, Receiver, RecvTimeoutError, Sender},
};
use std::time::Duration;

/// The most inputs that wait before [`Bus::offer`] refuses.
const MAX_WAITING: usize = 4096;

/// Something that the sequencer is told.
#[derive(Debug)]
pub enum Input {
    /// A member wants to join a room. Without `after` it gets the newest messages.
    Join {
        /// Its session.
        member: SessionId,
        /// The room.
        room: String,
        /// Its name.
        name: String,
        /// The last message that it has.
        after: Option<Id>,
    },
    /// A member has room for the next of the older messages.
    More(SessionId),
    /// A member says something.
    Say {
        /// Its session.
        member: SessionId,
        /// For the answer.
        key: u64,
        /// What.
        text: String,
    },
    /// A member has gone.
    Leave(SessionId),
    /// The answer of the broker.
    Answer(Answer),
    /// Messages from the broker, in its order.
    Entries(Vec<Entry>),
    /// There was nothing more in the broker, at some time since the last input of the same source.
    End,
    /// The broker is lost.
    Lost(String),
    /// The broker is back.
    Back,
    /// Who is in some rooms, in all processes.
    Present(Vec<(String, Vec<String>)>),
    /// The broker could not note the members of these rooms.
    NotNoted(Vec<String>),
    /// A second has passed.
    Tick,
    /// No handler is left.
    Stop,
}

/// What became of something that a member has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The member.
    pub member: SessionId,
    /// The key of its message.
    pub key: u64,
    /// The id under which it is stored.
    pub outcome: Result<Id, Refusal>,
}

/// Why a message is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For people.
    pub reason: String,
    /// The message may be stored nevertheless.
    pub may_be_stored: bool,
}

/// Something that the sequencer wants from the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Store what a member has said.
    Add {
        /// The member.
        member: SessionId,
        /// The key of its message.
        key: u64,
        /// The message.
        said: Said,
    },
    /// Note the members of these rooms.
    Note(Vec<crate::broker::Presence>),
}

/// The entrance of the queue. Its clones are the same.
#[derive(Clone, Debug)]
pub struct Bus {
    sender: Sender<Input>,
    waiting: Arc<AtomicUsize>,
}

/// The exit of the queue.
#[derive(Debug)]
pub struct Inputs {
    receiver: Receiver<Input>,
    waiting: Arc<AtomicUsize>,
}

/// A queue.
#[must_use]
pub fn bus() -> (Bus, Inputs) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Bus { sender, waiting: Arc::clone(&waiting) }, Inputs { receiver, waiting })
}

impl Bus {
    /// Queues an input of a member, unless too many wait. Never waits itself: it is called in an event loop, for which
    /// the sequencer may wait. Returns whether it is queued.
    pub fn offer(&self, input: Input) -> bool {
        !self.is_full() && self.send(input)
    }

    /// Whether too many inputs wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= MAX_WAITING
    }

    /// Queues an input that must not be lost. Returns whether the sequencer still runs.
    pub fn send(&self, input: Input) -> bool {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.sender.send(input).is_ok()
    }
}

impl Inputs {
    /// The next input, if one waits.
    pub fn next(&self) -> Option<Input> {
        self.receiver.try_recv().ok().inspect(|_| self.took())
    }

    /// The next input, or a [`Tick`](Input::Tick) after `timeout`.
    pub fn wait(&self, timeout: Duration) -> Input {
        match self.receiver.recv_timeout(timeout) {
            Ok(input) => {
                self.took();
                input
            }
            Err(RecvTimeoutError::Timeout) => Input::Tick,
            Err(RecvTimeoutError::Disconnected) => Input::Stop,
        }
    }

    fn took(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
