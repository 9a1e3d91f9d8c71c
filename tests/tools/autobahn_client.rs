//! The client that the Autobahn testsuite tests: it echoes in each test case. See `tests/autobahn`.
//!
//! It drives each connection with a blocking socket, by the same five steps as any driver.

use statesocket::{Config, Connection, Event, Message, SocketAction, handshake::Connect};
use std::{
    env,
    error::Error,
    io::Read,
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
    let mut buffer = vec![0; 128 << 10];
    loop {
        if connection.write_to(&mut stream).is_err() {
            connection.transport_failed();
        }
        match connection.poll_socket() {
            Some(SocketAction::Close) => return Ok(()),
            // This fails only if the peer is gone; then the next read reports it.
            Some(_) => stream.shutdown(Shutdown::Write).unwrap_or_default(),
            None => {}
        }
        let deadline = connection.poll_timeout(Instant::now()).map(|(deadline, _)| deadline);
        let wait = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).max(MIN_WAIT));
        stream.set_read_timeout(wait)?;
        let mut input = match stream.read(&mut buffer) {
            Ok(0) => {
                connection.receive_eof();
                &mut [][..]
            }
            Ok(n) => &mut buffer[..n],
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                connection.handle_timeout(Instant::now());
                &mut [][..]
            }
            Err(_) => {
                connection.transport_failed();
                &mut [][..]
            }
        };
        while let Some(event) = connection.receive(&mut input, Instant::now()) {
            if let Event::Message(message) = event {
                on_message(&mut connection, message);
            }
        }
    }
}
