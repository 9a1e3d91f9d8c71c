//! Clients that connect, have one message echoed, and close.

use crate::{
    load::{Run, wait},
    opening::{PATIENCE, REQUEST, head_len, start},
    stream::Stream,
    traffic::{Dialect, Received, Traffic},
    workload::Workload,
};
use mio::{Events, Interest, Poll, Token};
use statesocket_benches::wire::{CLOSE, CLOSE_REPLY};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr},
    time::{Duration, Instant},
};

/// The visitors of one server, a constant number at any time.
pub struct Visits<'a> {
    server: SocketAddr,
    poll: Poll,
    traffic: &'a Traffic,
    visitors: Vec<Visitor>,
    /// How many have connected so far.
    count: usize,
}

struct Visitor {
    stream: Stream,
    since: Instant,
    stage: Stage,
    /// The bytes that have arrived in this stage.
    received: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Upgrading,
    Echo,
    Closing,
    /// Until the server closes the connection.
    Ending,
}

impl<'a> Visits<'a> {
    pub fn new(server: SocketAddr, workload: &Workload, traffic: &'a Traffic) -> Result<Self, String> {
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let mut visits = Self { server, poll, traffic, visitors: Vec::new(), count: 0 };
        for n in 0..workload.connections {
            let visitor = visits.next(n)?;
            visits.visitors.push(visitor);
        }
        Ok(visits)
    }

    fn next(&mut self, n: usize) -> Result<Visitor, String> {
        self.count += 1;
        let stream = start(self.server, self.count, self.traffic.dialect).and_then(|mut stream| {
            self.poll.registry().register(&mut stream, Token(n), Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        let stream = stream.map_err(|error| format!("visitor {} cannot connect: {error}", self.count))?;
        Ok(Visitor { stream, since: Instant::now(), stage: Stage::Connecting, received: Vec::new() })
    }

    /// Makes visits for `time`. The visits that are incomplete at the end count for the next run.
    ///
    /// # Errors
    /// An answer is missing or wrong.
    pub fn run(&mut self, time: Duration) -> Result<Run, String> {
        let mut run = Run::new();
        let mut events = Events::with_capacity(1024);
        let start = Instant::now();
        while start.elapsed() < time {
            wait(&mut self.poll, &mut events)?;
            if events.is_empty() {
                let stages: Vec<_> = self.visitors.iter().map(|it| it.stage).collect();
                return Err(format!("nothing has arrived for {PATIENCE:?}; the stages of the visitors are {stages:?}"));
            }
            for event in &events {
                let Token(n) = event.token();
                let visitor = &mut self.visitors[n];
                let is_over = visitor.ready(self.traffic);
                if is_over.map_err(|error| format!("visitor {n}, {:?}: {error}", visitor.stage))? {
                    run.record(visitor.since);
                    run.messages += 1;
                    self.visitors[n] = self.next(n)?;
                }
            }
        }
        Ok(Run { time: start.elapsed(), ..run })
    }
}

impl Visitor {
    /// Reads and writes as far as the socket allows. Returns whether the visit is over.
    fn ready(&mut self, traffic: &Traffic) -> Result<bool, String> {
        if self.stage == Stage::Connecting {
            if self.stream.socket().peer_addr().is_err() {
                return self
                    .stream
                    .socket()
                    .take_error()
                    .ok()
                    .flatten()
                    .map_or(Ok(false), |error| Err(error.to_string()));
            }
            if !self.stream.handshake().map_err(|error| error.to_string())? {
                return Ok(false);
            }
            match traffic.dialect {
                Dialect::Bytes => self.send(traffic.requests(0..traffic.request_len), Stage::Echo)?,
                _ => self.send(REQUEST, Stage::Upgrading)?,
            }
        }
        let is_at_end = self.receive().map_err(|error| error.to_string())?;
        while self.advance(traffic)? {}
        match self.stage {
            Stage::Ending if !self.received.is_empty() => Err(format!("unexpected {:02x?}", self.received)),
            Stage::Ending => Ok(is_at_end),
            _ if is_at_end => Err("the server has closed the connection".into()),
            _ => Ok(false),
        }
    }

    /// Enters the next stage if its bytes have arrived.
    fn advance(&mut self, traffic: &Traffic) -> Result<bool, String> {
        let len = match self.stage {
            Stage::Upgrading => match head_len(&self.received)? {
                Some(len) => len,
                None => return Ok(false),
            },
            Stage::Echo => traffic.reply_len,
            Stage::Closing => CLOSE_REPLY.len(),
            _ => return Ok(false),
        };
        if self.received.len() < len {
            return Ok(false);
        }
        let received: Vec<_> = self.received.drain(..len).collect();
        match (self.stage, traffic.dialect) {
            (Stage::Upgrading, _) => self.send(traffic.requests(0..traffic.request_len), Stage::Echo)?,
            (Stage::Echo, dialect) => {
                Received::default().take(&received, traffic)?;
                match dialect {
                    Dialect::Bytes => {
                        self.stream.socket().shutdown(Shutdown::Write).map_err(|error| error.to_string())?;
                        self.stage = Stage::Ending;
                    }
                    _ => self.send(&CLOSE, Stage::Closing)?,
                }
            }
            _ if received == CLOSE_REPLY => self.stage = Stage::Ending,
            _ => return Err(format!("the reply to Close is {received:02x?}")),
        }
        Ok(true)
    }

    /// Sends `bytes`, which are few enough for the buffer of an idle socket.
    fn send(&mut self, bytes: &[u8], next: Stage) -> Result<(), String> {
        self.stage = next;
        match self.stream.write(bytes) {
            Ok(n) if n == bytes.len() => Ok(()),
            Ok(n) => Err(format!("the socket took {n} bytes of {}", bytes.len())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Returns whether the server has closed the connection.
    fn receive(&mut self) -> io::Result<bool> {
        let mut piece = [0; 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(true),
                Ok(n) => self.received.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}
