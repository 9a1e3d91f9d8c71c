//! A handler whose calls are drawn.

use super::{
    super::source::Source,
    ledger::{Ledger, Number, Sent, Stage},
};
use statesocket::{
    Config, Disconnect, Message, Phase, SharedMessage,
    handshake::{Accept, Request, Response},
    http::StatusCode,
    server::{Handler, Session, SessionId, Unsent},
};
use std::{any::Any, cell::RefCell, collections::BTreeSet, panic::resume_unwind, rc::Rc, sync::Arc, time::Duration};

pub(super) const ROOMS: [&str; 3] = ["red", "blue", "green"];

/// The timers of a handler, of which this one resumes reading.
const RESUME: u64 = 0;

/// More than the length of any message. One may be queued alone, whatever the limit.
const LARGEST: usize = 31_000;

/// More than the output may hold beyond its limit: the answers of the connection itself.
const MOST_ANSWERS: usize = 4096;

thread_local! {
    /// The script and the ledger for closures, which must be `Send`.
    static PRESENT: RefCell<Option<(Source, Rc<RefCell<Ledger>>)>> = const { RefCell::new(None) };
}

/// Lends the script and the ledger to the closures of handles.
pub(super) fn lend_to_closures(lent: Option<(Source, Rc<RefCell<Ledger>>)>) {
    PRESENT.set(lent);
}

pub(super) struct Actor {
    /// That of the client, once its request has come.
    number: Number,
    /// It is a closure that acts on the session, and not the handler.
    is_closure: bool,
    /// This call comes while the loop executes commands. What it sends comes before the commands behind, whichever was
    /// asked for first.
    is_amid_commands: bool,
    source: Source,
    ledger: Rc<RefCell<Ledger>>,
}

impl Actor {
    pub(super) fn new(source: &Source, ledger: &Rc<RefCell<Ledger>>) -> Self {
        Self {
            number: 0,
            is_closure: false,
            is_amid_commands: false,
            source: source.clone(),
            ledger: Rc::clone(ledger),
        }
    }

    /// Notes that a method is called, and checks what must hold then.
    fn called(&mut self, session: &Session<'_>, may_have_ended: bool) {
        self.is_amid_commands = session.handle().queued_commands() > 0;
        self.ledger.borrow_mut().call(self.number, may_have_ended);
        self.check(session);
    }

    fn check(&self, session: &Session<'_>) {
        let most = session.config().max_output_bytes.max(LARGEST) + MOST_ANSWERS;
        assert!(session.output_len() <= most, "client {}: {} bytes are queued", self.number, session.output_len());
        let mut ledger = self.ledger.borrow_mut();
        let record = ledger.of(self.number);
        assert_eq!(session.id(), record.id);
        assert_eq!(session.rooms().collect::<BTreeSet<_>>(), record.rooms);
        for room in ROOMS {
            let members: BTreeSet<_> = session.member_ids(room).collect();
            assert_eq!(members, ledger.members(room), "the members of {room}");
        }
    }

    /// Makes up to seven drawn calls.
    fn act(&self, session: &mut Session<'_>) {
        for _ in 0..self.source.below(8) {
            let Some(choice) = self.source.byte() else { return };
            self.act_once(session, choice % 22);
            self.note_stage(session);
        }
    }

    fn note_stage(&self, session: &Session<'_>) {
        let mut ledger = self.ledger.borrow_mut();
        let record = ledger.of(self.number);
        let stage = match session.phase() {
            Phase::Idle | Phase::Requested => Stage::Requested,
            Phase::Open => Stage::Open,
            Phase::ClientClosed | Phase::ApplicationClosed | Phase::Closed => Stage::Closing,
        };
        record.stage = record.stage.max(stage);
    }

    fn act_once(&self, session: &mut Session<'_>, choice: u8) {
        let source = &self.source;
        match choice {
            0..=2 => self.send(session),
            3 | 4 => self.join(session),
            5 => {
                let room = source.one_of(&ROOMS);
                let has_left = session.leave(room);
                assert_eq!(has_left, self.ledger.borrow_mut().of(self.number).rooms.remove(room));
            }
            6..=8 => self.publish(session, choice == 8),
            9..=11 => self.command(session, choice),
            12 => session.set_timer(Duration::from_millis(100 * source.below(40) as u64), 1 + source.below(3) as u64),
            13 => {
                session.cancel_timer(1 + source.below(3) as u64);
            }
            14 => {
                session.pause_reading();
                session.set_timer(Duration::from_millis(700), RESUME);
            }
            15 => drop(session.ping(b"drawn")),
            16 => drop(session.close(source.one_of(&[1000, 1001, 4000]), "drawn")),
            17 if source.below(4) == 0 => session.abort(),
            18 if source.below(4) == 0 => session.finish(),
            19 if source.below(4) == 0 => session.shutdown(1001),
            20 if source.below(4) == 0 => drop(session.fail(1008, "drawn")),
            21 if source.below(4) == 0 => {
                // After a panic of a closure the handler is called as before.
                self.ledger.borrow_mut().of(self.number).has_panicked |= !self.is_closure;
                resume_unwind(Box::new("drawn"));
            }
            _ => {}
        }
    }

    fn message(&self) -> Sent {
        self.ledger.borrow_mut().message(self.number, !self.is_amid_commands, padding(&self.source))
    }

    fn send(&self, session: &mut Session<'_>) {
        let message = self.message();
        if session.send(&*message.text).is_ok() {
            self.ledger.borrow_mut().owe(self.number, &message);
        }
    }

    fn join(&self, session: &mut Session<'_>) {
        let room = self.source.one_of(&ROOMS);
        if let Ok(is_new) = session.join(room) {
            assert_eq!(is_new, self.ledger.borrow_mut().of(self.number).rooms.insert(room));
        }
    }

    fn publish(&self, session: &mut Session<'_>, to_others: bool) {
        let room = self.source.one_of(&ROOMS);
        let message = self.message();
        // Commands that wait may change the room before.
        let is_certain = session.handle().queued_commands() == 0;
        let message_for_all = SharedMessage::text(&message.text);
        let count = if to_others {
            session.publish_to_others(room, &message_for_all)
        } else {
            session.publish(room, &message_for_all)
        };
        let mut ledger = self.ledger.borrow_mut();
        let is_member = ledger.of(self.number).rooms.contains(room);
        if is_certain {
            let members = ledger.sessions.iter().filter(|(_, record)| record.rooms.contains(room));
            let members: Vec<_> = members.map(|(number, _)| *number).collect();
            assert_eq!(count, members.len() - usize::from(to_others && is_member));
            for number in members.into_iter().filter(|number| !to_others || *number != self.number) {
                ledger.owe(number, &message);
            }
        }
    }

    /// Sends the loop a command, which may be for any session.
    fn command(&self, session: &Session<'_>, choice: u8) {
        let Some((number, id)) = pick(&self.source, &self.ledger) else { return };
        let handle = session.handle().clone();
        let sent = match (choice, self.source.below(5)) {
            (9, _) => {
                let message = self.message();
                self.ledger.borrow_mut().owe(number, &message);
                handle.send_text(id, message.text)
            }
            (10, _) => {
                let message = self.message();
                self.ledger.borrow_mut().owe(number, &message);
                handle.broadcast([id], SharedMessage::text(&message.text))
            }
            (_, 0 | 1) => handle.notify(id, ()),
            (_, 2) => handle.close(id, 4001, "by another"),
            (_, 3) => handle.with_session(id, move |session| {
                let (source, ledger) = PRESENT.with_borrow(Clone::clone).expect("a server is being tested");
                let actor = Self { number, is_closure: true, is_amid_commands: true, source, ledger };
                if actor.ledger.borrow().sessions[&number].stage < Stage::Closing {
                    actor.act(session);
                }
            }),
            (_, _) => handle.publish(self.source.one_of(&ROOMS), SharedMessage::text(&self.message().text)),
        };
        sent.expect("the loop runs, and its own commands have no bound");
    }
}

/// A session with a handler, whatever has become of it.
pub(super) fn pick(source: &Source, ledger: &RefCell<Ledger>) -> Option<(Number, SessionId)> {
    let ledger = ledger.borrow();
    let place = source.below(ledger.sessions.len());
    ledger.sessions.iter().nth(place).map(|(number, record)| (*number, record.id))
}

/// Mostly short, sometimes more than a pipe or an output holds.
fn padding(source: &Source) -> usize {
    source.one_of(&[0, 0, 0, 0, 3, 100, 200, 2_000, 9_000, 30_000])
}

impl Handler for Actor {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        self.number = request.query("n").and_then(|number| number.parse().ok()).expect("a request has a number");
        self.is_amid_commands = session.handle().queued_commands() > 0;
        self.ledger.borrow_mut().request(self.number, session.id());
        self.check(session);
        if self.source.below(8) == 7 {
            let config = Config::clone(session.config()).with(|config| config.max_output_bytes = 20_000);
            session.set_config(Arc::new(config)).expect("the request waits");
        }
        match self.source.below(8) {
            6 => drop(session.reject(Response::new(StatusCode::FORBIDDEN))),
            7 => session.set_timer(Duration::from_secs(2), 1),
            _ if request.is_websocket() => session.accept(Accept::new()).expect("the request has just come"),
            _ => session.require_upgrade(),
        }
        self.note_stage(session);
        self.act(session);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        self.called(session, false);
        let count = message.as_text().and_then(|text| text.split(' ').next()?.parse().ok());
        if let Some(count) = count {
            self.ledger.borrow_mut().hear(self.number, count);
        }
        self.act(session);
    }

    fn on_ping(&mut self, session: &mut Session<'_>, _: &[u8]) {
        self.called(session, false);
        self.act(session);
    }

    fn on_pong(&mut self, session: &mut Session<'_>, _: &[u8]) {
        self.called(session, false);
    }

    fn on_drain(&mut self, session: &mut Session<'_>) {
        self.called(session, true);
        self.act(session);
    }

    fn on_timer(&mut self, session: &mut Session<'_>, token: u64) {
        self.called(session, false);
        if token == RESUME {
            session.resume_reading();
        } else if session.request().is_some() {
            session.accept(Accept::new()).expect("the request waits");
            self.note_stage(session);
        }
        self.act(session);
    }

    fn on_event(&mut self, session: &mut Session<'_>, _: Box<dyn Any + Send>) {
        self.called(session, false);
        self.act(session);
    }

    fn on_unsent(&mut self, session: &mut Session<'_>, message: Message<'_>) -> Unsent {
        self.called(session, true);
        if self.source.below(2) == 0 {
            return Unsent::Close;
        }
        self.ledger.borrow_mut().drop_message(self.number, message.as_text().expect("every message is a text"));
        Unsent::Drop
    }

    fn on_disconnect(&mut self, session: &mut Session<'_>, _: &Disconnect) {
        self.is_amid_commands = session.handle().queued_commands() > 0;
        self.ledger.borrow_mut().end(self.number);
        self.check(session);
        if session.can_send() {
            self.send(session);
        }
        if self.source.below(4) != 0 {
            // With a manual reply the handler may also leave the Close to the timeout.
            let _ = session.reply_close();
        }
        self.publish(session, false);
    }
}
