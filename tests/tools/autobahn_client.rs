//! The client that the Autobahn testsuite tests: it echoes in each test case. See `tests/autobahn`.
//!
//! It drives each connection with a blocking socket, by the same five steps as any driver.

use statesocket::{Config, Connection, Event, Inbox, Message, SocketAction, handshake::Connect};
use std::{
    env,
    error::Error,
    io::ErrorKind,
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// A read timeout of zero would mean none.
const MIN_WAIT: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let base = env::var("AUTOBAHN_URL").map_err(|_| "AUTOBAHN_URL is not set: the testsuite starts this program")?;
    let mut count = 0;
    drive(&format!("{base}/getCaseCount"), |_, message| count = message.as_text().unwrap_or("0").parse().unwrap_or(0))?;
    for case in 1..=count {
        drive(&format!("{base}/runCase?case={case}&agent=statesocket"), |connection, message| {
            // After our Close a message of the peer may still arrive, which needs no echo.
            let _ = connection.send(message);
        })?;
    }
    drive(&format!("{base}/updateReports?agent=statesocket"), |_, _| {})
}

/// Connects to `url`, and calls `on_message` for each message until the connection has ended.
fn drive(url: &str, mut on_message: impl FnMut(&mut Connection, Message<'_>)) -> Result<(), Box<dyn Error>> {
    let connect = Connect::new(url)?;
    let mut stream = TcpStream::connect(connect.address())?;
    stream.set_nodelay(true)?;
    let mut connection = Connection::client(&connect, Arc::new(Config::default()), Instant::now());
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
            if let Event::Message(message) = event {
                on_message(&mut connection, message);
            }
        }
        connection.handle_timeout(before_wait);
    }
}

/// Whether a read ended without bytes because its time was over, or because of a signal.
const fn is_no_failure(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
