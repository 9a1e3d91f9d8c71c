//! Members of rooms, as the server sees them, and a thread that sends them commands.

use crate::{plan::Dice, served::Counts};
use statesocket::{
    Disconnect, Message, SharedMessage,
    handshake::{Accept, Request},
    server::{Handle, HandleError, Handler, Session, SessionId, Unsent},
};
use std::{
    any::Any,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// The number of rooms. Each member is in that of its path, and in one more.
pub(crate) const ROOMS: u64 = 8;

/// A room that all members join and leave again.
const SQUARE: &str = "square";

/// Ids of members, most of them gone.
pub(crate) type Ids = Arc<Mutex<Vec<SessionId>>>;

/// The ids that the thread knows at most.
const MAX_IDS: usize = 100;

pub(crate) struct Member {
    room: String,
    counts: Rc<Counts>,
    ids: Ids,
    ticks: u64,
}

impl Member {
    pub(crate) const fn new(counts: Rc<Counts>, ids: Ids) -> Self {
        Self { room: String::new(), counts, ids, ticks: 0 }
    }
}

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.param("room").unwrap_or_default().clone_into(&mut self.room);
        session.accept(Accept::new()).expect("plain HTTP does not come here");
        for room in [&self.room, SQUARE] {
            session.join(room).expect("the session is open");
        }
        session.set_timer(Duration::from_millis(50), 0);
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() == MAX_IDS {
            ids.clear();
        }
        ids.push(session.id());
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        session.publish(&self.room, &SharedMessage::from(&message));
    }

    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        self.ticks += 1;
        if self.ticks.is_multiple_of(4) {
            session.leave(SQUARE);
        } else if session.join(SQUARE).is_ok() {
            session.publish_to_others(SQUARE, &SharedMessage::text("tick"));
        }
        session.set_timer(Duration::from_millis(50 * self.ticks), token);
    }

    fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
        if event.downcast::<String>().is_ok_and(|name| *name == self.room) {
            session.publish_to_others(&self.room, &SharedMessage::text("an event"));
        }
    }

    fn on_unsent(&mut self, _: &mut Session<'_>, _: Message<'_>) -> Unsent {
        if self.room.parse().is_ok_and(may_miss) { Unsent::Drop } else { Unsent::Close }
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        self.counts.told.set(self.counts.told.get() + 1);
        assert_eq!(session.rooms().count(), 0, "whoever ends has left");
    }
}

/// Whether the members of a room that lag miss messages: those of every other room. Others are closed.
pub(crate) const fn may_miss(room: u64) -> bool {
    room.is_multiple_of(2)
}

/// Sends commands until the server stops.
pub(crate) fn command(handle: &Handle, ids: &Ids, mut dice: Dice) {
    let blocking = handle.blocking();
    loop {
        let room = dice.below(ROOMS).to_string();
        let known = ids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let len = dice.one_of(&[100, 2_000, 50_000]);
        let news = SharedMessage::text(&"n".repeat(dice.below(len) as usize));
        let id = (!known.is_empty()).then(|| dice.one_of(&known));
        let sent = match (dice.below(8), id) {
            (0..3, _) | (_, None) => handle.publish(&room, news),
            (3, Some(id)) => handle.notify(id, room),
            (4, Some(id)) => blocking.notify(id, room),
            (5, Some(_)) => handle.broadcast(known, news),
            (6, Some(id)) => handle.send_text(id, "to one"),
            (_, Some(id)) => handle.with_session(id, move |session| {
                session.publish(&room, &news);
            }),
        };
        match sent {
            Ok(()) | Err(HandleError::Full) => {}
            Err(_) => return,
        }
        thread::sleep(Duration::from_millis(dice.below(5)));
    }
}
