//! A network in memory, with a clock of its own.

mod line;

pub(crate) use line::Side;

use super::{clock, report::Report};
use line::Line;
use mio::Token;
use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// The address of the one listener.
pub(crate) const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

/// 2000-01-01, in seconds since 1970.
const YEAR_2000: u64 = 946_684_800;

/// The clock for the `Date` of responses. It stands still, so that responses are the same in each run.
pub(super) fn date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(YEAR_2000)
}

/// One listener, and any number of connections to it. Clones are the same network.
#[derive(Clone, Debug)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Instant,
    lines: BTreeMap<usize, Line>,
    /// The number of the next line.
    next: usize,
    /// The lines that nobody has accepted. `None` once the listener is gone.
    backlog: Option<VecDeque<(usize, SocketAddr)>>,
    listener: Option<Token>,
    /// By which token the server end of a line is watched.
    watched: BTreeMap<usize, Token>,
    /// What the next wait reports.
    reports: Vec<Report>,
}

/// An end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    net: Net,
    line: usize,
    side: Side,
}

#[derive(Debug)]
pub(super) struct Listener(Net);

impl Net {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: clock::now(),
            lines: BTreeMap::new(),
            next: 0,
            backlog: Some(VecDeque::new()),
            listener: None,
            watched: BTreeMap::new(),
            reports: Vec::new(),
        })))
    }

    pub(crate) fn now(&self) -> Instant {
        self.lock().now
    }

    /// Moves the clock. It does not go back.
    pub(crate) fn set_now(&self, now: Instant) {
        let mut state = self.lock();
        state.now = state.now.max(now);
    }

    /// Connects to the listener from `address`. A listener that is gone resets the connection.
    pub(crate) fn connect(&self, address: SocketAddr, capacity: usize) -> End {
        let mut state = self.lock();
        let line = state.next;
        state.next += 1;
        let mut new = Line::new(capacity);
        match &mut state.backlog {
            Some(backlog) => backlog.push_back((line, address)),
            None => {
                new.leave(Side::Server);
                new.reset();
            }
        }
        state.lines.insert(line, new);
        if let Some(token) = state.listener {
            state.report(Report { token, is_readable: true, is_ending: false });
        }
        End { net: self.clone(), line, side: Side::Client }
    }

    /// Whether the next wait reports anything.
    pub(crate) fn has_reports(&self) -> bool {
        !self.lock().reports.is_empty()
    }

    pub(super) fn listen(&self) -> Listener {
        Listener(self.clone())
    }

    pub(super) fn watch_listener(&self, token: Token) {
        let mut state = self.lock();
        state.listener = Some(token);
        state.report(Report { token, is_readable: true, is_ending: false });
    }

    /// A wait: takes the reports. Without any, the clock moves instead.
    ///
    /// # Errors
    /// There is nothing to wait for.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<Report>> {
        let mut state = self.lock();
        if state.reports.is_empty() {
            let later = timeout.map(|timeout| state.now.checked_add(timeout));
            match later {
                Some(Some(later)) => state.now = later,
                Some(None) | None => {
                    let error = "a server in memory waits for ever: it has nothing to do, and no deadline";
                    return Err(io::Error::new(ErrorKind::Deadlock, error));
                }
            }
        }
        Ok(std::mem::take(&mut state.reports))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in this file panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line(&mut self, number: usize) -> &mut Line {
        self.lines.get_mut(&number).expect("a line stays while it has an end")
    }

    /// Adds a report to those of the next wait. A socket has one at most.
    fn report(&mut self, new: Report) {
        match self.reports.iter_mut().find(|old| old.token == new.token) {
            Some(old) => {
                old.is_readable |= new.is_readable;
                old.is_ending |= new.is_ending;
            }
            None => self.reports.push(new),
        }
    }

    /// Reports the server's end of `line`, as it is.
    fn report_line(&mut self, line: usize, is_readable: bool) {
        if let (Some(token), Some(state)) = (self.watched.get(&line), self.lines.get(&line)) {
            self.report(Report { token: *token, is_readable, is_ending: state.is_ending(Side::Server) });
        }
    }

    /// The holder of one end is gone.
    fn leave(&mut self, line: usize, side: Side) {
        if side == Side::Server
            && let Some(token) = self.watched.remove(&line)
        {
            self.reports.retain(|report| report.token != token);
        }
        let is_unused = self.lines.get_mut(&line).is_some_and(|state| state.leave(side));
        if is_unused {
            self.lines.remove(&line);
        } else if side == Side::Client {
            self.report_line(line, true);
        }
    }
}

impl Listener {
    /// # Errors
    /// `WouldBlock` if no connection waits.
    pub(super) fn accept(&self) -> io::Result<(End, SocketAddr)> {
        let arrival = self.0.lock().backlog.as_mut().and_then(VecDeque::pop_front);
        let (line, address) = arrival.ok_or(ErrorKind::WouldBlock)?;
        Ok((End { net: self.0.clone(), line, side: Side::Server }, address))
    }
}

/// As in a system, the connections in the backlog are reset.
impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        for (number, _) in state.backlog.take().unwrap_or_default() {
            if let Some(line) = state.lines.get_mut(&number) {
                line.reset();
            }
            state.leave(number, Side::Server);
        }
        state.listener = None;
    }
}

impl End {
    /// Has the network report what happens to this end, which is a server's, with `token`.
    pub(super) fn watch(&self, token: Token) {
        let mut state = self.net.lock();
        state.watched.insert(self.line, token);
        state.report_line(self.line, true);
    }

    /// Ends the direction from this end.
    pub(crate) fn shut_down_writing(&self) {
        self.change(|line, side| line.shut_down(side));
    }

    /// Breaks the connection.
    pub(crate) fn reset(&self) {
        self.change(|line, _| line.reset());
    }

    fn change(&self, change: impl FnOnce(&mut Line, Side)) {
        let mut state = self.net.lock();
        change(state.line(self.line), self.side);
        if self.side == Side::Client {
            state.report_line(self.line, true);
        }
    }
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.net.lock();
        let (result, has_made_room) = state.line(self.line).read(self.side, buffer);
        if has_made_room && self.side == Side::Client {
            state.report_line(self.line, false);
        }
        result
    }

    fn read_vectored(&mut self, slices: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        let mut total = 0;
        for slice in slices.iter_mut().filter(|slice| !slice.is_empty()) {
            match self.read(slice) {
                Ok(count) => {
                    total += count;
                    if count < slice.len() {
                        break;
                    }
                }
                Err(error) if total == 0 => return Err(error),
                // The next read meets it again.
                Err(_) => break,
            }
        }
        Ok(total)
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.net.lock();
        let count = state.line(self.line).write(self.side, bytes)?;
        if count > 0 && self.side == Side::Client {
            state.report_line(self.line, true);
        }
        Ok(count)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut total = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match self.write(slice) {
                Ok(count) => {
                    total += count;
                    if count < slice.len() {
                        break;
                    }
                }
                Err(error) if total == 0 => return Err(error),
                // The next write meets it again.
                Err(_) => break,
            }
        }
        Ok(total)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.net.lock().leave(self.line, self.side);
    }
}
