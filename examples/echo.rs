//! An echo server, with a page to try it.
//!
//! ```text
//! cargo run --release --example echo
//! ```
//!
//! | path | what it does |
//! |---|---|
//! | `/` | a page that connects, sends, closes, and shows what both parties know |
//! | `/ws` | answers text with `Returned Message: {data} from Server`, bytes with the same bytes |
//! | `/ws/{room_id}?...` | the same, and names the room and the query |
//! | `/echo` | returns every message unchanged |
//! | `/metrics` | counts, for Prometheus |
//! | `/health` | answers `ok`, for a balancer |
//! | `/demo/...` | for the page: see `echo/demo.rs` |
//!
//! With `--threads 4` four event loops share the connections, for four cores.
//!
//! With `--cert` and `--key` it speaks TLS, and reads both files anew at SIGHUP:
//!
//! ```text
//! cargo run --release --features tls-ring --example echo -- --cert chain.pem --key key.pem
//! ```
//!
//! A certificate to try it. Without the two extensions clients refuse it:
//!
//! ```text
//! openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -keyout key.pem -out chain.pem \
//!   -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE
//! cargo run --release --features tls-ring --example client -- wss://localhost:8080/ws --ca chain.pem
//! ```

#[path = "echo/demo.rs"]
mod demo;

use clap::{Parser, builder::PossibleValuesParser, builder::TypedValueParser, error::ErrorKind};
use demo::Demo;
use log::LevelFilter;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use statesocket::{
    CloseCode, Config, Message, SendError,
    handshake::{Accept, Request, Response},
    http::StatusCode,
    server::{Cluster, Handle, Handler, RouteError, Server, Session, SpawnError},
};
use std::{error::Error, io::Write, path::PathBuf, process::ExitCode, sync::Arc, thread, time::Duration};

/// A WebSocket echo server that shows the states of its connections.
#[derive(Debug, Parser)]
struct Args {
    /// The address to listen on; port 0 is any free port.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// How many event loops share the connections. More than there are cores gain nothing.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// A subprotocol to accept; may be given several times. The first offer of the client that is in the list is
    /// chosen.
    #[arg(long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,
    /// The log level: `info` shows each disconnect with code, reason and cause, `debug` each transition of both states.
    #[arg(long, value_name = "LEVEL", default_value = "warn", value_parser = level_parser())]
    log: LevelFilter,
    /// How many seconds the clients have to answer the Close after SIGINT or SIGTERM. A second signal ends the server
    /// at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    grace: u64,
    /// Compress messages to and from clients that offer it, as browsers do (permessage-deflate, RFC 7692). It needs a
    /// build with the feature `deflate`.
    #[arg(long)]
    deflate: bool,
    /// Speak TLS with this chain of certificates, in PEM. SIGHUP has the server read it and the key anew. It needs a
    /// build with the feature `tls-ring` or `tls-aws-lc`.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of the first certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

fn level_parser() -> impl TypedValueParser<Value = LevelFilter> {
    PossibleValuesParser::new(["off", "error", "warn", "info", "debug"])
        .map(|level| level.parse().expect("each of these is a level"))
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => error.exit(),
        Err(error) => {
            // The first line states the error; the others explain how to get help.
            eprintln!("{}", error.to_string().lines().next().unwrap_or("error: bad arguments"));
            return ExitCode::from(2);
        }
    };
    env_logger::Builder::new().filter_level(args.log).init();
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    // Each connection is a descriptor, and the soft limit is often 1,024. The server knows the limit that it has.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("cannot raise the limit of open files: {error}");
    }
    let tls = args.cert.zip(args.key).map(|(cert, key)| tls(cert, key)).transpose()?;
    let (speak_tls, reload) = tls.unzip();
    let (http, ws) = if reload.is_some() { ("https", "wss") } else { ("http", "ws") };
    let (subprotocols, demo): (Arc<[String]>, _) = (args.subprotocols.into(), Demo::default());
    let set_up = move |server: &mut Server, _| {
        if let Some(speak_tls) = &speak_tls {
            speak_tls(server);
        }
        routes(server, &subprotocols, &demo)
    };
    let started = Cluster::spawn(&args.listen, config(args.deflate)?, args.threads, set_up);
    let cluster = started.map_err(|error| match error {
        SpawnError::Io(error) => format!("cannot listen on {}: {error}", args.listen),
        error => error.to_string(),
    })?;
    obey_signals(cluster.handle(), Duration::from_secs(args.grace), reload)?;
    let address = cluster.local_addr();
    writeln!(std::io::stdout(), "listening on {http}://{address}\nWebSocket at {ws}://{address}/ws")?;
    let tally = cluster.join()?;
    log::info!("{tally}");
    Ok(())
}

/// The routes of one loop.
fn routes(server: &mut Server, subprotocols: &Arc<[String]>, demo: &Demo) -> Result<(), RouteError> {
    for path in ["/ws", "/ws/{room_id}"] {
        let subprotocols = Arc::clone(subprotocols);
        let greeter = move || Greeter { subprotocols: Arc::clone(&subprotocols), place: String::new() };
        server.route(path, greeter.clone())?;
        demo.show(server, path, |_| {}, greeter)?;
    }
    let subprotocols = Arc::clone(subprotocols);
    let echo = move || Echo { subprotocols: Arc::clone(&subprotocols) };
    server.route("/echo", echo.clone())?;
    demo.show(server, "/echo", |_| {}, echo)?;
    demo.add_to(server)?;
    server.route_http("/health", |_, _| Response::new(StatusCode::OK).body("ok\n"))?;
    server.route_metrics("/metrics")
}

/// The default configuration, with compression if that is wanted.
#[cfg(feature = "deflate")]
fn config(deflate: bool) -> Result<Config, &'static str> {
    Ok(Config::default().with(|config| config.deflate = deflate.then(statesocket::Deflate::default)))
}

#[cfg(not(feature = "deflate"))]
fn config(deflate: bool) -> Result<Config, &'static str> {
    if deflate { Err("--deflate needs a build with `--features deflate`") } else { Ok(Config::default()) }
}

/// Has a loop speak TLS.
type SpeakTls = Box<dyn Fn(&mut Server) + Send + Sync>;

/// Something to do at SIGHUP.
type Reload = Box<dyn Fn() + Send>;

/// What has each loop speak TLS, and what reads the files anew.
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
fn tls(cert: PathBuf, key: PathBuf) -> Result<(SpeakTls, Reload), Box<dyn Error>> {
    use statesocket::server::{Tls, TlsError};

    let in_one_line = |error: TlsError| match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let tls = Tls::from_pem_files(&cert, &key).map_err(in_one_line)?;
    let of_loops = tls.clone();
    let reload = move || match Tls::from_pem_files(&cert, &key) {
        Ok(new) => {
            tls.reload(new);
            log::info!("the certificate is read anew");
        }
        Err(error) => log::error!("the old certificate stays: {}", in_one_line(error)),
    };
    Ok((Box::new(move |server| server.set_tls(Some(of_loops.clone()))), Box::new(reload)))
}

#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
fn tls(_: PathBuf, _: PathBuf) -> Result<(SpeakTls, Reload), Box<dyn Error>> {
    Err("--cert needs a build with `--features tls-ring` or `--features tls-aws-lc`".into())
}

/// The first SIGINT or SIGTERM stops gracefully, the second at once.
fn obey_signals(handle: Handle, grace: Duration, reload: Option<Reload>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    if reload.is_some() {
        signals.add_signal(SIGHUP)?;
    }
    thread::spawn(move || {
        let mut is_stopping = false;
        for signal in signals.forever() {
            match reload.as_ref().filter(|_| signal == SIGHUP) {
                Some(reload) => reload(),
                // An error means that the loop has ended by itself; then there is nothing to stop.
                None if is_stopping => drop(handle.stop()),
                None => drop(handle.shutdown(CloseCode::GOING_AWAY, grace)),
            }
            is_stopping |= signal != SIGHUP;
        }
    });
    Ok(())
}

/// Repeats each text with a greeting.
struct Greeter {
    subprotocols: Arc<[String]>,
    /// The room and the query, for the replies.
    place: String,
}

impl Handler for Greeter {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        if let Some(room) = session.param("room_id") {
            let query = request.raw_query().map(|query| format!(", query {query}")).unwrap_or_default();
            self.place = format!(" (room {room}{query})");
        }
        answer(session, request, &self.subprotocols);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let sent = match &message {
            Message::Text(data) => session.send_text(&format!("Returned Message: {data} from Server{}", self.place)),
            Message::Binary(bytes) => session.send_binary(bytes),
        };
        close_if_failed(session, sent);
    }
}

/// Returns every message unchanged.
struct Echo {
    subprotocols: Arc<[String]>,
}

impl Handler for Echo {
    fn on_request(&mut self, session: &mut Session<'_>, request: &Request) {
        answer(session, request, &self.subprotocols);
    }

    fn on_message(&mut self, session: &mut Session<'_>, message: Message<'_>) {
        let sent = session.send(message);
        close_if_failed(session, sent);
    }
}

fn answer(session: &mut Session<'_>, request: &Request, subprotocols: &[String]) {
    let accept = Accept::new().preferred_by_client(request, subprotocols);
    session.accept(accept).expect("the request has just come, and the subprotocol is one of its offers");
}

/// A message that cannot be echoed must not be lost silently.
fn close_if_failed(session: &mut Session<'_>, sent: Result<(), SendError>) {
    if let Err(error) = sent {
        session.ensure_closed(CloseCode::INTERNAL_ERROR, &error.to_string());
    }
}
