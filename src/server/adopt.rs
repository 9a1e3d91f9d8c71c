//! Connections that somebody else has accepted.

use super::{
    Server,
    accept::Arrival,
    handle::{Command, Handle},
    logging::LOG,
    queue::HandleError,
    refusal::Refusal,
    transport::Transport,
};
use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Instant,
};

/// # Connections of others
impl Handle {
    /// Gives the loop a connection that somebody else has accepted: one thread that accepts for several loops, or a
    /// program that starts this one per connection. It is served as if the loop had accepted it from `address`. No byte
    /// of it may have been read or written.
    ///
    /// A connection for which the limits have no room gets 503, also with
    /// [`WhenFull::Wait`](super::WhenFull::Wait): no backlog keeps it. So does one that is given to a loop which no
    /// longer accepts.
    ///
    /// ```
    /// use statesocket::{Config, blocking::WebSocket, handshake::Connect, server::{Server, on_message}};
    /// use std::{net::TcpListener, sync::mpsc, thread, time::Duration};
    ///
    /// // Two loops, which take turns.
    /// let (sender, receiver) = mpsc::channel();
    /// let loops = [(); 2].map(|()| {
    ///     let sender = sender.clone();
    ///     thread::spawn(move || {
    ///         let mut server = Server::without_listener(Config::default()).unwrap();
    ///         server.route("/", || on_message(|session, message| session.send(message).unwrap())).unwrap();
    ///         sender.send(server.handle()).unwrap();
    ///         server.run().unwrap();
    ///         server.tally().accepted
    ///     })
    /// });
    /// let handles: Vec<_> = receiver.iter().take(2).collect();
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let connect = Connect::new(&format!("ws://{}/", listener.local_addr()?))?;
    /// for n in 0..4 {
    ///     let mut ws = WebSocket::connect(&connect, Config::default())?;
    ///     let (stream, address) = listener.accept()?;
    ///     handles[n % 2].adopt(stream, address)?;
    ///     ws.opened()?;
    ///     ws.send("hello")?;
    ///     assert_eq!(ws.recv()?.as_text(), Some("hello"));
    /// }
    /// for handle in handles {
    ///     handle.shutdown(1001, Duration::from_secs(1))?;
    /// }
    /// assert_eq!(loops.map(|thread| thread.join().unwrap()), [2, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// In a [cluster](super::Cluster) the loops take turns, and one that has ended is left out.
    ///
    /// # Errors
    /// [`HandleError`]. The connection is closed.
    pub fn adopt(&self, stream: TcpStream, address: SocketAddr) -> Result<(), HandleError> {
        self.take_turn().command(Command::Adopt(stream, address))
    }
}

impl Server {
    pub(super) fn adopt(&mut self, stream: TcpStream, address: SocketAddr, now: Instant) {
        match Arrival::adopted(stream, address) {
            Ok(arrival) => {
                // Only one connection can wait for room, and it came before.
                let is_next = self.life.acceptor().is_none_or(|acceptor| !acceptor.has_put_back());
                if is_next && self.may_admit() {
                    self.admit(arrival, now);
                } else {
                    self.refuse_at_once(arrival, Refusal::ServerFull);
                }
            }
            Err(error) => {
                log::debug!(target: LOG, "{address}: a connection that cannot be adopted: {error}");
                self.shared.common.tally.accepted += 1;
                self.shared.common.tally.dropped += 1;
            }
        }
    }
}

impl Arrival {
    fn adopted(stream: TcpStream, address: SocketAddr) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // As that of a socket that the loop accepts.
        stream.set_nodelay(true)?;
        let stream = Transport::Tcp(mio::net::TcpStream::from_std(stream));
        Ok(Self { stream, address, took_reserve: false })
    }
}
