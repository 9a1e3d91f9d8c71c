//! An end: a connection, and the loop that drives it as documented.

use super::{
    CLIENT, Time,
    application::Application,
    latest_ping::LatestPing,
    network::{NEVER, Network, ReadOutcome},
    plan::Plan,
    random::{Random, seeded},
    record::{Due, Last},
    world::Scene,
};
use rand::RngExt;
use statesocket::{Connection, Event, Hold, Phase, SocketAction, State, Timer, handshake::Connect};
use std::{
    io::{self, IoSlice, Write},
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(Debug)]
pub(super) struct Endpoint<'p> {
    pub(super) index: usize,
    pub(super) connection: Connection,
    /// The bytes that the connection holds back.
    rest: Vec<u8>,
    latest_ping: Option<LatestPing>,
    /// The stream has ended or failed.
    has_input_ended: bool,
    /// A slow reader does not read before this time.
    reads_at: Time,
    pub(super) application: Application<'p>,
    epoch: Instant,
    random: Random,
    sizes: [usize; 2],
    is_closed: bool,
    states: (State, State),
    /// The queued bytes when the connection was last seen in phase Closed.
    last_bytes: usize,
    /// Since when bytes are queued without any of them being written.
    stuck_since: Option<Time>,
}

impl<'p> Endpoint<'p> {
    pub(super) fn new(plan: &'p Plan, index: usize, epoch: Instant) -> Self {
        let mut random = seeded(plan.seed ^ (0xE0 + index as u64));
        let config = Arc::clone(&plan.ends[index].config);
        let connection = if index == CLIENT {
            let mut connect = Connect::new("ws://server.example.com/simulation").expect("a URI").seed(random.random());
            for name in plan.offers {
                connect = connect.subprotocol(*name).expect("a token, once");
            }
            Connection::client(&connect, config, epoch)
        } else {
            Connection::server(config, epoch)
        };
        Self {
            index,
            rest: Vec::new(),
            latest_ping: plan.ends[index].answers_latest_ping.then(LatestPing::default),
            has_input_ended: false,
            reads_at: 0,
            states: (connection.client_state(), connection.application_state()),
            connection,
            application: Application::new(plan, index),
            epoch,
            random,
            sizes: plan.ends[index].sizes,
            is_closed: false,
            last_bytes: usize::MAX,
            stuck_since: None,
        }
    }

    /// The time of the next turn: the socket is readable or writable, a deadline, or an act of the application.
    pub(super) fn wake(&mut self, network: &Network, now: Time) -> Time {
        if self.is_closed {
            return NEVER;
        }
        if !self.rest.is_empty() && self.connection.held_by().is_none() {
            return now;
        }
        let readable = if self.may_read() { network.readable_at(self.index).max(self.reads_at) } else { NEVER };
        let writable = if self.connection.output_len() > 0 { network.writable_at(self.index, now) } else { NEVER };
        let deadline = self.deadline(now).map_or(NEVER, |(at, _)| at);
        readable.min(writable).min(deadline).min(self.application.wake())
    }

    /// One turn of the loop: feed and react, tell the time, write, see to the socket.
    pub(super) fn turn(&mut self, scene: &mut Scene) {
        if self.may_read() && self.reads_at <= scene.now {
            self.read(scene);
        }
        self.application.act(&mut self.connection, scene);
        self.tell_the_time(scene);
        self.take_events(scene, &[]);
        self.write(scene);
        while let Some(action) = self.connection.poll_socket() {
            scene.note(self.index, || format!("does {action:?}"));
            self.application.record.socket_actions.push(action);
            match action {
                SocketAction::ShutdownWrite => scene.network.shut_down(self.index, scene.now),
                SocketAction::Close => {
                    scene.network.close(self.index, scene.now);
                    self.forget();
                }
                _ => panic!("an action unknown to the simulation: {action:?}"),
            }
        }
        self.look();
    }

    /// Bytes that are held back come before any others.
    fn may_read(&self) -> bool {
        self.connection.wants_read() && self.rest.is_empty()
    }

    fn forget(&mut self) {
        self.is_closed = true;
        let now = self.epoch + Duration::from_secs(1 << 20);
        assert!(self.connection.is_finished(), "a closed socket ends the connection");
        assert_eq!(self.connection.poll_timeout(now), None, "a finished connection has no deadline");
        assert!(!self.connection.wants_read(), "a finished connection does not read");
        assert_eq!(self.connection.output_len(), 0, "a finished connection does not write");
        self.application.record.last = Some(Last {
            phase: self.connection.phase(),
            disconnect: self.connection.disconnected().cloned(),
            subprotocol: self.connection.subprotocol().map(str::to_owned),
        });
    }

    fn read(&mut self, scene: &mut Scene) {
        let mut most = self.random.random_range(1..=self.sizes[0]);
        if let Some((period, least)) =
            self.application.reads_slowly().filter(|_| self.connection.phase() == Phase::Open)
        {
            self.reads_at = scene.now + period;
            most = most.max(least);
        }
        match scene.network.read(self.index, most, scene.now) {
            ReadOutcome::Some(bytes) => {
                scene.note(self.index, || format!("reads {} bytes", bytes.len()));
                self.take_input(scene, &bytes);
            }
            ReadOutcome::WouldBlock => {}
            ReadOutcome::Eof => {
                scene.note(self.index, || "reads the end of the stream".to_owned());
                self.end_input(scene);
                self.connection.receive_eof();
            }
            ReadOutcome::Failed => {
                scene.note(self.index, || "cannot read".to_owned());
                self.end_input(scene);
                self.connection.transport_failed();
            }
        }
        self.take_events(scene, &[]);
    }

    fn take_input(&mut self, scene: &mut Scene, bytes: &[u8]) {
        match &mut self.latest_ping {
            Some(latest) => {
                let passed = latest.pass(bytes);
                self.application.record.left_out = latest.left_out;
                self.take_events(scene, &passed);
            }
            None => self.take_events(scene, bytes),
        }
    }

    fn end_input(&mut self, scene: &mut Scene) {
        let rest = self.latest_ping.as_mut().map(LatestPing::take_rest).unwrap_or_default();
        self.take_events(scene, &rest);
        self.has_input_ended = true;
    }

    /// Hands in the rest, and `input` behind it. What is held is not handed out, and stays in the rest.
    fn take_events(&mut self, scene: &mut Scene, input: &[u8]) {
        let now = self.instant(scene.now);
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend(input);
        let mut left = bytes.as_mut_slice();
        loop {
            let held_by = self.connection.held_by();
            let Some(event) = self.connection.receive(&mut left, now) else { break };
            let is_end = matches!(event, Event::Disconnect(_));
            assert!(held_by.is_none() || is_end, "{event:?} is handed out although it is held by {held_by:?}");
            self.application.react(&mut self.connection, scene, event);
            self.look();
        }
        let held_by = self.connection.held_by();
        assert!(left.is_empty() || held_by.is_some(), "`receive` takes all input, or is held");
        if !left.is_empty() {
            scene.note(self.index, || format!("keeps {} bytes, held by {held_by:?}", left.len()));
            self.application.record.held[usize::from(held_by == Some(Hold::Output))] += 1;
        }
        self.rest = left.to_vec();
        self.look();
    }

    /// Sometimes also when nothing is due.
    fn tell_the_time(&mut self, scene: &mut Scene) {
        let due = self.deadline(scene.now).filter(|(at, _)| *at <= scene.now);
        if let Some((_, timer)) = due {
            scene.note(self.index, || format!("is out of time for the {timer}"));
            self.application.record.fired.push(timer);
            if timer == Timer::Ping {
                self.application.record.due.push(Due::Keepalive);
            }
        }
        if due.is_some() || self.random.random_bool(0.1) {
            self.connection.handle_timeout(self.instant(scene.now));
            self.look();
        }
        let stuck_for = self.stuck_since.map(|since| Duration::from_micros(scene.now - since));
        let is_late = stuck_for.zip(self.connection.config().write_timeout).is_some_and(|(age, limit)| age >= limit);
        assert!(!is_late || self.connection.phase() != Phase::Open, "nothing was written for {stuck_for:?}");
    }

    /// Writes what the socket takes, in one of the three ways, and sometimes less.
    fn write(&mut self, scene: &mut Scene) {
        let before = scene.network.written(self.index).len();
        self.write_some(scene);
        let has_written = scene.network.written(self.index).len() > before;
        if self.connection.output_len() == 0 {
            self.stuck_since = None;
        } else if has_written || self.stuck_since.is_none() {
            self.stuck_since = Some(scene.now);
        }
    }

    fn write_some(&mut self, scene: &mut Scene) {
        while self.connection.output_len() > 0 {
            let style = self.random.random_range(0..3);
            let most = self.random.random_range(1..=self.sizes[1]);
            let is_interrupted = style == 2 && self.random.random_bool(0.1);
            let mut writer =
                Writer { network: &mut scene.network, by: self.index, most, now: scene.now, is_interrupted };
            let written = match style {
                0 => writer.write(self.connection.output()).inspect(|n| self.connection.advance(*n)),
                1 => {
                    let mut slices = [IoSlice::new(&[]); 4];
                    let room = self.random.random_range(1..=slices.len());
                    let count = self.connection.output_slices(&mut slices[..room]);
                    writer.write_vectored(&slices[..count]).inspect(|n| self.connection.advance(*n))
                }
                _ => self.connection.write_to(writer),
            };
            if self.connection.output_len() == 0 {
                self.application.has_written_all();
            }
            match written {
                Ok(0) => break,
                Ok(n) => scene.note(self.index, || format!("writes {n} bytes")),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return self.write_failed(scene, &error),
            }
            if self.random.random_bool(0.2) {
                break;
            }
        }
    }

    /// The input may contain the peer's Close, so it is handed in first.
    fn write_failed(&mut self, scene: &mut Scene, error: &io::Error) {
        scene.note(self.index, || format!("cannot write: {error}"));
        while let ReadOutcome::Some(bytes) = scene.network.read(self.index, self.sizes[0], scene.now) {
            self.take_input(scene, &bytes);
        }
        self.end_input(scene);
        self.connection.transport_failed();
        self.take_events(scene, &[]);
    }

    /// Checks what must hold at any time.
    fn look(&mut self) {
        let states = (self.connection.client_state(), self.connection.application_state());
        let is_monotone = self.states.0 <= states.0 && self.states.1 <= states.1;
        assert!(is_monotone, "a party's state went back: {:?} to {states:?}", self.states);
        self.states = states;
        let has_been_told = !self.application.record.disconnects.is_empty();
        assert_eq!(
            self.connection.disconnected().is_some(),
            has_been_told,
            "`disconnect` returns the end once it is reported"
        );
        let may_bring_messages = self.connection.phase() == Phase::Open || self.connection.request().is_some();
        let is_paused = self.connection.is_reading_paused() && may_bring_messages;
        assert!(!is_paused || !self.connection.wants_read(), "the connection wants to read while reading is paused");
        if self.connection.phase() == Phase::Closed {
            let queued = self.connection.output_len();
            assert!(queued <= self.last_bytes, "{queued} bytes are queued in phase Closed, after {}", self.last_bytes);
            self.last_bytes = queued;
        }
    }

    fn deadline(&mut self, now: Time) -> Option<(Time, Timer)> {
        let (deadline, timer) = self.connection.poll_timeout(self.instant(now))?;
        let waits_for_peer = match timer {
            Timer::Opening | Timer::Pong | Timer::Idle | Timer::Linger => true,
            // The peer ends this hold by reading.
            Timer::Message => self.connection.held_by() != Some(Hold::Output),
            // A peer that has closed has nothing more to send.
            Timer::Closing => {
                self.connection.phase().state_of(self.connection.local_party().peer()) != State::Disconnected
            }
            _ => false,
        };
        let can_hear = self.connection.wants_read() || self.has_input_ended;
        let has_gone = self.has_input_ended && self.rest.is_empty() && self.application.record.disconnects.is_empty();
        assert!(!has_gone || self.connection.held_by() == Some(Hold::Output), "the end of the transport ends nothing");
        assert!(!waits_for_peer || can_hear, "the deadline of {timer:?} waits for a peer that is not read");
        // Rounded up: before its deadline a timer does not expire.
        let micros = deadline.duration_since(self.epoch).as_nanos().div_ceil(1_000);
        Some((Time::try_from(micros).unwrap_or(NEVER), timer))
    }

    fn instant(&self, at: Time) -> Instant {
        self.epoch + Duration::from_micros(at)
    }
}

/// The socket as a writer.
struct Writer<'a> {
    network: &'a mut Network,
    by: usize,
    most: usize,
    now: Time,
    is_interrupted: bool,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.network.write(self.by, bytes, self.most, self.now)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if std::mem::take(&mut self.is_interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut written = 0;
        for slice in slices {
            match self.write(slice) {
                Ok(n) if n == slice.len() => written += n,
                Ok(n) => return Ok(written + n),
                Err(error) if written == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
