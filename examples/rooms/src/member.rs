//! The handler of one member: between its connection and the sequencer.

use crate::{
    bus::{Answer, Bus, Input},
    id::Id,
    protocol::{FromMember, FromServer},
};
use statesocket::{
    CloseCode, Disconnect, Message, SharedMessage,
    handshake::{Accept, Request, Response},
    http::StatusCode,
    server::{Handler, Session},
};
use std::any::Any;

/// All members of this process, for what is no message of a room.
pub const ALL: &str = "all";

/// The most messages of a member that wait for their answers. Then it is not read until one has come.
const MAX_UNANSWERED: usize = 64;

/// The longest names of rooms and members, in characters.
const MAX_NAME: usize = 64;

/// Something that the sequencer tells a member.
#[derive(Debug)]
pub enum ToMember {
    /// Older messages.
    Page {
        /// In their order.
        messages: Vec<SharedMessage>,
        /// With the last ones, the member is in.
        joined: Option<FromServer>,
    },
    /// What became of something that it has said.
    Answer(Answer),
}

/// The members of a room in this process. The names of rooms come from clients, so they are prefixed.
#[must_use]
pub fn room(name: &str) -> String {
    format!("room {name}")
}

/// A member of the room that its path names.
#[derive(Debug)]
pub struct Member {
    bus: Bus,
    room: String,
    /// The sequencer knows it.
    is_known: bool,
    /// It is to be asked for the next page when there is room.
    wants_more: bool,
    unanswered: usize,
}

impl Member {
    /// A member that the sequencer behind the bus is told of.
    #[must_use]
    pub const fn new(bus: Bus) -> Self {
        Self { bus, room: String::new(), is_known: false, wants_more: false, unanswered: 0 }
    }

    fn tell(&mut self, session: &mut Session<'_>, input: Input) {
        if !self.bus.offer(input) {
            session.ensure_closed(CloseCode::TRY_AGAIN_LATER, "this server is busy");
        }
    }
}

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.room = session.param("room_id").expect("the route has it").to_owned();
        let name = request.query("name").map_or_else(|| "guest".to_owned(), std::borrow::Cow::into_owned);
        let after = request.query("after").map(|id| id.parse::<Id>()).transpose();
        let (true, Ok(after)) = ([&self.room, &name].iter().all(|name| is_short(name)), after) else {
            let response = Response::new(StatusCode::BAD_REQUEST);
            let response = response.body("a room and a name have 1 to 64 characters, and `after` is an id\n");
            return session.reject(response).expect("the request has just come");
        };
        session.accept(Accept::new()).expect("the request has just come");
        session.join(ALL).expect("the session is open");
        self.is_known = self.bus.offer(Input::Join { member: session.id(), room: self.room.clone(), name, after });
        if !self.is_known {
            session.ensure_closed(CloseCode::TRY_AGAIN_LATER, "this server is busy");
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let Some(text) = message.as_text() else {
            return session.ensure_closed(CloseCode::UNSUPPORTED_DATA, "this server speaks JSON");
        };
        let Ok(FromMember { key, text }) = serde_json::from_str(text) else {
            return session.ensure_closed(CloseCode::INVALID_PAYLOAD, "no message of this chat");
        };
        self.unanswered += 1;
        if self.unanswered >= MAX_UNANSWERED {
            session.pause_reading();
        }
        let member = session.id();
        self.tell(session, Input::Say { member, key, text });
    }

    fn on_event(&mut self, session: &mut Session<'_>, event: Box<dyn Any + Send>) {
        let Ok(event) = event.downcast::<ToMember>() else { return };
        let sent = match *event {
            ToMember::Page { messages, joined } => {
                let sent = messages.iter().try_for_each(|message| session.send_shared(message).map_err(Into::into));
                let sent = sent.and_then(|()| joined.iter().try_for_each(|joined| session.send_json(joined)));
                if joined.is_some() {
                    // A session that has closed needs no room.
                    let _ = session.join(&room(&self.room));
                } else if session.has_room() {
                    self.tell(session, Input::More(session.id()));
                } else {
                    self.wants_more = true;
                }
                sent
            }
            ToMember::Answer(Answer { key, outcome, .. }) => {
                self.unanswered -= 1;
                session.resume_reading();
                session.send_json(&match outcome {
                    Ok(id) => FromServer::Acknowledged { key, id },
                    Err(why) => FromServer::Refused { key, reason: why.reason, may_be_stored: why.may_be_stored },
                })
            }
        };
        if sent.is_err() {
            session.ensure_closed(CloseCode::TRY_AGAIN_LATER, "too slow: come back with ?after=");
        }
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        if std::mem::take(&mut self.wants_more) {
            self.tell(session, Input::More(session.id()));
        }
    }

    // A message of the room that finds no room in the output ends the session with 1013: so says the default of
    // `on_unsent`.

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        if self.is_known {
            self.bus.send(Input::Leave(session.id()));
        }
    }
}

fn is_short(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.chars().count())
}
