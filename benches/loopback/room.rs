//! A room: one member sends, and all members receive.

use crate::{
    load::{Run, wait},
    opening::{PATIENCE, open},
    stream::Stream,
    traffic::{READ, Received, Traffic},
    workload::{Task, Workload},
};
use mio::{Events, Interest, Poll, Token};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The members of one room. The first one sends.
pub struct Room<'a> {
    poll: Poll,
    traffic: &'a Traffic,
    /// Messages that the first member sends at a time.
    in_flight: usize,
    members: Vec<Member>,
    /// Members that do not read.
    _slow: Vec<Stream>,
    /// Bytes that the first member has sent, and bytes that each member will have received.
    sent: usize,
    expected: usize,
    buffer: Box<[u8]>,
}

struct Member {
    stream: Stream,
    received: Received,
}

impl<'a> Room<'a> {
    pub fn open(server: SocketAddr, workload: &Workload, traffic: &'a Traffic) -> Result<Self, String> {
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let mut members = Vec::with_capacity(workload.connections);
        let all = 0..workload.connections;
        for (n, stream) in open(server, all, Task::Room, traffic.dialect)?.into_iter().enumerate() {
            let member = Member::new(stream, &poll, Token(n));
            members.push(member.map_err(|error| format!("member {n}: {error}"))?);
        }
        let slow = workload.connections..workload.connections + workload.idle;
        let _slow = open(server, slow, Task::Room, traffic.dialect)?;
        let buffer = vec![0; READ].into_boxed_slice();
        Ok(Self { poll, traffic, in_flight: workload.in_flight, members, _slow, sent: 0, expected: 0, buffer })
    }

    /// Sends messages for `time`, the next ones whenever all members have received the last ones.
    ///
    /// # Errors
    /// A message is missing or wrong.
    pub fn run(&mut self, time: Duration) -> Result<Run, String> {
        let mut run = Run::new();
        let mut events = Events::with_capacity(1024);
        let start = Instant::now();
        while start.elapsed() < time {
            let sent = Instant::now();
            self.expected += self.in_flight * self.traffic.reply_len;
            let will_send = self.sent + self.in_flight * self.traffic.request_len;
            let mut missing = self.members.len();
            while missing > 0 {
                self.send(will_send).map_err(|error| format!("the sender: {error}"))?;
                wait(&mut self.poll, &mut events)?;
                if events.is_empty() {
                    return Err(format!("nothing has arrived for {PATIENCE:?}, and {missing} members wait"));
                }
                for event in &events {
                    let Token(n) = event.token();
                    let has_all = self.members[n].receive(self.expected, &mut self.buffer, self.traffic);
                    missing -= usize::from(has_all.map_err(|error| format!("member {n}: {error}"))?);
                }
            }
            run.record(sent);
            run.messages += self.members.len() * self.in_flight;
        }
        Ok(Run { time: start.elapsed(), ..run })
    }

    /// Sends bytes up to `end`, as far as the socket takes them.
    fn send(&mut self, end: usize) -> io::Result<()> {
        while self.sent < end {
            match self.members[0].stream.write(self.traffic.requests(self.sent..end)) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Member {
    fn new(mut stream: Stream, poll: &Poll, token: Token) -> io::Result<Self> {
        stream.socket().set_nonblocking(true)?;
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, received: Received::default() })
    }

    /// Receives and checks all that has arrived. Returns whether these bytes complete the `expected` ones.
    fn receive(&mut self, expected: usize, buffer: &mut [u8], traffic: &Traffic) -> Result<bool, String> {
        let before = self.received.len;
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed the connection".into()),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.to_string()),
            };
            self.received.take(&buffer[..len], traffic)?;
            if len < buffer.len() {
                break;
            }
        }
        if self.received.len > expected {
            return Err("more has arrived than was sent".into());
        }
        Ok(before < expected && self.received.len == expected)
    }
}
