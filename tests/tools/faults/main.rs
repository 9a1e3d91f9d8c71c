//! What a server does about the faults of peers, networks and handlers, in figures.
//!
//! ```text
//! cargo run --release --example faults
//! ```
//!
//! For each fault a server is started in a process of its own, so that its heap is nobody else's, and a few neighbours
//! echo all the while. It ends with 1 if an echo is lost, a connection is not accounted for, or the server does
//! something else than it should.

mod bench;
mod faults;
mod peer;
mod serve;

use clap::Parser;
use serve::ServeArgs;
use std::process::ExitCode;

/// What a server does about the faults of its peers, in figures.
#[derive(Debug, Parser)]
struct Args {
    /// How many connect and say nothing.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    silent: usize,
    /// How many do each of the other things.
    #[arg(long, value_name = "N", default_value_t = 200)]
    crowd: usize,
    /// How many Pings or fragments make a flood.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    flood: usize,
    /// Be the server that the faults happen to.
    #[arg(long, hide = true)]
    serve: bool,
    #[command(flatten)]
    server: ServeArgs,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = if args.serve { serve::serve(&args.server).map(|()| true) } else { faults::run_all(&args) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
