//! What a server does about the faults of peers, networks and handlers, in figures.
//!
//! ```text
//! cargo run --release --example faults
//! ```
//!
//! Each fault gets a server in a process with a heap of its own, and a few neighbours that echo all the time. The exit
//! status is 1 if an echo is lost or late, a connection is unaccounted for, or the server reacts differently than
//! expected.

mod bench;
mod crowds;
mod faults;
mod peer;
mod rooms;
mod serve;

use clap::Parser;
use serve::ServeArgs;
use std::process::ExitCode;

/// What a server does about the faults of its peers, in figures.
#[derive(Debug, Parser)]
struct Args {
    /// The number of clients that connect and send nothing.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    silent: usize,
    /// The number of clients for each other fault.
    #[arg(long, value_name = "N", default_value_t = 200)]
    crowd: usize,
    /// The number of Pings or fragments in a flood.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    flood: usize,
    /// The number of clients that together want more memory than the server has for them.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    bounded: usize,
    /// Run only the faults whose names contain this.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Run the server that suffers the faults.
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
