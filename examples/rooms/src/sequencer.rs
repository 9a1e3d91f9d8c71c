//! The sequencer: it tells the members of this process all messages, in the order of the broker.
//!
//! It does not wait, has no clock and no socket: [`handle`](Sequencer::handle) takes what has happened, in one queue,
//! and sends commands to the event loops. So between two inputs it is true of each member of a room that
//!
//! * it **waits**: this process does not know yet what the member knows, or knows nothing at all;
//! * or it **reads** older messages, page by page, as fast as its connection takes them;
//! * or it is **in**: it has been told every message up to the last one here, and is told each one that comes.

use crate::{
    broker::{Entry, Presence, Said},
    bus::{Answer, Input, Refusal, Request},
    history::History,
    id::Id,
    member::{self, ToMember},
    presence,
    protocol::FromServer,
};
use statesocket::{
    SharedMessage,
    server::{Handle, SessionId},
};
use std::{collections::HashMap, mem};

/// The reason of a refusal while the broker is lost.
const LOST: &str = "the broker is lost";

/// How a sequencer treats its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most messages that are kept for those who come back.
    pub max_entries: usize,
    /// The messages that a new member gets.
    pub newest: usize,
    /// The bytes of a page of older messages. The next page waits until the member has taken this one.
    pub page_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_entries: 10_000, newest: 50, page_bytes: 64 << 10 }
    }
}

/// The one who decides the order in this process.
#[derive(Debug)]
pub struct Sequencer {
    out: Handle,
    settings: Settings,
    history: History,
    members: HashMap<SessionId, Member>,
    /// Those who wait.
    waiting: Vec<SessionId>,
    present: presence::Rooms,
    /// The number of this process.
    process: u64,
    /// How many members there have been.
    joined: u64,
    is_lost: bool,
    /// Everything that the broker had at the start is here.
    is_loaded: bool,
    requests: Vec<Request>,
}

#[derive(Debug)]
struct Member {
    room: String,
    name: String,
    /// The member among those who are present.
    present: String,
    /// The last message that it had when it came.
    after: Option<Id>,
    stage: Stage,
    may_have_gap: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The end of the broker's log was reached so often since the member came.
    Waiting {
        ends: u8,
    },
    /// The member has been told everything up to this place.
    Reading {
        told: Id,
    },
    In,
}

impl Sequencer {
    /// A sequencer of the members that `out` reaches. `process` is a number that no other process has.
    #[must_use]
    pub fn new(out: &Handle, process: u64, settings: Settings) -> Self {
        Self {
            // A loop that is far behind may be waited for; it never waits for the sequencer.
            out: out.blocking(),
            settings,
            history: History::new(settings.max_entries),
            members: HashMap::new(),
            waiting: Vec::new(),
            present: presence::Rooms::default(),
            process,
            joined: 0,
            is_lost: false,
            is_loaded: false,
            requests: Vec::new(),
        }
    }

    /// Takes what the broker is asked for.
    pub fn take_requests(&mut self) -> Vec<Request> {
        mem::take(&mut self.requests)
    }

    /// The writer cannot take a request.
    pub fn not_taken(&mut self, request: Request) {
        match request {
            Request::Add { member, key, .. } => self.refuse(member, key, "the broker is busy"),
            Request::Note(rooms) => rooms.iter().for_each(|noted| self.present.not_noted(&noted.room)),
        }
    }

    /// Something has happened.
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::Join { member, room, name, after } => self.join(member, room, name, after),
            Input::More(member) => self.read_on(member),
            Input::Say { member, key, text } => self.say(member, key, text),
            Input::Leave(member) => self.leave(member),
            Input::Answer(answer) => self.tell(answer.member, ToMember::Answer(answer)),
            Input::Entries(entries) => entries.into_iter().for_each(|entry| self.enter(entry)),
            Input::End => self.reached_end(),
            Input::Lost(reason) => {
                log::warn!("the broker is lost: {reason}");
                self.set_lost(true);
            }
            Input::Back => {
                log::warn!("the broker is back");
                self.present.note_all();
                self.set_lost(false);
            }
            Input::Present(rooms) => {
                for (room, members) in rooms {
                    if let Some(news) = self.present.news(&room, members) {
                        self.publish(&member::room(&room), &message(&news));
                    }
                }
            }
            Input::NotNoted(rooms) => rooms.iter().for_each(|room| self.present.not_noted(room)),
            Input::Tick | Input::Stop => self.note_present(),
        }
    }

    fn join(&mut self, id: SessionId, room: String, name: String, after: Option<Id>) {
        self.joined += 1;
        let present = presence::member(self.process, self.joined, &name);
        self.present.enter(&room, present.clone());
        let stage = Stage::Waiting { ends: 0 };
        self.members.insert(id, Member { room, name, present, after, stage, may_have_gap: false });
        if self.is_lost {
            self.send(id, &FromServer::Broker { is_lost: true });
        }
        self.waiting.push(id);
        self.admit_waiting();
    }

    /// Lets those begin who no longer need to wait. A member that comes from another process may know messages that
    /// this one has not read yet: it would be told them again.
    fn admit_waiting(&mut self) {
        if !self.is_loaded {
            return;
        }
        for id in mem::take(&mut self.waiting) {
            let Some(member) = self.members.get_mut(&id) else { continue };
            let after = member.after.unwrap_or_else(|| self.history.before_newest(&member.room, self.settings.newest));
            // The message of the member was in the broker before the member came, and the second of two ends was
            // reached by a read that began later. So the message is lost, or the member has made it up.
            let is_unknown = member.stage == Stage::Waiting { ends: 2 };
            if after > self.history.last() && !is_unknown {
                self.waiting.push(id);
                continue;
            }
            member.may_have_gap =
                member.after.is_some_and(|after| self.history.may_miss(after)) || after > self.history.last();
            member.stage = Stage::Reading { told: after };
            self.read_on(id);
        }
    }

    /// Tells a member the next page of older messages. With the last one it is in.
    fn read_on(&mut self, id: SessionId) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Stage::Reading { told } = member.stage else { return };
        let page = self.history.page(&member.room, told, self.settings.page_bytes);
        member.may_have_gap |= page.has_gap;
        let (mut joined, may_have_gap) = (None, member.may_have_gap);
        if page.is_last {
            member.stage = Stage::In;
            self.present.tell_again(&member.room);
            joined = Some(FromServer::Joined { room: member.room.clone(), id: self.history.last(), may_have_gap });
        } else {
            member.stage = Stage::Reading { told: page.end };
        }
        self.tell(id, ToMember::Page { messages: page.messages, joined });
    }

    fn say(&mut self, id: SessionId, key: u64, text: String) {
        if self.is_lost {
            // Nothing waits behind a dead broker.
            return self.refuse(id, key, LOST);
        }
        let Some(member) = self.members.get(&id) else { return };
        let said = Said { room: member.room.clone(), name: member.name.clone(), text };
        self.requests.push(Request::Add { member: id, key, said });
    }

    fn refuse(&self, member: SessionId, key: u64, reason: &str) {
        let refusal = Refusal { reason: reason.to_owned(), may_be_stored: false };
        self.tell(member, ToMember::Answer(Answer { member, key, outcome: Err(refusal) }));
    }

    fn leave(&mut self, id: SessionId) {
        self.waiting.retain(|waiting| *waiting != id);
        if let Some(member) = self.members.remove(&id) {
            self.present.leave(&member.room, member.present);
        }
    }

    /// The next message of the broker.
    fn enter(&mut self, Entry { id, said }: Entry) {
        let Said { room, name, text } = said;
        let message = message(&FromServer::Message { id, name, text });
        self.publish(&member::room(&room), &message);
        self.history.push(id, room, message);
    }

    fn reached_end(&mut self) {
        self.is_loaded = true;
        for id in &self.waiting {
            if let Some(Member { stage: Stage::Waiting { ends }, .. }) = self.members.get_mut(id) {
                *ends += 1;
            }
        }
        self.admit_waiting();
    }

    fn set_lost(&mut self, is_lost: bool) {
        self.is_lost = is_lost;
        self.publish(member::ALL, &message(&FromServer::Broker { is_lost }));
    }

    fn note_present(&mut self) {
        if !self.is_lost {
            let notes: Vec<Presence> = self.present.tick();
            if !notes.is_empty() {
                self.requests.push(Request::Note(notes));
            }
        }
    }

    fn publish(&self, room: &str, message: &SharedMessage) {
        // An error means that the loops have ended: nobody is there.
        let _ = self.out.publish(room, message.clone());
    }

    fn send(&self, member: SessionId, news: &FromServer) {
        let _ = self.out.broadcast([member], message(news));
    }

    fn tell(&self, member: SessionId, what: ToMember) {
        let _ = self.out.notify(member, what);
    }
}

fn message(news: &FromServer) -> SharedMessage {
    SharedMessage::json(news).expect("all keys are strings")
}
