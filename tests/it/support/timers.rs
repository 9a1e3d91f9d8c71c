//! Connections on a clock that the test sets.

use super::{config, disconnect_in, pending, without_timeouts};
use statesocket::{Agreed, Cause, Config, Connection, Phase, Role, SocketAction, Timer, handshake::Connect};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) const OPENING: Duration = Duration::from_secs(5);
pub(crate) const CLOSING: Duration = Duration::from_secs(7);
pub(crate) const LINGER: Duration = Duration::from_secs(2);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const TICK: Duration = Duration::from_nanos(1);

/// The three timeouts of every connection, and no other.
pub(crate) fn timed() -> Arc<Config> {
    Arc::new(config(|config| {
        without_timeouts(config);
        config.opening_timeout = Some(OPENING);
        config.closing_timeout = Some(CLOSING);
        config.linger_timeout = Some(LINGER);
    }))
}

/// No timeouts.
pub(crate) fn untimed() -> Arc<Config> {
    Arc::new(config(without_timeouts))
}

/// A client that was made at `now` and has queued its request.
pub(crate) fn client(config: Arc<Config>, now: Instant) -> Connection {
    Connection::client(&Connect::new("ws://example.com/").unwrap().seed([7; 32]), config, now)
}

/// An open connection that was made at `now`.
pub(crate) fn open(role: Role, config: Arc<Config>, now: Instant) -> Connection {
    Connection::established(role, Agreed::new().seed([7; 32]), config, now)
}

/// Hands in `bytes` at `now`, and returns the number of events.
pub(crate) fn feed_at(connection: &mut Connection, bytes: &[u8], now: Instant) -> usize {
    let mut buffer = bytes.to_vec();
    let mut input = buffer.as_mut_slice();
    std::iter::from_fn(|| connection.receive(&mut input, now).map(drop)).count()
}

/// Checks that `timer` fires at `deadline`: nothing happens just before, and asking does not move the deadline.
#[track_caller]
pub(crate) fn assert_runs_until(connection: &mut Connection, deadline: Instant, timer: Timer) {
    let (phase, waiting) = (connection.phase(), connection.output().to_vec());
    for now in [deadline - SECOND, deadline - TICK] {
        assert_eq!(connection.poll_timeout(now), Some((deadline, timer)));
        connection.handle_timeout(now);
        assert_eq!(connection.poll_timeout(now), Some((deadline, timer)), "an early call does nothing");
    }
    assert_eq!((connection.phase(), connection.output()), (phase, waiting.as_slice()));
}

/// Checks that no timer is running, and that a later time changes nothing.
#[track_caller]
pub(crate) fn assert_stands_still(connection: &mut Connection, now: Instant) {
    let (phase, waiting) = (connection.phase(), connection.output().to_vec());
    for now in [now, now + Duration::from_secs(1 << 30), now] {
        assert_eq!(connection.poll_timeout(now), None);
        connection.handle_timeout(now);
        assert_eq!(pending(connection), []);
        assert_eq!((connection.phase(), connection.output()), (phase, waiting.as_slice()));
    }
}

/// Checks that the next event is the end by `timer`, with 1006.
#[track_caller]
pub(crate) fn assert_timed_out(connection: &mut Connection, timer: Timer) {
    let disconnect = disconnect_in(&pending(connection));
    assert_eq!(disconnect.cause, Cause::TimedOut(timer));
    assert_eq!((u16::from(disconnect.code), disconnect.is_clean), (1006, false));
    assert_eq!((connection.phase(), disconnect.received), (Phase::Closed, None));
}

/// Checks that the linger timeout starts with this call, and that all it does is close the socket.
#[track_caller]
pub(crate) fn assert_lingers_from(connection: &mut Connection, now: Instant) {
    let deadline = now + LINGER;
    assert_eq!(connection.poll_timeout(now), Some((deadline, Timer::Linger)));
    assert_runs_until(connection, deadline, Timer::Linger);
    connection.handle_timeout(deadline);
    assert_eq!(pending(connection), [], "the disconnect was reported before");
    assert_eq!((connection.poll_socket(), connection.poll_socket()), (Some(SocketAction::Close), None));
    assert!(connection.is_finished());
    assert_stands_still(connection, deadline);
}
