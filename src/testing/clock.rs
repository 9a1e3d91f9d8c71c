//! The clock of a server in memory.

use crate::server::memory::Net;
use std::time::{Duration, Instant};

/// The clock of a [`TestServer`](super::TestServer) and its clients. Clones are the same clock, on any thread.
///
/// A handler that has one can take its time:
///
/// ```
/// use statesocket::{Config, Message, server::{Handler, Session}, testing::{Clock, TestServer}};
/// use std::time::Duration;
///
/// const MINUTE: Duration = Duration::from_secs(60);
///
/// struct Slow(Clock);
///
/// impl Handler for Slow {
///     fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
///         self.0.stall(MINUTE);
///         session.send(message).expect("the session is open");
///     }
/// }
///
/// let mut server = TestServer::new(Config::default().with(|config| config.idle_timeout = Some(MINUTE)))?;
/// let (clock, begin) = (server.clock(), server.now());
/// server.route("/", move || Slow(clock.clone()))?;
/// let [mut anna, mut berta] = [(); 2].map(|()| server.connect("/"));
/// anna.send_text("one")?;
/// berta.send_text("two")?;
/// server.settle();
/// // Nobody is blamed for it.
/// assert_eq!((anna.receive_text(), berta.receive_text()), ("one".to_owned(), "two".to_owned()));
/// assert_eq!(server.now() - begin, 2 * MINUTE);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Net);

impl Clock {
    pub(super) const fn new(net: Net) -> Self {
        Self(net)
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// Lets time pass in which nobody else acts, neither the server nor a client: your code takes long, or the machine
    /// sleeps. What comes in this time, and each deadline that passes, waits until the server goes on.
    ///
    /// # Panics
    /// If the clock cannot show the end.
    #[track_caller]
    pub fn stall(&self, duration: Duration) {
        self.0.set_now(self.now().checked_add(duration).expect("the clock can show the end"));
    }
}
