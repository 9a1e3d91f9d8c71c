//! The client that the Autobahn testsuite tests: it echoes in each test case. See `tests/autobahn`. With `--deflate` it
//! offers compression, which needs the feature `deflate`.

mod drive;

use drive::drive;
use statesocket::{Config, Event};
use std::{env, error::Error, sync::Arc};

fn main() -> Result<(), Box<dyn Error>> {
    let base = env::var("AUTOBAHN_URL").map_err(|_| "AUTOBAHN_URL is not set: the testsuite starts this program")?;
    let config = Arc::new(config(env::args().any(|arg| arg == "--deflate"))?);
    let mut count = 0;
    drive(&format!("{base}/getCaseCount"), &config, |_, event| {
        if let Event::Message(message) = event {
            count = message.as_text().unwrap_or("0").parse().unwrap_or(0);
        }
    })?;
    for case in 1..=count {
        drive(&format!("{base}/runCase?case={case}&agent=statesocket"), &config, |connection, event| {
            if let Event::Message(message) = event {
                // After our Close a message of the peer may still arrive, which needs no echo.
                let _ = connection.send(message);
            }
        })?;
    }
    drive(&format!("{base}/updateReports?agent=statesocket"), &config, |_, _| {})
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
