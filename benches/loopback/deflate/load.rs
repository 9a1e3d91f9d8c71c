//! Clients that compress: each has its messages echoed, or all are in a room.

use super::{
    agreed::Agreed,
    traffic::{Position, Traffic},
    workload::{Offer, Workload},
};
use crate::{
    load::{Run, wait},
    opening::{PATIENCE, open_with},
    servers::Server,
    stream::Stream,
    traffic::{Dialect, READ},
};
use mio::{Events, Interest, Poll, Token};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

pub struct Load {
    poll: Poll,
    pub traffic: Traffic,
    workload: Workload,
    clients: Vec<Client>,
    buffer: Box<[u8]>,
}

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    Time(Duration),
    /// Each client has received this number of messages.
    Messages(usize),
}

struct Client {
    stream: Stream,
    position: Position,
    /// Bytes that the socket has not taken yet.
    unsent: Vec<u8>,
    /// The message whose latency is measured, and when it was sent.
    timed: Option<(usize, Instant)>,
}

impl Load {
    pub fn open(address: SocketAddr, server: &Server, workload: Workload) -> Result<Self, String> {
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let request = request(workload.offer, workload.is_room);
        let request = (server.dialect == Dialect::WebSocket).then_some(request.as_bytes());
        let opened = open_with(address, 0..workload.connections, server.dialect, request)?;
        let answer = |head: &str| request.map_or(Ok(Agreed::ALONE), |_| Agreed::parse(head));
        let agreed = answer(&opened[0].1)?;
        let traffic = Traffic::new(workload.len, agreed);
        let mut clients = Vec::with_capacity(workload.connections);
        for (n, (stream, head)) in opened.into_iter().enumerate() {
            if answer(&head)? != agreed {
                return Err(format!("the answer to connection {n} is another one: {head}"));
            }
            // The members of a room get the same messages.
            let start = if workload.is_room { 0 } else { n };
            let client = Client::new(stream, start, &poll, Token(n));
            clients.push(client.map_err(|error| format!("connection {n}: {error}"))?);
        }
        Ok(Self { poll, traffic, workload, clients, buffer: vec![0; READ].into() })
    }

    /// The bytes of the replies so far, in parts of their text.
    pub fn wire(&self) -> f64 {
        let messages: usize = self.clients.iter().map(|client| client.position.messages()).sum();
        let bytes: usize = self.clients.iter().map(|client| client.position.wire).sum();
        bytes as f64 / (messages * self.traffic.len()) as f64
    }

    /// Sends messages until an end, and waits for those that are missing.
    ///
    /// # Errors
    /// A message is missing or wrong.
    pub fn run(&mut self, until: Until) -> Result<Run, String> {
        let mut run = Run::new();
        let mut events = Events::with_capacity(1024);
        let start = Instant::now();
        let first: Vec<_> = self.clients.iter().map(|client| client.position.messages()).collect();
        let mut missing = self.send_first()?;
        let mut is_over = false;
        while missing > 0 {
            wait(&mut self.poll, &mut events)?;
            if events.is_empty() {
                return Err(format!("nothing has arrived for {PATIENCE:?}, and {missing} messages are missing"));
            }
            for event in &events {
                let Token(n) = event.token();
                let client = &mut self.clients[n];
                let error = |error| format!("connection {n}: {error}");
                let arrived = client.receive(&mut self.buffer, &mut self.traffic, &mut run).map_err(error)?;
                run.messages += arrived;
                missing = missing.checked_sub(arrived).ok_or("more has arrived than was sent")?;
                is_over = match until {
                    Until::Time(time) => is_over || start.elapsed() > time,
                    Until::Messages(most) => client.position.messages() - first[n] >= most,
                };
                let more = if is_over || self.workload.is_room { 0 } else { arrived };
                missing += more;
                client.send(more, &self.traffic).map_err(|it| error(it.to_string()))?;
            }
            if missing == 0 && self.workload.is_room && !is_over {
                missing = self.send_first()?;
            }
        }
        Ok(Run { time: start.elapsed(), ..run })
    }

    /// Sends the first messages. Returns the number of those that will arrive.
    fn send_first(&mut self) -> Result<usize, String> {
        let Workload { is_room, in_flight, .. } = self.workload;
        let senders = if is_room { 1 } else { self.clients.len() };
        for (n, client) in self.clients[..senders].iter_mut().enumerate() {
            client.send(in_flight, &self.traffic).map_err(|error| format!("connection {n}: {error}"))?;
        }
        Ok(self.clients.len() * in_flight)
    }
}

impl Client {
    fn new(mut stream: Stream, start: usize, poll: &Poll, token: Token) -> io::Result<Self> {
        stream.socket().set_nonblocking(true)?;
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, position: Position::new(start), unsent: Vec::new(), timed: None })
    }

    /// Sends the rest of earlier messages, and `messages` more, in one write.
    fn send(&mut self, messages: usize, traffic: &Traffic) -> io::Result<()> {
        for _ in 0..messages {
            self.unsent.extend_from_slice(traffic.next(&mut self.position));
        }
        if messages > 0 {
            let last = self.position.sent;
            self.timed.get_or_insert_with(|| (last, Instant::now()));
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives and checks all that has arrived. Returns the number of messages that it completes.
    fn receive(&mut self, buffer: &mut [u8], traffic: &mut Traffic, run: &mut Run) -> Result<usize, String> {
        let before = self.position.received;
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed the connection".into()),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.to_string()),
            };
            traffic.take(&mut self.position, &buffer[..len])?;
            if len < buffer.len() {
                break;
            }
        }
        if let Some((_, sent)) = self.timed.take_if(|(last, _)| self.position.received >= *last) {
            run.record(sent);
        }
        Ok(self.position.received - before)
    }
}

/// The request of a client.
fn request(offer: Offer, is_room: bool) -> String {
    let path = if is_room { "/room" } else { "/echo" };
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: {}\r\n\r\n",
        offer.header(),
    )
}
