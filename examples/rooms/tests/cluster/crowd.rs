//! Members of one room, each on a thread of its own.

use crate::{
    checks,
    member::{LOOK, Member, Record},
    socket,
};
use statesocket_rooms::{
    id::Id,
    protocol::{FromMember, FromServer},
};
use std::{
    error::Error,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long anything may take that is not measured.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the answers to the last messages may take.
const LAST_ANSWERS: Duration = Duration::from_millis(700);

/// How a member speaks.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub interval: Duration,
    pub text_bytes: usize,
    /// It reads nothing while the others speak.
    pub is_slow: bool,
}

/// What all members are told.
#[derive(Debug)]
pub struct Orders {
    pub begin: Instant,
    /// How many members have joined, those who came back included.
    pub joined: AtomicUsize,
    is_speaking: AtomicBool,
    is_over: AtomicBool,
    last: OnceLock<Id>,
}

impl Orders {
    pub fn is_speaking(&self) -> bool {
        self.is_speaking.load(Ordering::Relaxed)
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The last message of all.
    pub fn last(&self) -> Option<Id> {
        self.last.get().copied()
    }
}

pub struct Crowd {
    room: String,
    orders: Arc<Orders>,
    threads: Vec<JoinHandle<Record>>,
}

impl Crowd {
    /// So many members at each port join, and listen.
    pub fn join(room: &str, ports: &[u16], each: usize, pace: Pace) -> Result<Self, String> {
        let orders = Orders {
            begin: Instant::now(),
            joined: AtomicUsize::new(0),
            is_speaking: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            last: OnceLock::new(),
        };
        let mut crowd = Self { room: room.to_owned(), orders: Arc::new(orders), threads: Vec::new() };
        for port in ports.iter().flat_map(|port| std::iter::repeat_n(*port, each)) {
            crowd.spawn(port, pace);
        }
        crowd.wait_for_all()?;
        Ok(crowd)
    }

    /// One more.
    pub fn add(&mut self, port: u16, pace: Pace) -> Result<(), String> {
        self.spawn(port, pace);
        self.wait_for_all()
    }

    fn spawn(&mut self, port: u16, pace: Pace) {
        let name = format!("m{}", self.threads.len());
        let member = Member::new(&self.room, name, port, pace, Arc::clone(&self.orders));
        self.threads.push(thread::spawn(move || member.live()));
    }

    fn wait_for_all(&self) -> Result<(), String> {
        let begin = Instant::now();
        while self.orders.joined.load(Ordering::Relaxed) < self.threads.len() {
            if begin.elapsed() > PATIENCE {
                self.orders.is_over.store(true, Ordering::Relaxed);
                return Err(format!("not all of {} members can join", self.threads.len()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// All speak from now on.
    pub fn begin_to_speak(&self) {
        self.orders.is_speaking.store(true, Ordering::Relaxed);
    }

    /// All speak for some time.
    pub fn speak(&self, time: Duration) {
        self.begin_to_speak();
        thread::sleep(time);
    }

    /// All end, once they have heard a last message, which is said at this port; then checks what they have heard.
    pub fn finish(self, port: u16) -> Result<Report, Box<dyn Error>> {
        self.orders.is_speaking.store(false, Ordering::Relaxed);
        thread::sleep(LAST_ANSWERS);
        let last = last_word(port, &self.room);
        if let Ok(last) = last {
            self.orders.last.get_or_init(|| last);
        }
        let begin = Instant::now();
        while last.is_ok() && !self.threads.iter().all(JoinHandle::is_finished) && begin.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
        self.orders.is_over.store(true, Ordering::Relaxed);
        let ends = self.threads.into_iter().map(JoinHandle::join).collect::<Result<Vec<_>, _>>();
        let members = ends.map_err(|_| "a member has panicked")?;
        checks::check(&members, last?)?;
        Ok(Report::of(members))
    }
}

/// Says something until it is acknowledged. Returns its id.
fn last_word(port: u16, room: &str) -> Result<Id, String> {
    let begin = Instant::now();
    let word = serde_json::to_string(&FromMember { key: 1, text: "last".to_owned() }).expect("it is JSON");
    while begin.elapsed() < PATIENCE {
        let Ok(mut socket) = socket::connect(port, &format!("/ws/{room}?name=last")) else { continue };
        let mut has_spoken = false;
        while let Ok(message) = socket.recv_timeout(LOOK)
            && begin.elapsed() < PATIENCE
        {
            match message.as_ref().and_then(|message| serde_json::from_str(message.as_text()?).ok()) {
                Some(FromServer::Acknowledged { id, .. }) => return Ok(id),
                Some(FromServer::Refused { .. }) => has_spoken = false,
                Some(_) | None => {}
            }
            if !has_spoken && socket.can_send() {
                has_spoken = socket.send(&*word).is_ok();
            }
        }
    }
    Err("the last message is not acknowledged".to_owned())
}

/// What became of a crowd.
#[derive(Debug)]
pub struct Report {
    pub members: Vec<Record>,
    pub acknowledged: usize,
    pub refused: usize,
    /// The delays of all messages at all members, in order.
    delays: Vec<Duration>,
}

impl Report {
    fn of(members: Vec<Record>) -> Self {
        let sum = |count: fn(&Record) -> usize| members.iter().map(count).sum();
        let (acknowledged, refused) = (sum(|member| member.acknowledged.len()), sum(|member| member.refused));
        let heard = members.iter().flat_map(|member| &member.heard);
        let mut delays: Vec<_> = heard.filter_map(|heard| heard.delay).collect();
        delays.sort_unstable();
        Self { members, acknowledged, refused, delays }
    }

    /// The longest delay.
    pub fn worst(&self) -> Duration {
        self.delays.last().copied().unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { members, acknowledged, refused, delays } = self;
        write!(f, "{acknowledged} acknowledged, {refused} refused, {} members heard each once", members.len())?;
        let ends: usize = members.iter().flat_map(|member| member.ends.values()).sum();
        if ends > 0 {
            let absences = members.iter().map(|member| member.longest_absence);
            write!(f, ", {ends} came back in at most {} ms", absences.max().unwrap_or_default().as_millis())?;
        }
        let at = |part: f64| delays.get((delays.len() as f64 * part) as usize).copied().unwrap_or_default();
        let ms = |delay: Duration| delay.as_secs_f64() * 1e3;
        let (median, most, worst) = (ms(at(0.5)), ms(at(0.99)), ms(self.worst()));
        write!(f, "; delays: median {median:.1} ms, 99 % {most:.1} ms, worst {worst:.1} ms")
    }
}
