//! An echo server with a thread per connection: `threads_server [ADDRESS]`.
use statesocket::{Config, blocking::WebSocket, handshake::Accept};
use std::{env, io, net::TcpListener, thread, time::Duration};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:3012"))?;
    println!("listening on ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        // There may be no descriptor left.
        let Ok(stream) = stream.inspect_err(|_| thread::sleep(Duration::from_millis(100))) else { continue };
        let mut ws = WebSocket::server(stream, Config::default());
        thread::spawn(move || {
            if ws.request().is_ok() && ws.accept(Accept::new()).is_ok() {
                while let Ok(message) = ws.recv() {
                    let _ = ws.send(message);
                }
            }
            println!("{}", ws.finish());
        });
    }
    Ok(())
}
