//! The workloads of the servers.

use statesocket_benches::wire::{Kind, size_name};
use std::fmt;

#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub task: Task,
    pub kind: Kind,
    pub len: usize,
    /// Frames per message; the echo has one.
    pub fragments: usize,
    pub connections: usize,
    /// Messages that each connection has in flight.
    pub in_flight: usize,
    /// Further connections, which do nothing.
    pub idle: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Every connection stays open, and has every message echoed.
    Echo,
    /// Every connection has one message echoed, and closes; the next one takes its place.
    Visit,
}

impl Workload {
    /// One connection, one message at a time.
    pub const fn one(kind: Kind, len: usize) -> Self {
        Self::echo(kind, len, 1, 1)
    }

    const fn echo(kind: Kind, len: usize, connections: usize, in_flight: usize) -> Self {
        Self { task: Task::Echo, kind, len, fragments: 1, connections, in_flight, idle: 0 }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.task == Task::Visit {
            f.write_str("connect, upgrade, echo one, close: ")?;
        }
        write!(f, "{}", size_name(self.len))?;
        match self.kind {
            Kind::Binary => {}
            Kind::Text => f.write_str(" text")?,
            Kind::Mixed => f.write_str(" mixed text")?,
        }
        if self.fragments > 1 {
            write!(f, " in {} fragments", self.fragments)?;
        }
        write!(f, ", C={} P={}", self.connections, self.in_flight)?;
        if self.idle > 0 {
            write!(f, ", {} idle", self.idle)?;
        }
        Ok(())
    }
}

/// Messages of several sizes, and short connections.
pub fn sizes() -> Vec<Workload> {
    use Kind::{Binary, Mixed, Text};
    let large = Workload::echo(Binary, 64 << 10, 16, 1);
    vec![
        Workload::echo(Binary, 16, 100, 1),
        Workload::echo(Binary, 16, 100, 16),
        Workload::echo(Binary, 1 << 10, 100, 1),
        Workload::echo(Binary, 1 << 10, 100, 16),
        Workload::echo(Text, 16 << 10, 32, 1),
        large,
        Workload { kind: Mixed, ..large },
        Workload::echo(Binary, 1 << 20, 4, 1),
        Workload { fragments: 16, ..large },
        Workload { task: Task::Visit, ..Workload::echo(Binary, 16, 16, 1) },
    ]
}

/// Growing numbers of connections, messages in flight, and idle connections; at most `most` connections.
pub fn scale(most: usize) -> Vec<Workload> {
    let small = Workload::echo(Kind::Binary, 16, 100, 1);
    let crowds = [1, 10, 100, 1_000, 10_000, 100_000].into_iter().filter(|connections| *connections <= most);
    let mut all: Vec<_> = crowds.map(|connections| Workload { connections, ..small }).collect();
    all.extend([4, 16, 64].map(|in_flight| Workload { in_flight, ..small }));
    let idle = [1_000, 10_000, most - small.connections];
    all.extend(idle.into_iter().filter(|idle| idle + small.connections <= most).map(|idle| Workload { idle, ..small }));
    all
}
