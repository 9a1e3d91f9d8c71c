//! The application at an end: its own actions, and its reactions.

use super::{
    SERVER, Time,
    network::NEVER,
    plan::{Decision, EndPlan, Plan, SECOND},
    record::{Due, Partial, Record},
    script::{Act, Ending},
    world::Scene,
};
use crate::support::Fragments;
use statesocket::{
    Action, CloseReply, Connection, Event, Message, Phase, PingError, SendError, SharedMessage,
    handshake::{Accept, Response},
    http::{HeaderValue, StatusCode, header::SET_COOKIE},
};
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug)]
pub(super) struct Application<'p> {
    index: usize,
    plan: &'p EndPlan,
    decision: &'p Decision,
    /// Acts that come one after the other, once the connection is open.
    acts: VecDeque<(Time, Act)>,
    /// Acts that come at their time, whatever else is waiting.
    agenda: BTreeMap<(Time, usize), Task>,
    tasks: usize,
    /// Pongs queued since the output was last empty.
    waiting_pongs: usize,
    pub(super) record: Record,
}

#[derive(Clone, Debug)]
enum Task {
    Decide,
    GiveUp(Ending),
    End(Ending),
    Reply,
    Resume,
}

/// When a fragment that did not fit the output is tried again.
const RETRY: Time = SECOND / 50;

impl<'p> Application<'p> {
    pub(super) fn new(plan: &'p Plan, index: usize) -> Self {
        let mut application = Self {
            index,
            plan: &plan.ends[index],
            decision: &plan.decision,
            acts: VecDeque::new(),
            agenda: BTreeMap::new(),
            tasks: 0,
            waiting_pongs: 0,
            record: Record::default(),
        };
        if let Some((at, ending)) = &plan.ends[index].gives_up {
            application.plan_for(*at, Task::GiveUp(ending.clone()));
        }
        application
    }

    pub(super) fn wake(&self) -> Time {
        let act = self.acts.front().map_or(NEVER, |(at, _)| *at);
        self.agenda.first_key_value().map_or(NEVER, |((at, _), _)| *at).min(act)
    }

    pub(super) fn has_written_all(&mut self) {
        self.waiting_pongs = 0;
    }

    pub(super) const fn reads_slowly(&self) -> Option<(Time, usize)> {
        self.plan.reads_slowly
    }

    /// Performs the acts that are due.
    pub(super) fn act(&mut self, connection: &mut Connection, scene: &mut Scene) {
        while self.acts.front().is_some_and(|(at, _)| *at <= scene.now) {
            let Some((_, act)) = self.acts.pop_front() else { break };
            if !self.do_act(connection, scene, &act) {
                self.acts.push_front((scene.now + RETRY, act));
            }
        }
        while let Some(task) = self.agenda.first_entry().filter(|task| task.key().0 <= scene.now) {
            match task.remove() {
                Task::Decide => self.decide(connection, scene),
                Task::GiveUp(_) if self.record.has_opened => {}
                Task::GiveUp(ending) | Task::End(ending) => self.end(connection, scene, &ending),
                Task::Reply => self.reply(connection, scene),
                Task::Resume => connection.resume_reading(),
            }
        }
    }

    /// Receives an event, and reacts at once.
    pub(super) fn react(&mut self, connection: &mut Connection, scene: &mut Scene, event: Event<'_>) {
        scene.note(self.index, || format!("receives {}", brief(&event)));
        self.record.events_after_disconnect += usize::from(!self.record.disconnects.is_empty());
        match event {
            Event::Request(_) => {
                self.record.requests += 1;
                match self.decision {
                    Decision::Never => {}
                    Decision::Accept { after, .. }
                    | Decision::Reject { after, .. }
                    | Decision::Close { after }
                    | Decision::ShutDown { after } => self.plan_for(scene.now + after, Task::Decide),
                }
            }
            Event::Accepted(_) => {
                self.record.accepted += 1;
                self.has_opened(scene.now);
            }
            Event::Rejected(response) => {
                self.record.rejected.push((response.status.as_u16(), response.body.to_vec()));
            }
            Event::Message(message) => self.react_to_message(connection, scene, &message),
            Event::Chunk { data, is_last } => {
                let is_text = data.as_text().is_some();
                let mut partial = self.record.partial.take().unwrap_or_else(|| Partial::new(is_text));
                assert_eq!(partial.is_text, is_text, "the chunks of a message are of one kind");
                partial.bytes.extend(data.as_bytes());
                if is_last {
                    self.react_to_message(connection, scene, &partial.into_message());
                } else {
                    self.record.partial = Some(partial);
                }
            }
            Event::Ping(payload) => {
                self.record.pong_is_due(payload.to_vec(), self.waiting_pongs);
                self.waiting_pongs += 1;
                self.record.pings.push(payload.into_owned());
            }
            Event::Pong(payload) => self.record.pongs.push(payload.into_owned()),
            Event::Disconnect(disconnect) => {
                if disconnect.sent.is_some() {
                    self.record.close_is_due();
                }
                self.record.disconnects.push(*disconnect);
                if let Some(reply) = self.plan.reply.as_ref().filter(|_| connection.phase() != Phase::Closed) {
                    assert_eq!(
                        self.plan.config.close_reply,
                        CloseReply::Manual,
                        "an application that gets this event has nothing to answer"
                    );
                    self.plan_for(scene.now + reply.after, Task::Reply);
                }
            }
            other => panic!("an event unknown to the simulation: {other:?}"),
        }
    }

    fn plan_for(&mut self, at: Time, task: Task) {
        self.tasks += 1;
        self.agenda.insert((at, self.tasks), task);
    }

    fn has_opened(&mut self, now: Time) {
        self.record.has_opened = true;
        self.acts = self.plan.acts.iter().map(|(after, act)| (now + after, act.clone())).collect();
        if let Some((after, ending)) = &self.plan.ending {
            self.plan_for(now + after, Task::End(ending.clone()));
        }
    }

    fn decide(&mut self, connection: &mut Connection, scene: &mut Scene) {
        if connection.phase() != Phase::Requested {
            return;
        }
        scene.note(self.index, || format!("decides {}", brief(self.decision)));
        match self.decision {
            Decision::Accept { subprotocol, headers, .. } => {
                let mut accept = Accept::new();
                if let Some(name) = subprotocol {
                    accept = accept.subprotocol(*name);
                }
                for _ in 0..*headers {
                    let cookie = HeaderValue::from_static("a=b; Path=/; HttpOnly");
                    accept = accept.header(SET_COOKIE, cookie).expect("not a reserved header");
                }
                // It is refused if the client is gone, even before the event that says so.
                if connection.accept(accept).is_ok() {
                    self.has_opened(scene.now);
                }
            }
            Decision::Reject { status, body, .. } => {
                let status = StatusCode::from_u16(*status).expect("a status");
                connection.reject(Response::new(status).body(body.clone())).expect("a request is pending");
            }
            Decision::Close { .. } => connection.close(1000, "").expect("a request is pending"),
            Decision::ShutDown { .. } => connection.shutdown(1001),
            Decision::Never => {}
        }
    }

    /// Returns whether the act is done; if not, it is tried again.
    fn do_act(&mut self, connection: &mut Connection, scene: &mut Scene, act: &Act) -> bool {
        let before = (connection.phase(), connection.output_len(), connection.can_send());
        let result = match act {
            Act::Send(message) => connection.send(&**message),
            Act::SendShared(message) => connection.send_shared(&SharedMessage::from(&**message)),
            Act::Fragment { message, range, is_last } => match &**message {
                Message::Text(text) => connection.send_text_fragment(&text[range.clone()], *is_last),
                Message::Binary(bytes) => connection.send_binary_fragment(&bytes[range.clone()], *is_last),
            },
            Act::Ping(payload) => connection.ping(payload).map_err(|error| match error {
                PingError::Transition(error) => SendError::Transition(error),
                PingError::OutputFull { queued, limit } => SendError::OutputFull { queued, limit },
                _ => SendError::TransportLost,
            }),
            Act::Pause | Act::Resume => {
                scene.note(self.index, || format!("does {act:?}"));
                if matches!(act, Act::Pause) {
                    connection.pause_reading()
                } else {
                    connection.resume_reading()
                }
                return true;
            }
        };
        scene.note(self.index, || format!("does {}: {}", brief(act), brief(&result)));
        match result {
            Ok(()) => {
                self.note_sent(connection, act);
                true
            }
            Err(error) => {
                self.record.refused += 1;
                let after = (connection.phase(), connection.output_len(), connection.can_send());
                assert_eq!(before, after, "{act:?} was refused and changed something: {error}");
                assert_eq!(matches!(error, SendError::Transition(_)), !before.2, "{act:?} was refused: {error}");
                !matches!((act, error), (Act::Fragment { .. }, SendError::OutputFull { .. }))
            }
        }
    }

    /// Notes that a call of an application has queued a frame.
    fn note_sent(&mut self, connection: &Connection, act: &Act) {
        assert!(connection.output_len() > 0, "{act:?} has queued nothing");
        let (message, len, is_first, is_final) = match act {
            Act::Send(message) | Act::SendShared(message) => (message, message.len(), true, true),
            Act::Fragment { message, range, is_last } => (message, range.len(), self.is_first_fragment(), *is_last),
            Act::Ping(payload) => return self.record.due.push(Due::Ping(payload.clone())),
            Act::Pause | Act::Resume => return,
        };
        let opcode = if is_first { if message.as_text().is_some() { 1 } else { 2 } } else { 0 };
        self.record.due.push(Due::Data { opcode, is_final, len });
        if is_final {
            self.record.sent.push((**message).clone());
        }
    }

    /// Whether the last data frame that is due ends its message.
    fn is_first_fragment(&self) -> bool {
        let is_final = self.record.due.iter().rev().find_map(|due| match due {
            Due::Data { is_final, .. } => Some(*is_final),
            Due::Ping(_) | Due::Keepalive | Due::Pong { .. } | Due::Close => None,
        });
        is_final.unwrap_or(true)
    }

    fn end(&mut self, connection: &mut Connection, scene: &mut Scene, ending: &Ending) {
        let is_open = connection.can(Action::Close);
        scene.note(self.index, || format!("does {ending:?}"));
        match ending {
            Ending::Close(code, reason) => {
                if connection.close(*code, reason).is_err() {
                    self.record.refused += 1;
                    assert!(!is_open, "{ending:?} was refused in {:?}", connection.phase());
                }
            }
            Ending::EnsureClosed(code, reason) => connection.ensure_closed(*code, reason),
            Ending::ShutDown(code) => connection.shutdown(*code),
            Ending::Abort => return connection.abort(),
        }
        if is_open {
            self.record.close_is_due();
            self.record.ended_with = Some(ending.clone());
        }
    }

    fn reply(&mut self, connection: &mut Connection, scene: &mut Scene) {
        let Some(reply) = &self.plan.reply else { return };
        if let Some(message) = &reply.message {
            self.do_act(connection, scene, &Act::Send(message.clone()));
        }
        self.end(connection, scene, &reply.close);
    }

    fn react_to_message(&mut self, connection: &mut Connection, scene: &mut Scene, message: &Message<'_>) {
        self.record.received.push(message.clone().into_owned());
        let count = self.record.received.len();
        if self.plan.echoes && self.index == SERVER {
            self.do_act(connection, scene, &Act::Send(message.clone().into_owned().into()));
        }
        if let Some((_, during)) = self.plan.pauses_at.filter(|(at, _)| *at == count) {
            connection.pause_reading();
            self.plan_for(scene.now.saturating_add(during), Task::Resume);
        }
        if let Some((_, ending)) = self.plan.closes_at.as_ref().filter(|(at, _)| *at == count) {
            self.end(connection, scene, ending);
        }
    }
}

/// A long text, shortened.
fn brief(value: &impl std::fmt::Debug) -> String {
    let mut text = format!("{value:?}");
    if let Some((end, _)) = text.char_indices().nth(160) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}
