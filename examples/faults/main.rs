//! Faults.
mod serve;
use clap::Parser;
use serve::ServeArgs;
use std::process::ExitCode;

/// What a server does about the faults of its peers, in figures.
#[derive(Debug, Parser)]
struct Args {
    /// Be the server that the faults happen to.
    #[arg(long, hide = true)]
    serve: bool,
    #[command(flatten)]
    server: ServeArgs,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match serve::serve(&args.server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
