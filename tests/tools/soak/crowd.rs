//! All clients, on one thread.

use crate::{
    client::{Client, Turn},
    plan::Dice,
};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The period at which clients with a time of their own are turned.
const TICK: Duration = Duration::from_millis(5);

/// The clients that connect per tick, which fit into the backlog of the system.
const NEWCOMERS: usize = 50;

/// A client that takes longer is stuck.
const TOO_LONG: Duration = Duration::from_secs(120);

/// The most faults that are printed; there may be very many of one kind.
const MAX_FAULTS: usize = 20;

pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    address: SocketAddr,
    slots: Vec<Option<Client>>,
    free: Vec<usize>,
    dice: Dice,
    buffer: Box<[u8]>,
    report: Report,
}

/// The acts and observations of all clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) begun: u64,
    pub(crate) opened: u64,
    pub(crate) echoes: u64,
    pub(crate) pongs: u64,
    /// Messages of rooms.
    pub(crate) news: u64,
    /// Members closed because they lag.
    pub(crate) left_behind: u64,
    /// Closed by the stopping server.
    pub(crate) sent_away: u64,
    plans: BTreeMap<&'static str, u64>,
    pub(crate) faults: Vec<String>,
}

impl Crowd {
    pub(crate) fn new(address: SocketAddr, size: usize, dice: Dice) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            address,
            slots: (0..size).map(|_| None).collect(),
            free: (0..size).collect(),
            dice,
            buffer: vec![0; 64 << 10].into_boxed_slice(),
            report: Report::default(),
        })
    }

    /// Makes clients come and go for `time`.
    pub(crate) fn run(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.welcome();
            self.turn(false)?;
        }
        Ok(())
    }

    /// Makes all clients leave, since the server is stopping.
    pub(crate) fn leave(&mut self, patience: Duration) -> io::Result<()> {
        let end = Instant::now() + patience;
        while self.free.len() < self.slots.len() {
            if Instant::now() > end {
                let left = self.slots.len() - self.free.len();
                self.report.fault(format!("{left} clients are still there after {patience:?}"));
                break;
            }
            self.turn(true)?;
        }
        Ok(())
    }

    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    fn welcome(&mut self) {
        for _ in 0..NEWCOMERS {
            let Some(slot) = self.free.pop() else { return };
            // If the system has no room for another socket, it will have when others are gone.
            let Ok(mut stream) = TcpStream::connect(self.address) else { return self.free.push(slot) };
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(&mut stream, Token(slot), interest).is_err() {
                return self.free.push(slot);
            }
            self.report.begun += 1;
            let client = Client::new(stream, self.address, Dice::new(self.dice.number()));
            *self.report.plans.entry(client.plan().name()).or_default() += 1;
            self.slots[slot] = Some(client);
        }
    }

    fn turn(&mut self, is_stopping: bool) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(TICK)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.events {
            if let Some(client) = &mut self.slots[event.token().0] {
                client.set_ready(event);
            }
        }
        let now = Instant::now();
        for (slot, place) in self.slots.iter_mut().enumerate() {
            let Some(client) = place.as_mut().filter(|client| is_stopping || client.has_work(now)) else { continue };
            let fault = match client.turn(now, is_stopping, &mut self.buffer, &mut self.report) {
                Ok(Turn::GoesOn) if client.age(now) < TOO_LONG => continue,
                Ok(Turn::GoesOn) => Some("it takes too long".to_owned()),
                Ok(Turn::Gone) => None,
                Err(fault) => Some(fault),
            };
            if let Some(fault) = fault {
                let when = if is_stopping { "while the server stops" } else { "while it runs" };
                self.report.fault(format!("{:?}, {when}: {fault}", client.plan()));
            }
            *place = None;
            self.free.push(slot);
        }
        Ok(())
    }
}

impl Report {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

/// One line for a summary.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} begun, {} opened, {} echoes, {} pongs", self.begun, self.opened, self.echoes, self.pongs)?;
        write!(f, ", {} news, {} left behind, {} sent away", self.news, self.left_behind, self.sent_away)?;
        for (plan, count) in &self.plans {
            write!(f, ", {count} {plan}")?;
        }
        Ok(())
    }
}
