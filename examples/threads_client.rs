//! Says hello to an echo server, and prints the answer: `threads_client [URL]`.

use statesocket::{Config, blocking::WebSocket, handshake::Connect};
use std::{env, error::Error};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:3012/socket".to_owned());
    let mut ws = WebSocket::connect(&Connect::new(&url)?, Config::default())?;
    let response = ws.opened()?;
    println!("{}", response.status);
    for name in response.headers.keys() {
        println!("* {name}");
    }
    ws.send("Hello WebSocket")?;
    println!("received: {}", ws.recv()?.as_text().unwrap_or_default());
    println!("{}", ws.close(1000, "")?);
    Ok(())
}
