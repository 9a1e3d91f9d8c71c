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
    /// Further connections, which do nothing. In a room they are members that never read.
    pub idle: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Every connection stays open, and has every message echoed.
    Echo,
    /// Every connection has one message echoed, and closes; the next one takes its place.
    Visit,
    /// One connection sends, and every connection gets each message.
    Room,
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
        match self.task {
            Task::Echo => {}
            Task::Visit => f.write_str("connect, upgrade, echo one, close: ")?,
            Task::Room => f.write_str("room: ")?,
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
        match (self.idle, self.task) {
            (0, _) => {}
            (members, Task::Room) => write!(f, ", {members} never read")?,
            (idle, Task::Echo | Task::Visit) => write!(f, ", {idle} idle")?,
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

/// The rows that tell servers on tokio apart: the smallest messages, and visits.
pub fn small() -> Vec<Workload> {
    let mut all = sizes();
    all.retain(|workload| workload.len == 16);
    all
}

/// What TLS changes: small messages, large ones, and visits.
pub fn secure() -> Vec<Workload> {
    let mut all = sizes();
    all.retain(|it| matches!((it.kind, it.fragments, it.len), (Kind::Binary, 1, 16 | 1_024 | 65_536)));
    all
}

/// One message to all members of a room, or 16 at a time; at most `most` connections.
pub fn rooms(most: usize) -> Vec<Workload> {
    let room = |len, members, in_flight| Workload {
        task: Task::Room,
        ..Workload::echo(Kind::Binary, len, members, in_flight)
    };
    let sizes = [16, 1 << 10, 16 << 10];
    let mut all: Vec<_> =
        [100, 1_000, 5_000].into_iter().flat_map(|members| sizes.map(|len| room(len, members, 1))).collect();
    all.extend([16, 1 << 10].map(|len| room(len, 1_000, 16)));
    all.extend([16, 1 << 10].map(|len| Workload { idle: 50, ..room(len, 1_000, 16) }));
    all.push(Workload { idle: 5, ..room(16 << 10, 100, 1) });
    all.retain(|workload| workload.connections + workload.idle <= most);
    all
}

/// For several loops: small and large messages, short connections, and rooms, of at most `most` members.
pub fn loops(most: usize) -> Vec<Workload> {
    let small = Workload::echo(Kind::Binary, 16, 100, 1);
    let room = Workload { task: Task::Room, ..small };
    let mut all = vec![
        small,
        Workload { in_flight: 16, ..small },
        Workload { connections: 1_000, ..small },
        Workload { len: 1 << 10, ..small },
        Workload { len: 64 << 10, connections: 16, ..small },
        Workload { task: Task::Visit, connections: 16, ..small },
        room,
        Workload { connections: 1_000, ..room },
        Workload { connections: 1_000, len: 1 << 10, in_flight: 16, ..room },
    ];
    all.retain(|workload| workload.connections <= most);
    all
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
