//! The inspector as a program: see `--help`.

use clap::Parser;
use statesocket_inspect::{
    capture,
    conversation::Conversation,
    finding::{Finding, Moment, What},
    follow::{Follow, Totals},
    hex,
    report::{self, Form},
};
use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Shows captured WebSocket connections: their phases and frames, and the first rule that an end breaks.
///
/// Each line has the number of the connection, the time, > for the client or < for the server, the opcode, FIN, the
/// reserved bits, the mask, the length, and the beginning of the payload. A line with = is a phase, with ! a violation,
/// with # anything else.
///
/// The exit status is 0 if no end breaks a rule, 1 if one does, and 2 if the file cannot be read.
#[derive(Debug, Parser)]
#[command(name = "inspect")]
struct Args {
    /// A capture, pcap or pcapng, as tcpdump and Wireshark write it; with --hex a hex dump.
    file: PathBuf,
    /// Only connections in which an end has this TCP port.
    #[arg(long, value_name = "N", conflicts_with = "hex")]
    port: Option<u16>,
    /// The file is the dump of one connection, in lines of hexadecimal digits: > for bytes of the client, < for bytes
    /// of the server.
    #[arg(long)]
    hex: bool,
    /// The connections begin with frames: their handshakes are not in the file.
    #[arg(long)]
    open: bool,
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match inspect(&args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            let is_broken_pipe =
                error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
            if !is_broken_pipe {
                eprintln!("inspect: {}: {error}", args.file.display());
            }
            ExitCode::from(2)
        }
    }
}

/// Returns the number of connections in which an end broke a rule.
fn inspect(args: &Args) -> Result<u64, Box<dyn Error>> {
    let form = if args.json { Form::Json } else { Form::Text };
    let mut out = BufWriter::new(anstream::stdout());
    let mut written = Ok(());
    let mut sink = |found: Finding| {
        if written.is_ok() {
            written = report::write(&mut out, form, &found);
        }
    };
    let (totals, read) =
        if args.hex { inspect_hex(&args.file, args.open, &mut sink) } else { inspect_capture(args, &mut sink) };
    written?;
    report::write_totals(&mut out, form, &totals)?;
    out.flush()?;
    read.map(|()| totals.violations)
}

type Read = Result<(), Box<dyn Error>>;

fn inspect_capture(args: &Args, sink: &mut dyn FnMut(Finding)) -> (Totals, Read) {
    let file = match File::open(&args.file) {
        Ok(file) => file,
        Err(error) => return (Totals::default(), Err(error.into())),
    };
    let mut follow = Follow::new(args.port, args.open);
    let read = capture::read(file, |segment| follow.take(segment, sink));
    follow.finish(sink);
    (follow.totals, read.map_err(Into::into))
}

fn inspect_hex(file: &Path, is_open: bool, sink: &mut dyn FnMut(Finding)) -> (Totals, Read) {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return (Totals::default(), Err(error.into())),
    };
    let mut conversation = if is_open { Conversation::opened(1) } else { Conversation::new(1) };
    let mut totals = Totals { connections: 1, ..Totals::default() };
    let mut sink = |found: Finding| {
        totals.others += u64::from(matches!(found.what, What::NotWebSocket { .. }));
        sink(found);
    };
    let read = hex::read(&text, &mut conversation, &mut sink);
    conversation.finish(Moment::default(), &mut sink);
    totals.violations = u64::from(conversation.has_violation());
    (totals, read.map_err(Into::into))
}
