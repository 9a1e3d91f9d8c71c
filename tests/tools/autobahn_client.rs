//! The client that the Autobahn testsuite tests: it echoes in each test case. See `tests/autobahn`. With `--deflate` it
//! offers compression, which needs the feature `deflate`; with `--tokio`, and the feature, tokio drives it.

mod drive;

use drive::drive;
use statesocket::{Config, Event};
use std::{env, error::Error, sync::Arc};

fn main() -> Result<(), Box<dyn Error>> {
    let base = env::var("AUTOBAHN_URL").map_err(|_| "AUTOBAHN_URL is not set: the testsuite starts this program")?;
    let config = Arc::new(config(env::args().any(|arg| arg == "--deflate"))?);
    if env::args().any(|arg| arg == "--tokio") {
        return on_tokio(&base, config);
    }
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

/// The same with tasks of tokio.
#[cfg(feature = "tokio")]
#[tokio::main(flavor = "current_thread")]
async fn on_tokio(base: &str, config: Arc<Config>) -> Result<(), Box<dyn Error>> {
    use statesocket::{handshake::Connect, tokio::WebSocket};

    let connect = async |path: String| -> Result<_, Box<dyn Error>> {
        let mut ws = WebSocket::connect(&Connect::new(&format!("{base}{path}"))?, Arc::clone(&config)).await?;
        ws.opened().await?;
        Ok(ws)
    };
    let mut ws = connect("/getCaseCount".to_owned()).await?;
    let count: u32 = ws.recv().await?.as_text().unwrap_or("0").parse()?;
    ws.finish().await;
    for case in 1..=count {
        let mut ws = connect(format!("/runCase?case={case}&agent=statesocket")).await?;
        while let Ok(message) = ws.recv().await {
            // After our Close a message of the peer may still arrive, which needs no echo.
            let _ = ws.feed(message).await;
        }
    }
    connect("/updateReports?agent=statesocket".to_owned()).await?.finish().await;
    Ok(())
}

#[cfg(not(feature = "tokio"))]
fn on_tokio(_: &str, _: Arc<Config>) -> Result<(), Box<dyn Error>> {
    Err("--tokio needs a build with `--features tokio`".into())
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
