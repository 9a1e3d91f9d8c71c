//! A client for the command line: sends the lines of standard input as text, and prints the messages that arrive.
//!
//! ```text
//! cargo run --release --example client -- ws://127.0.0.1:8080/ws
//! cargo run --release --features tls-ring --example client -- wss://localhost:8080/ws --ca chain.pem
//! ```
//!
//! It closes at the end of the input. Control characters in messages are escaped if the output is a terminal. The exit
//! status is 0 if the closing handshake was clean and its code is 1000 or the one given, 1 if the connection ended in
//! another way, and 2 if it never opened.
//!
//! With `--reconnect` it reconnects after a delay, unless the end was final. Lines typed in the meantime are sent
//! later; lines sent before may be lost with their connection. It does not reconnect once the input has ended and all
//! of it is sent.

mod driver;
mod input;
mod open;
mod stream;
mod terminal;
#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
#[path = "no_tls.rs"]
mod tls;
#[cfg(any(feature = "tls-ring", feature = "tls-aws-lc"))]
mod tls;

use clap::Parser;
use driver::Driver;
use input::Input;
use statesocket::{
    Config, Connection, Disconnect,
    handshake::Connect,
    http::header::{HeaderName, HeaderValue},
    reconnect::{Backoff, Reconnect},
};
use std::{
    error::Error,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

/// A WebSocket client: each line of standard input is a text message, and each message that arrives is a line of
/// output.
#[derive(Debug, Parser)]
struct Args {
    /// The URL to connect to, such as ws://127.0.0.1:8080/ws. A wss:// URL needs a build with the feature `tls-ring` or
    /// `tls-aws-lc`.
    url: String,
    /// Of wss://, trust the certificates in this file, in PEM, instead of those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A subprotocol to offer; may be given several times, in order of preference.
    #[arg(long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,
    /// A header of the request, such as "Authorization: Bearer abc"; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The code of the Close at the end of the input.
    #[arg(long, value_name = "CODE", default_value_t = 1000)]
    close_code: u16,
    /// The reason of that Close, at most 123 bytes.
    #[arg(long, value_name = "TEXT", default_value = "")]
    close_reason: String,
    /// Reconnect after a failure that may pass.
    #[arg(long)]
    reconnect: bool,
    /// The most attempts in a row.
    #[arg(long, value_name = "N", requires = "reconnect")]
    reconnect_attempts: Option<u32>,
    /// The longest delay before an attempt in milliseconds, unless the server asks for a longer one.
    #[arg(long, value_name = "MS", requires = "reconnect")]
    reconnect_delay_max: Option<u64>,
    /// Offer to compress messages in both directions (permessage-deflate, RFC 7692). It needs a build with the feature
    /// `deflate`.
    #[arg(long)]
    deflate: bool,
    /// Print each transition of both states on standard error, and the agreement on compression.
    #[arg(long)]
    verbose: bool,
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| format!("{name:?} is not a header name"))?;
    let value = value.trim().parse().map_err(|_| format!("{value:?} is not a header value"))?;
    Ok((name, value))
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(end) => {
            eprintln!("disconnect {}", end.disconnect);
            exit_code(&end, &args)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// How a connection ended, and whether it was open before.
struct End {
    disconnect: Disconnect,
    was_open: bool,
}

fn exit_code(end: &End, args: &Args) -> ExitCode {
    let code = u16::from(end.disconnect.code);
    if !end.was_open {
        ExitCode::from(2)
    } else if end.disconnect.is_clean && (code == 1000 || code == args.close_code) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(args: &Args) -> Result<End, Box<dyn Error>> {
    let connect = request(args)?;
    let config = Arc::new(config(args.deflate)?);
    let trust = if connect.is_secure() { Some(tls::trust(args.ca.as_deref())?) } else { None };
    let mut input = Input::new()?;
    let mut reconnect = Reconnect::new(policy(args));
    loop {
        let began = Instant::now();
        let end = match open::open(&connect, trust.as_ref(), input.registry(), config.opening_timeout) {
            Ok(stream) => {
                // The opening timeout covers the connecting, too.
                let connection = Connection::client(&connect, Arc::clone(&config), began);
                Ok(Driver::new(connection, stream, args, &mut input, &mut reconnect).run()?)
            }
            Err(error) => Err(format!("cannot connect to {} port {}: {error}", connect.host(), connect.port())),
        };
        let delay = match &end {
            Ok(end) => reconnect.disconnected(&end.disconnect, Instant::now()),
            Err(_) => reconnect.failed(Instant::now()),
        };
        let Some(delay) = delay.filter(|_| !input.is_over()) else { return Ok(end?) };
        match &end {
            Ok(end) => eprint!("disconnect {}", end.disconnect),
            Err(error) => eprint!("error: {error}"),
        }
        eprintln!("; attempt {} to reconnect follows in {} ms", reconnect.attempts(), delay.as_millis());
        if !input.wait(delay)? {
            return Ok(end?);
        }
    }
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

fn request(args: &Args) -> Result<Connect, Box<dyn Error>> {
    let mut connect = Connect::new(&args.url)?;
    for name in &args.subprotocols {
        connect = connect.subprotocol(name)?;
    }
    for (name, value) in &args.headers {
        connect = connect.header(name.clone(), value.clone())?;
    }
    Ok(connect)
}

fn policy(args: &Args) -> Backoff {
    let mut policy = Backoff::default();
    policy.max_attempts = if args.reconnect { args.reconnect_attempts.unwrap_or(policy.max_attempts) } else { 0 };
    policy.max_delay = args.reconnect_delay_max.map_or(policy.max_delay, Duration::from_millis);
    policy
}
