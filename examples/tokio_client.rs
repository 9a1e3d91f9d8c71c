//! Sends the lines of standard input to a server, and prints the messages that arrive: `tokio_client [URL]`.
use statesocket::{Config, handshake::Connect, tokio::WebSocket};
use std::{env, error::Error, io, thread};
use tokio::runtime::Handle;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:3012/socket".to_owned());
    let mut ws = WebSocket::connect(&Connect::new(&url)?, Config::default()).await?;
    eprintln!("{}", ws.opened().await?.status);
    let (runtime, (mut reader, writer)) = (Handle::current(), ws.split());
    // The end of the program waits for tasks that read standard input, and for no thread.
    thread::spawn(move || {
        let mut lines = io::stdin().lines().map_while(Result::ok);
        let _ = lines.try_for_each(|line| runtime.block_on(writer.send(line)));
        writer.close(1000, "")
    });
    let end = loop {
        match reader.recv().await {
            Ok(message) => println!("{}", message.as_text().unwrap_or("(bytes)")),
            Err(end) => break end,
        }
    };
    eprintln!("{end}");
    Ok(())
}
