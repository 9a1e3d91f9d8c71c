//! Many connections that have messages echoed, on one thread.

use crate::{
    opening::{PATIENCE, open},
    stream::Stream,
    traffic::{READ, Received, Traffic},
    workload::{Task, Workload},
};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};
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
    /// Kept open.
    _idle: Vec<Stream>,
    buffer: Box<[u8]>,
}

/// The result of a run.
pub struct Run {
    pub messages: usize,
    pub time: Duration,
    /// Nanoseconds between messages and their echoes, of one message per connection at a time.
    pub latency: Histogram<u64>,
}

struct Client {
    stream: Stream,
    /// Bytes sent, counted from the start of the stream of messages.
    sent: usize,
    /// Where the last message to send ends.
    may_send: usize,
    received: Received,
    /// The message whose latency is measured: where its echo ends, and when it was sent.
    timed: Option<(usize, Instant)>,
}

impl<'a> Load<'a> {
    pub fn open(server: SocketAddr, workload: &Workload, traffic: &'a Traffic) -> Result<Self, String> {
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let mut clients = Vec::with_capacity(workload.connections);
        for (n, stream) in open(server, 0..workload.connections, Task::Echo, traffic.dialect)?.into_iter().enumerate() {
            let client = Client::new(stream, n % traffic.period, traffic, &poll, Token(n));
            clients.push(client.map_err(|error| format!("connection {n}: {error}"))?);
        }
        let idle = workload.connections..workload.connections + workload.idle;
        let _idle = open(server, idle, Task::Echo, traffic.dialect)?;
        let buffer = vec![0; READ].into_boxed_slice();
        Ok(Self { poll, traffic, in_flight: workload.in_flight, clients, _idle, buffer })
    }

    /// Sends messages for `time`, and then waits for the echoes that are missing.
    ///
    /// # Errors
    /// An echo is missing or wrong.
    pub fn run(&mut self, time: Duration) -> Result<Run, String> {
        let mut run = Run::new();
        let mut events = Events::with_capacity(1024);
        let start = Instant::now();
        let mut missing = self.clients.len() * self.in_flight;
        for n in 0..self.clients.len() {
            self.clients[n].send(self.in_flight, self.traffic).map_err(|error| self.failure(n, &error.to_string()))?;
        }
        let mut is_over = false;
        while missing > 0 {
            wait(&mut self.poll, &mut events)?;
            if events.is_empty() {
                let waits = |client: &Client| client.received.len < client.will_receive(self.traffic);
                let waits = self.clients.iter().position(waits).expect("an echo is missing");
                return Err(self.failure(waits, &format!("nothing has arrived for {PATIENCE:?}")));
            }
            is_over = is_over || start.elapsed() > time;
            for event in &events {
                let Token(n) = event.token();
                let client = &mut self.clients[n];
                let echoed = client.receive(&mut self.buffer, self.traffic, &mut run);
                let echoed = echoed.map_err(|error| self.failure(n, &error))?;
                run.messages += echoed;
                missing -= echoed;
                let more = if is_over { 0 } else { echoed };
                missing += more;
                self.clients[n].send(more, self.traffic).map_err(|error| self.failure(n, &error.to_string()))?;
            }
        }
        Ok(Run { time: start.elapsed(), ..run })
    }

    fn failure(&self, n: usize, error: &str) -> String {
        let Client { sent, received, .. } = &self.clients[n];
        format!("connection {n}, {sent} bytes sent and {} received: {error}", received.len)
    }
}

/// Waits for events, or for [`PATIENCE`].
pub fn wait(poll: &mut Poll, events: &mut Events) -> Result<(), String> {
    loop {
        match poll.poll(events, Some(PATIENCE)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(|error| error.to_string()),
        }
    }
}

impl Run {
    pub fn new() -> Self {
        let latency = Histogram::new(3).expect("a histogram can keep three digits");
        Self { messages: 0, time: Duration::ZERO, latency }
    }

    /// Records the latency of a message that was sent at `sent`.
    pub fn record(&mut self, sent: Instant) {
        let nanoseconds = u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.latency.record(nanoseconds).expect("the histogram grows");
    }
}

impl Client {
    /// For an open connection; its first message is the one with this number.
    fn new(mut stream: Stream, number: usize, traffic: &Traffic, poll: &Poll, token: Token) -> io::Result<Self> {
        stream.socket().set_nonblocking(true)?;
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let (sent, received) = (number * traffic.request_len, Received::from(number * traffic.reply_len));
        Ok(Self { stream, sent, may_send: sent, received, timed: None })
    }

    /// Where the echo of the last message ends.
    fn will_receive(&self, traffic: &Traffic) -> usize {
        self.may_send / traffic.request_len * traffic.reply_len
    }

    /// Sends the rest of earlier messages, and `messages` more.
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

    /// Receives and checks all that has arrived. Returns the number of echoes that it completes.
    fn receive(&mut self, buffer: &mut [u8], traffic: &Traffic, run: &mut Run) -> Result<usize, String> {
        let before = self.received.len / traffic.reply_len;
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed the connection".into()),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.to_string()),
            };
            self.received.take(&buffer[..len], traffic)?;
            if len < buffer.len() && self.stream.reads_all() {
                break;
            }
        }
        if let Some((_, sent)) = self.timed.take_if(|(end, _)| self.received.len >= *end) {
            run.record(sent);
        }
        if self.received.len > self.will_receive(traffic) {
            return Err("more has arrived than was sent".into());
        }
        Ok(self.received.len / traffic.reply_len - before)
    }
}
