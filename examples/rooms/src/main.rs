//! A chat with rooms.
//!
//! ```text
//! cargo run --release -p statesocket-rooms
//! cargo run --release -p statesocket-rooms -- --listen 127.0.0.1:8081 --redis redis://127.0.0.1:6379
//! ```
//!
//! `README.md` beside it says how to run several behind a balancer, and what is lost when.

use clap::{Parser, builder::PossibleValuesParser, builder::TypedValueParser};
use log::LevelFilter;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use statesocket::{
    CloseCode,
    server::{Cluster, Handle, SpawnError},
};
use statesocket_rooms::{
    broker::{Broker, Memory, Redis},
    bus::{Input, bus},
    links::{Follower, Writer, run_sequencer},
    routes,
    sequencer::{Sequencer, Settings},
};
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The most requests that wait for the broker.
const MAX_REQUESTS: usize = 4096;

/// How long a read of the broker in memory waits for a message.
const READ_WAIT: Duration = Duration::from_secs(1);

/// A chat with rooms, in one process, or in many that share a stream of Redis.
#[derive(Debug, Parser)]
struct Args {
    /// The address to listen on; port 0 is any free port.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Share the rooms with all processes that have the same Redis server. Without it the rooms are in this process.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// How many event loops share the connections. More than there are cores gain nothing.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// How many messages are kept for members who come back, of all rooms together.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    kept: usize,
    /// The log level: `warn` tells when the broker is lost and back, `info` each end of a connection.
    #[arg(long, value_name = "LEVEL", default_value = "warn", value_parser = level_parser())]
    log: LevelFilter,
    /// How many seconds the clients have to answer the Close after SIGINT or SIGTERM. A second signal ends the server
    /// at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    grace: u64,
}

fn level_parser() -> impl TypedValueParser<Value = LevelFilter> {
    PossibleValuesParser::new(["off", "error", "warn", "info", "debug"])
        .map(|level| level.parse().expect("each of these is a level"))
}

fn main() -> ExitCode {
    let args = Args::parse();
    env_logger::Builder::new().filter_level(args.log).init();
    let served = match &args.redis {
        None => serve(&args, Memory::new(args.kept, READ_WAIT, now)),
        Some(url) => Redis::new(url, args.kept).map_err(Into::into).and_then(|broker| serve(&args, broker)),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve<B: Broker + Clone + Send + 'static>(args: &Args, broker: B) -> Result<(), Box<dyn Error>> {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("cannot raise the limit of open files: {error}");
    }
    let (bus, inputs) = bus();
    let of_loops = bus.clone();
    let started =
        Cluster::spawn(&args.listen, routes::config(), args.threads, move |server, _| routes::add(server, &of_loops));
    let cluster = started.map_err(|error| match error {
        SpawnError::Io(error) => format!("cannot listen on {}: {error}", args.listen),
        error => error.to_string(),
    })?;
    let (requests, requested) = mpsc::sync_channel(MAX_REQUESTS);
    let settings = Settings { max_entries: args.kept, ..Settings::default() };
    let sequencer = Sequencer::new(&cluster.handle(), rand::random(), settings);
    let sequencer = thread::spawn(move || run_sequencer(sequencer, &inputs, &requests));
    let (follower, of_follower) = (Follower::new(broker.clone()), bus.clone());
    thread::spawn(move || follower.run(&of_follower));
    let of_writer = bus.clone();
    let writer = thread::spawn(move || Writer::new(broker).run(&requested, &of_writer));
    obey_signals(cluster.handle(), Duration::from_secs(args.grace))?;
    writeln!(io::stdout(), "listening on http://{}", cluster.local_addr())?;
    let tally = cluster.join()?;
    // The last members leave, and what they have said is stored.
    bus.send(Input::Stop);
    for thread in [sequencer, writer] {
        thread.join().map_err(|_| "a thread has panicked")?;
    }
    log::info!("{tally}");
    Ok(())
}

/// The first SIGINT or SIGTERM stops gracefully, so that the clients come back elsewhere; the second stops at once.
fn obey_signals(handle: Handle, grace: Duration) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        let mut signals = signals.forever();
        // An error means that the loops have ended by themselves; then there is nothing to stop.
        signals.next().map(|_| handle.shutdown(CloseCode::SERVICE_RESTART, grace));
        signals.next().map(|_| handle.stop());
    });
    Ok(())
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
