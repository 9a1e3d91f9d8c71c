//! A member: it speaks at its pace, hears everything, and comes back whenever it loses its connection.

use crate::{
    crowd::{Orders, Pace},
    socket,
};
use rand::random_range;
use statesocket::{Disconnect, Message, blocking::WebSocket};
use statesocket_rooms::{
    id::Id,
    protocol::{FromMember, FromServer},
};
use std::{
    collections::BTreeMap,
    mem,
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

/// How often a member looks at its orders.
pub const LOOK: Duration = Duration::from_millis(20);

/// What a member has heard and said.
#[derive(Debug, Default)]
pub struct Record {
    pub name: String,
    pub is_slow: bool,
    pub heard: Vec<Heard>,
    /// The texts and ids of what was acknowledged.
    pub acknowledged: Vec<(String, Id)>,
    pub refused: usize,
    /// How often a connection ended with each code.
    pub ends: BTreeMap<u16, usize>,
    /// How often the broker was told to be lost.
    pub losses: usize,
    pub has_gap: bool,
    /// The longest time without a connection that has joined.
    pub longest_absence: Duration,
}

/// A message as a member heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub id: Id,
    pub name: String,
    pub text: String,
    /// The time since it was said, if it was heard as it came and not after an absence.
    pub delay: Option<Duration>,
}

pub struct Member {
    pub record: Record,
    room: String,
    port: u16,
    pace: Pace,
    orders: Arc<Orders>,
    last: Option<Id>,
    has_joined: bool,
    /// When it joined, counted from the beginning of all.
    joined_at: Duration,
    key: u64,
    unanswered: BTreeMap<u64, String>,
    next_word: Instant,
}

impl Member {
    pub fn new(room: &str, name: String, port: u16, pace: Pace, orders: Arc<Orders>) -> Self {
        let record = Record { name, is_slow: pace.is_slow, ..Record::default() };
        let (room, unanswered, next_word) = (room.to_owned(), BTreeMap::new(), Instant::now());
        Self {
            record,
            room,
            port,
            pace,
            orders,
            last: None,
            has_joined: false,
            joined_at: Duration::ZERO,
            key: 0,
            unanswered,
            next_word,
        }
    }

    /// Lives until it is told that all have finished.
    pub fn live(mut self) -> Record {
        let mut lost_at = Instant::now();
        loop {
            let after = self.last.map(|id| format!("&after={id}")).unwrap_or_default();
            let target = format!("/ws/{}?name={}{after}", self.room, self.record.name);
            if let Ok(socket) = socket::connect(self.port, &target) {
                self.visit(socket, lost_at);
            }
            if self.is_done() {
                break;
            }
            if mem::take(&mut self.has_joined) {
                lost_at = Instant::now();
            }
            self.unanswered.clear();
            thread::sleep(Duration::from_millis(random_range(20..150)));
        }
        self.record
    }

    /// One connection. The one before was lost at this time.
    fn visit(&mut self, mut socket: WebSocket<TcpStream>, lost_at: Instant) {
        self.next_word = Instant::now() + self.pace.interval.min(LOOK).mul_f64(random_range(0.0..1.0));
        while !self.is_done() {
            if self.pace.is_slow && self.has_joined && self.orders.is_speaking() && self.record.ends.is_empty() {
                // It reads nothing until it is cut off.
                thread::sleep(LOOK);
                continue;
            }
            let was_in = self.has_joined;
            let wait = self.next_word.saturating_duration_since(Instant::now()).min(LOOK);
            match socket.recv_timeout(wait) {
                Ok(message) => message.iter().for_each(|message| self.take(message)),
                Err(end) => return self.note_end(&end),
            }
            if self.has_joined && !was_in {
                self.record.longest_absence = self.record.longest_absence.max(lost_at.elapsed());
                self.orders.joined.fetch_add(1, Ordering::Relaxed);
            }
            if self.has_joined {
                self.speak(&mut socket);
            }
        }
    }

    fn speak(&mut self, socket: &mut WebSocket<TcpStream>) {
        let now = Instant::now();
        if !self.orders.is_speaking() || now < self.next_word || !socket.can_send() {
            return;
        }
        self.next_word += self.pace.interval;
        self.key += 1;
        let since = self.orders.begin.elapsed().as_micros();
        let mut text = format!("{} {} {since} ", self.record.name, self.key);
        text.extend(std::iter::repeat_n('x', self.pace.text_bytes.saturating_sub(text.len())));
        let message = FromMember { key: self.key, text: text.clone() };
        let sent = socket.send(serde_json::to_string(&message).expect("it is JSON"));
        if sent.is_ok() {
            self.unanswered.insert(self.key, text);
        }
    }

    fn take(&mut self, message: &Message<'_>) {
        let news = message.as_text().and_then(|text| serde_json::from_str(text).ok());
        self.hear(news.expect("news of the protocol"));
    }

    /// Notes an end, but not those of balancers that find no process.
    fn note_end(&mut self, end: &Disconnect) {
        if self.has_joined {
            *self.record.ends.entry(end.code.into()).or_default() += 1;
        }
    }

    fn hear(&mut self, news: FromServer) {
        match news {
            FromServer::Message { id, name, text } => {
                self.last = Some(id);
                let said = text.split(' ').nth(2).and_then(|micros| micros.parse().ok()).map(Duration::from_micros);
                let live = said.filter(|said| self.has_joined && *said > self.joined_at && !self.pace.is_slow);
                let delay = live.map(|said| self.orders.begin.elapsed().saturating_sub(said));
                self.record.heard.push(Heard { id, name, text, delay });
            }
            FromServer::Joined { id, may_have_gap, .. } => {
                self.last = Some(id);
                (self.has_joined, self.joined_at) = (true, self.orders.begin.elapsed());
                self.record.has_gap |= may_have_gap;
            }
            FromServer::Acknowledged { key, id } => {
                let text = self.unanswered.remove(&key).expect("an answer to what was said");
                self.record.acknowledged.push((text, id));
            }
            FromServer::Refused { key, .. } => {
                self.unanswered.remove(&key).expect("an answer to what was said");
                self.record.refused += 1;
            }
            FromServer::Broker { is_lost } => self.record.losses += usize::from(is_lost),
            FromServer::Present { .. } => {}
        }
    }

    /// The last message is known and heard.
    fn is_done(&self) -> bool {
        self.orders.is_over() || self.orders.last().is_some_and(|last| self.last >= Some(last) && self.has_joined)
    }
}
