//! What `--quick` checks of `--peer`, with this program in the place of an outside server.

use crate::{
    command::SERVE,
    measure::measure,
    processes::Cpus,
    servers::{FLOOR, Server},
    workload::Workload,
};
use statesocket_benches::wire::Kind;
use std::{env, time::Duration};

/// Long enough for a command to end, and short enough to wait for one that does not listen.
const PATIENCE: Duration = Duration::from_secs(1);

/// The server of this crate, started like any other command.
pub fn outside() -> Result<Server, String> {
    Server::outside(&format!("statesocket by --peer={} {SERVE} statesocket {{port}}", program()?))
}

/// Checks the errors of commands that are not echo servers.
///
/// # Errors
/// A command is measured, or its error is another one.
pub fn failures(cpus: Cpus) -> Result<(), String> {
    let program = program()?;
    let cases = [
        ("true {port}".to_owned(), "has ended (exit status: 0) before it accepted a connection"),
        ("sleep 60 {port}".to_owned(), "does not listen on 127.0.0.1:"),
        (format!("{program} {SERVE} {FLOOR} {{port}}"), "the server has not accepted: GET /echo"),
        (format!("sh -c '\"$@\"; exit' sh {program} {SERVE} statesocket {{port}}"), "must be the server itself"),
    ];
    for (command, expected) in cases {
        let mut server = Server::outside(&format!("a command that fails={command}"))?;
        server.command.patience = PATIENCE;
        match measure(&server, &Workload::one(Kind::Binary, 16), cpus, Duration::from_millis(1)) {
            Err(error) if error.contains(expected) => {}
            result => return Err(format!("`{command}` must fail with {expected:?}, not {result:?}")),
        }
    }
    Ok(())
}

/// This program, as a word of a command.
fn program() -> Result<String, String> {
    let path = env::current_exe().map_err(|error| error.to_string())?;
    let path = path.to_str().ok_or("the path of this program is not UTF-8")?;
    shlex::try_quote(path).map(String::from).map_err(|error| error.to_string())
}
