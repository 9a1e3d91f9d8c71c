//! The server that suffers the faults. It reports its heap, and how its connections ended.

use clap::Args;
use statesocket::{
    CauseKind, Config, Disconnect, Message, SharedMessage,
    handshake::Request,
    server::{Handler, Limits, Server, Session, Tally, WhenFull},
};
use std::{
    error::Error,
    io::{self, BufRead, Write},
    panic, thread,
    time::Duration,
};

/// The configuration of the server. A timeout that is not given is that of `Config::default`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen.
    #[arg(long, hide = true, default_value = "127.0.0.1:0")]
    listen: String,
    /// `Config::opening_timeout`, in milliseconds.
    #[arg(long, hide = true)]
    opening_ms: Option<u64>,
    /// `Config::message_timeout`.
    #[arg(long, hide = true)]
    message_ms: Option<u64>,
    /// `Config::ping_interval`.
    #[arg(long, hide = true)]
    ping_ms: Option<u64>,
    /// `Config::pong_timeout`.
    #[arg(long, hide = true)]
    pong_ms: Option<u64>,
    /// `Config::drain_timeout`.
    #[arg(long, hide = true)]
    drain_ms: Option<u64>,
    /// `Config::min_drain_rate`, in bytes per second.
    #[arg(long, hide = true)]
    drain_rate: Option<u32>,
    /// `Config::max_message_bytes` and `max_frame_bytes`, in MiB.
    #[arg(long, hide = true)]
    max_message_mib: Option<u64>,
    /// `Limits::max_handshakes`.
    #[arg(long, hide = true)]
    max_handshakes: Option<usize>,
    /// `Limits::max_buffered_bytes`, in MiB.
    #[arg(long, hide = true)]
    buffered_mib: Option<usize>,
    /// `WhenFull::Wait`.
    #[arg(long, hide = true)]
    wait: bool,
    /// The descriptors of the process.
    #[arg(long, hide = true)]
    files: Option<u64>,
    /// The address space of the process, in MiB.
    #[arg(long, hide = true)]
    memory_mib: Option<u64>,
}

/// Serves until standard input ends, which also happens if the parent process is killed.
///
/// Prints its address first, then the end of each connection that had a handler, and last the figures: one line each, a
/// name and a number.
pub(crate) fn serve(args: &ServeArgs) -> Result<(), Box<dyn Error>> {
    match args.files {
        Some(files) => rlimit::Resource::NOFILE.set(files, files)?,
        None => drop(rlimit::increase_nofile_limit(u64::MAX)?),
    }
    if let Some(mib) = args.memory_mib {
        rlimit::Resource::AS.set(mib << 20, mib << 20)?;
    }
    let mut outcome = None;
    let left = allocation_counter::measure(|| outcome = Some(serve_measured(args))).bytes_current;
    let (tally, peak) = outcome.ok_or("the closure is called once")??;
    let mut out = io::stdout().lock();
    writeln!(out, "accepted {}\ndropped {}\nclean {}", tally.accepted, tally.dropped, tally.clean)?;
    writeln!(out, "evicted {}", tally.evicted)?;
    for kind in CauseKind::ALL {
        writeln!(out, "{kind} {}", tally.ended(kind))?;
    }
    if args.memory_mib.is_some() {
        // The counter also counts memory that the system has refused.
        return Ok(());
    }
    writeln!(out, "heap at the peak {peak}")?;
    // One thread allocates commands and another frees them, so that the sum may be negative.
    writeln!(out, "heap left {}", left.max(0))?;
    Ok(())
}

/// Returns the tally, and the bytes that the connections held at the peak, without those of an idle server.
fn serve_measured(args: &ServeArgs) -> Result<(Tally, u64), Box<dyn Error>> {
    let mut server = Server::bind(&args.listen, config(args))?;
    server.set_limits(Limits::default().with(|limits| {
        limits.max_handshakes = args.max_handshakes.unwrap_or(limits.max_handshakes);
        limits.max_buffered_bytes = args.buffered_mib.map_or(limits.max_buffered_bytes, |mib| mib << 20);
        limits.when_full = if args.wait { WhenFull::Wait } else { WhenFull::Refuse };
    }));
    for path in ["/echo", "/wait", "/panic"] {
        server.route(path, || Echo)?;
    }
    server.route("/room", || Member { is_by_handle: false })?;
    server.route("/room-by-handle", || Member { is_by_handle: true })?;
    let handle = server.handle();
    thread::spawn(move || {
        io::stdin().lock().lines().map_while(Result::ok).for_each(drop);
        // An error means that the loop has ended by itself.
        let _ = handle.stop();
    });
    writeln!(io::stdout(), "listening on {}", server.local_addr())?;
    let mut ended = Ok(());
    let held = allocation_counter::measure(|| ended = server.run());
    ended?;
    Ok((server.tally().clone(), held.bytes_max))
}

fn config(args: &ServeArgs) -> Config {
    let mut config = Config::default();
    for (timeout, millis) in [
        (&mut config.opening_timeout, args.opening_ms),
        (&mut config.message_timeout, args.message_ms),
        (&mut config.ping_interval, args.ping_ms),
        (&mut config.pong_timeout, args.pong_ms),
        (&mut config.drain_timeout, args.drain_ms),
    ] {
        if let Some(millis) = millis {
            *timeout = Some(Duration::from_millis(millis));
        }
    }
    if let Some(mib) = args.max_message_mib {
        (config.max_message_bytes, config.max_frame_bytes) = (mib << 20, mib << 20);
    }
    config.min_drain_rate = args.drain_rate.unwrap_or(config.min_drain_rate);
    config
}

/// Echoes, and misbehaves on request.
struct Echo;

impl Handler for Echo {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        match request.path() {
            // Without a message on standard error, which would only be noise.
            "/panic" => panic::resume_unwind(Box::new(())),
            "/wait" => {}
            _ => session.accept(Default::default()).expect("the request has just come"),
        }
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let message = match message.as_text() {
            Some("?") => Message::from(vec![7; 64 << 10]),
            _ => message,
        };
        match message.as_text() {
            Some("panic") => panic::resume_unwind(Box::new(())),
            Some("sleep") => thread::sleep(Duration::from_millis(500)),
            _ => {}
        }
        if let Err(error) = session.send(message) {
            session.ensure_closed(1011, &error.to_string());
        }
    }

    fn on_ping(&mut self, session: &mut Session<'_>, payload: &[u8]) {
        if payload == b"!" {
            session.send(vec![7; 3 << 20]).expect("only the Pong is queued");
        }
    }

    fn on_disconnect(&mut self, _: &mut Session<'_>, disconnect: &Disconnect) {
        // The parent process may have stopped reading.
        let _ = writeln!(io::stdout(), "disconnect {disconnect}");
    }
}

/// Publishes each message to all members of a room, by its session or by a handle.
struct Member {
    is_by_handle: bool,
}

impl Handler for Member {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        session.accept(Default::default()).expect("the request has just come");
        session.join("room").expect("it is open");
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let message = SharedMessage::from(&message);
        if self.is_by_handle {
            session.handle().publish("room", message).expect("the server is running");
        } else {
            session.publish("room", &message);
        }
    }
}
