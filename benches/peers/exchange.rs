//! The jobs, and whether they are done right.

use crate::{
    driver::{Driver, Sample},
    implementations::Implementation,
    socket::{Seen, Socket},
};
use statesocket::Role;
use statesocket_benches::{
    Bench, Work,
    wire::{self, Kind, size_name},
};
use std::{fmt, rc::Rc};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Receive,
    Send,
    Echo,
}

/// How messages arrive.
#[derive(Clone, Copy, Debug)]
pub enum Arrival {
    /// As many as fit into 128 KiB, and at least one.
    Batch,
    /// One at a time.
    Single,
    /// One larger message, 128 KiB at a time.
    Pieces,
}

#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub action: Action,
    pub kind: Kind,
    pub len: usize,
    pub arrival: Arrival,
}

const SIZES: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

impl Job {
    pub fn all() -> Vec<Self> {
        let job = |action, kind, arrival, len| Self { action, kind, len, arrival };
        let mut all = Vec::new();
        for action in [Action::Receive, Action::Send, Action::Echo] {
            all.extend(SIZES.map(|len| job(action, Kind::Binary, Arrival::Batch, len)));
            if action == Action::Echo {
                all.extend(SIZES[..4].iter().map(|len| job(action, Kind::Binary, Arrival::Single, *len)));
                all.push(job(action, Kind::Binary, Arrival::Pieces, 1 << 20));
            }
            // Sending does not check text.
            for kind in [Kind::Text, Kind::Mixed].into_iter().filter(|_| action != Action::Send) {
                all.extend(SIZES.map(|len| job(action, kind, Arrival::Batch, len)));
            }
        }
        all
    }

    /// Messages per run.
    fn count(&self) -> usize {
        match self.arrival {
            Arrival::Batch => ((128 << 10) / (self.len + 14)).max(1),
            Arrival::Single => 100,
            Arrival::Pieces => 1,
        }
    }

    fn is_text(&self) -> bool {
        !matches!(self.kind, Kind::Binary)
    }

    fn sample(&self) -> Sample {
        Sample { is_text: self.is_text(), payload: wire::payload(self.kind, self.len) }
    }

    fn socket(&self) -> Rc<Socket> {
        let one = wire::frames(self.kind, &wire::payload(self.kind, self.len), 1, Role::Server);
        let arrival = match self.arrival {
            Arrival::Batch => one.len() * self.count(),
            Arrival::Single => one.len(),
            Arrival::Pieces => 128 << 10,
        };
        Socket::new(one.repeat(self.count()), arrival)
    }

    pub fn bench(self, implementation: &'static Implementation) -> Bench {
        Bench::new(format!("{self}: {}", implementation.name), move || Exchange::new(self, implementation))
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, kind, len, arrival } = self;
        write!(f, "{}", format!("{action:?} {kind:?} ").to_lowercase())?;
        f.write_str(&size_name(*len))?;
        f.write_str(match arrival {
            Arrival::Batch => "",
            Arrival::Single => ", one per read",
            Arrival::Pieces => ", reads of 128 KiB",
        })
    }
}

/// One implementation at one job.
pub struct Exchange {
    job: Job,
    socket: Rc<Socket>,
    driver: Box<dyn Driver>,
}

impl Exchange {
    pub fn new(job: Job, implementation: &Implementation) -> Self {
        let socket = job.socket();
        Self { job, driver: (implementation.connect)(Rc::clone(&socket), job.sample()), socket }
    }

    /// Does the job once more, watched.
    ///
    /// # Panics
    /// A byte is wrong.
    pub fn watch(&mut self) -> Seen {
        self.reset();
        let socket = Rc::clone(&self.socket);
        let ((), seen) = socket.watch(|| self.run());
        let Sample { is_text, payload } = self.job.sample();
        if self.job.action != Action::Send {
            assert_eq!(seen.messages.len(), self.job.count(), "{}: the number of messages", self.job);
            let is_right = |(text, bytes): &(bool, Vec<u8>)| *text == is_text && *bytes == payload;
            assert!(seen.messages.iter().all(is_right), "{}: a message is delivered changed", self.job);
        }
        let mut output = seen.output.as_slice();
        if self.job.action != Action::Receive {
            for _ in 0..self.job.count() {
                let (sent, rest) = wire::read_frame(self.job.kind, output, Role::Client);
                assert!(sent == payload, "{}: a message is sent changed", self.job);
                output = rest;
            }
        }
        assert!(output.is_empty(), "{}: more is written than the messages", self.job);
        seen
    }
}

impl Work for Exchange {
    fn units(&self) -> usize {
        self.job.count()
    }

    fn reset(&mut self) {
        self.socket.rewind();
    }

    fn run(&mut self) {
        if self.job.action == Action::Send {
            return self.driver.send(self.job.count());
        }
        while self.socket.wake() {
            self.driver.on_readable(self.job.action == Action::Echo).expect("the input breaks no rule");
        }
    }

    fn check(&mut self) {
        self.watch();
    }
}
