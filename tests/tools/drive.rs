//! A client on a blocking socket, driven by the same five steps as by any driver.

use statesocket::{Config, Connection, Event, Inbox, SocketAction, handshake::Connect};
use std::{
    error::Error,
    io::ErrorKind,
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// A read timeout of zero would mean none.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// Connects to `url`, and calls `on_event` for each event until the connection has ended.
pub(crate) fn drive(
    url: &str,
    config: &Arc<Config>,
    mut on_event: impl FnMut(&mut Connection, Event<'_>),
) -> Result<(), Box<dyn Error>> {
    let connect = Connect::new(url)?;
    let mut stream = TcpStream::connect(connect.address())?;
    stream.set_nodelay(true)?;
    let mut connection = Connection::client(&connect, Arc::clone(config), Instant::now());
    let mut inbox = Inbox::with_capacity(128 << 10);
    loop {
        if connection.write_to(&mut stream).is_err() {
            inbox.write_failed(&mut connection, &mut stream);
        }
        match connection.poll_socket() {
            Some(SocketAction::Close) => return Ok(()),
            // This fails only if the peer is gone; then the next read reports it.
            Some(_) => stream.shutdown(Shutdown::Write).unwrap_or_default(),
            None => {}
        }
        let before_wait = Instant::now();
        if inbox.wants_read(&connection) {
            let deadline = connection.poll_timeout(before_wait).map(|(deadline, _)| deadline);
            let wait = deadline.map(|deadline| deadline.saturating_duration_since(before_wait).max(MIN_WAIT));
            stream.set_read_timeout(wait)?;
            match inbox.read_from(&mut connection, &mut stream, Instant::now()) {
                Err(error) if is_no_failure(error.kind()) => {}
                Err(_) => connection.transport_failed(),
                Ok(_) => {}
            }
        }
        while let Some(event) = inbox.next_event(&mut connection, Instant::now()) {
            on_event(&mut connection, event);
        }
        connection.handle_timeout(before_wait);
    }
}

/// Whether a read ended without bytes because its time was over, or because of a signal.
const fn is_no_failure(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
