use super::{Client, PATIENCE, Served};
use crate::support::Raw;
use statesocket::{Config, Event, Message};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const COUNT: usize = 3;

/// Connections that echo all the time, on a thread of their own. They also answer Pings.
#[derive(Debug)]
pub(crate) struct Neighbours {
    rounds: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Neighbours {
    pub(crate) fn start(url: &str) -> Self {
        let mut clients: Vec<_> = (0..COUNT).map(|_| Client::open(url)).collect();
        let (rounds, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (rounds_there, is_over_there) = (Arc::clone(&rounds), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !is_over_there.load(Ordering::Relaxed) {
                clients.iter_mut().for_each(|client| echo(client, "all is well"));
                rounds_there.fetch_add(1, Ordering::Relaxed);
                // Leaves the processor to the other tests.
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self { rounds, is_over, thread }
    }

    /// Waits until each of them has sent a message after this call and got its echo.
    #[track_caller]
    pub(crate) fn go_on(&self) {
        let (rounds, deadline) = (self.rounds.load(Ordering::Relaxed), Instant::now() + PATIENCE);
        while self.rounds.load(Ordering::Relaxed) < rounds + 2 {
            assert!(!self.thread.is_finished(), "the neighbours are gone");
            assert!(Instant::now() < deadline, "the neighbours get no echoes");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The same, then ends them.
    #[track_caller]
    pub(crate) fn end(self) {
        self.go_on();
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the neighbours get their echoes");
    }
}

/// Sends `text`, and takes its echo.
#[track_caller]
fn echo(client: &mut Client, text: &str) {
    client.ws.connection_mut().send_text(text).expect("the connection is open");
    loop {
        match client.next() {
            Event::Ping(_) => {}
            event => return assert_eq!(event, Event::Message(Message::from(text))),
        }
    }
}

/// Calls `misbehave` while another client is in the middle of a message, and checks that this one gets its echo.
pub(crate) fn beside_an_echo(misbehave: impl Fn(&Served)) {
    let served = Served::echo(Config::default());
    let mut neighbour = served.open();
    let half = Raw::new(Raw::TEXT, "in two halves").masked().bytes();
    for round in 0..3 {
        neighbour.echo(&format!("before {round}"));
        neighbour.write(&half[..10]);
        misbehave(&served);
        neighbour.write(&half[10..]);
        assert_eq!(neighbour.frame(), Raw::new(Raw::TEXT, "in two halves"));
        served.open().echo("a newcomer");
    }
}
