//! Many connections that have messages returned, on one thread.

use crate::{
    opening::{PATIENCE, open},
    traffic::{READ, Received, Traffic},
    workload::Workload,
};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The clients of one server.
pub struct Load<'a> {
    poll: Poll,
    traffic: &'a Traffic,
    in_flight: usize,
    clients: Vec<Client>,
    /// They only hold on.
    _idle: Vec<std::net::TcpStream>,
    buffer: Box<[u8]>,
}

/// What a run was.
pub struct Run {
    pub messages: usize,
    pub time: Duration,
    /// How long messages were away, in nanoseconds: of each connection one at a time.
    pub latency: Histogram<u64>,
}

struct Client {
    stream: TcpStream,
    /// Bytes sent, and how many may be, counted from the beginning of the stream of messages.
    sent: usize,
    may_send: usize,
    received: Received,
    /// Up to where a message must have come back to know how long it was away, and when it was sent.
    timed: Option<(usize, Instant)>,
}

impl<'a> Load<'a> {
    pub fn open(server: SocketAddr, workload: &Workload, traffic: &'a Traffic) -> Result<Self, String> {
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let mut clients = Vec::with_capacity(workload.connections);
        for (n, stream) in open(server, 0..workload.connections, traffic.dialect)?.into_iter().enumerate() {
            let client = Client::new(stream, n % traffic.period, traffic, &poll, Token(n));
            clients.push(client.map_err(|error| format!("connection {n}: {error}"))?);
        }
        let idle = workload.connections..workload.connections + workload.idle;
        let _idle = open(server, idle, traffic.dialect)?;
        let buffer = vec![0; READ].into_boxed_slice();
        Ok(Self { poll, traffic, in_flight: workload.in_flight, clients, _idle, buffer })
    }

    /// Has messages returned for about so long, and then waits for those that are still away.
    ///
    /// # Errors
    /// What was not returned, or not as it was sent.
    pub fn run(&mut self, time: Duration) -> Result<Run, String> {
        let mut latency = Histogram::new(3).expect("three digits can be kept");
        let mut events = Events::with_capacity(1024);
        let start = Instant::now();
        let (mut messages, mut away) = (0, self.clients.len() * self.in_flight);
        for n in 0..self.clients.len() {
            self.clients[n].send(self.in_flight, self.traffic).map_err(|error| self.failure(n, &error.to_string()))?;
        }
        let mut is_over = false;
        while away > 0 {
            match self.poll.poll(&mut events, Some(PATIENCE)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result.map_err(|error| error.to_string())?,
            }
            if events.is_empty() {
                let waits = |client: &Client| client.received.len < client.will_receive(self.traffic);
                let waits = self.clients.iter().position(waits).expect("some message is away");
                return Err(self.failure(waits, &format!("nothing has come for {PATIENCE:?}")));
            }
            is_over = is_over || start.elapsed() > time;
            for event in &events {
                let Token(n) = event.token();
                let client = &mut self.clients[n];
                let returned = client.receive(&mut self.buffer, self.traffic, &mut latency);
                let returned = returned.map_err(|error| self.failure(n, &error))?;
                (messages, away) = (messages + returned, away - returned);
                let more = if is_over { 0 } else { returned };
                away += more;
                self.clients[n].send(more, self.traffic).map_err(|error| self.failure(n, &error.to_string()))?;
            }
        }
        Ok(Run { messages, time: start.elapsed(), latency })
    }

    fn failure(&self, n: usize, error: &str) -> String {
        let Client { sent, received, .. } = &self.clients[n];
        format!("connection {n}, {sent} bytes sent and {} received: {error}", received.len)
    }
}

impl Client {
    /// Of a connection that is open. Its first message is that with this number.
    fn new(
        stream: std::net::TcpStream,
        number: usize,
        traffic: &Traffic,
        poll: &Poll,
        token: Token,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let (sent, received) = (number * traffic.request_len, Received::from(number * traffic.reply_len));
        Ok(Self { stream, sent, may_send: sent, received, timed: None })
    }

    /// Where the reply to the last message ends.
    fn will_receive(&self, traffic: &Traffic) -> usize {
        self.may_send / traffic.request_len * traffic.reply_len
    }

    /// Sends what is left to send, and so many messages more.
    fn send(&mut self, messages: usize, traffic: &Traffic) -> io::Result<()> {
        if messages > 0 {
            self.may_send += messages * traffic.request_len;
            let end = self.will_receive(traffic);
            self.timed.get_or_insert_with(|| (end, Instant::now()));
        }
        while self.sent < self.may_send {
            match self.stream.write(traffic.requests(self.sent..self.may_send)) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives what there is, checks it, and returns how many messages are back.
    fn receive(&mut self, buffer: &mut [u8], traffic: &Traffic, latency: &mut Histogram<u64>) -> Result<usize, String> {
        let before = self.received.len / traffic.reply_len;
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed it".into()),
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
        if let Some((_, sent)) = self.timed.take_if(|(end, _)| self.received.len >= *end) {
            let away = u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
            latency.record(away).expect("the histogram grows");
        }
        if self.received.len > self.will_receive(traffic) {
            return Err("more has come than was sent".into());
        }
        Ok(self.received.len / traffic.reply_len - before)
    }
}
