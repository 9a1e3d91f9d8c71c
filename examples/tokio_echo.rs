//! An echo server on tokio, with a task per connection. At Ctrl-C or SIGTERM it closes every connection, and waits for
//! the answers.
//!
//! ```text
//! cargo run --release --features tokio --example tokio_echo
//! ```

use clap::Parser;
use statesocket::{Config, Disconnect, handshake::Accept, tokio::WebSocket};
use std::{error::Error, pin::pin, sync::Arc, time::Duration};
#[cfg(not(unix))]
use tokio::signal::ctrl_c as interrupted;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// A WebSocket echo server on tokio.
#[derive(Debug, Parser)]
struct Args {
    /// The address to listen on; port 0 is any free port.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Compress messages to and from clients that offer it. It needs a build with the feature `deflate`.
    #[arg(long)]
    deflate: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let config = Arc::new(config(args.deflate)?);
    let listener = TcpListener::bind(&args.listen).await?;
    println!("listening on ws://{}", listener.local_addr()?);

    let (stop, stopping) = watch::channel(());
    let mut sessions = JoinSet::new();
    let mut interrupt = pin!(interrupted());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(sessions.spawn(serve(stream, Arc::clone(&config), stopping.clone()))),
                // There may be no descriptor left.
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = sessions.join_next() => {}
            _ = &mut interrupt => break,
        }
    }
    drop((listener, stop));
    while sessions.join_next().await.is_some() {}
    Ok(())
}

/// Waits for Ctrl-C, or for SIGTERM.
#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let [mut interrupt, mut terminate] = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Echoes until the client leaves, or the server stops.
async fn serve(stream: TcpStream, config: Arc<Config>, mut stopping: watch::Receiver<()>) -> Result<(), Disconnect> {
    // A small answer leaves at once. Without it the answer is late, and no more.
    let _ = stream.set_nodelay(true);
    let mut ws = WebSocket::server(stream, config);
    ws.request().await?;
    ws.accept(Accept::new()).expect("the request has just come");
    loop {
        tokio::select! {
            message = ws.recv() => {
                // It leaves with the next wait, so the answers to one read leave with one write. It can fail only at
                // the end, which the next `recv` tells.
                let _ = ws.feed(message?).await;
            }
            // The other end of the channel is gone.
            _ = stopping.changed() => {
                ws.connection_mut().ensure_closed(1001, "the server stops");
                return Err(ws.finish().await);
            }
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
