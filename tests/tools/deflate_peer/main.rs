//! An end that compresses as it is told, for comparisons with other implementations: see `tests/peers` and
//! `tests/oracles`.
//!
//! ```text
//! deflate_peer serve --send-history 9             # an echo server; it prints its address, and what is agreed on
//! deflate_peer connect ws://127.0.0.1:9001/       # a client that echoes until the connection ends
//! deflate_peer script                             # connections without sockets, by commands: see `script.rs`
//! ```

#[path = "../drive.rs"]
mod drive;
mod echo;
mod script;

use clap::{Args, Parser};
use statesocket::{Config, Deflate, Event, Window};
use std::{error::Error, sync::Arc};

#[derive(Debug, Parser)]
enum Command {
    /// Echoes at /, on a free port of the loopback, until the end of its input.
    Serve(Choices),
    /// Echoes to a server.
    Connect {
        url: String,
        #[command(flatten)]
        choices: Choices,
    },
    /// Reads commands.
    Script,
}

/// The fields of `Deflate`. A history is a number of bits, from 8 to 15, or 0 for none.
#[derive(Clone, Copy, Debug, Args)]
struct Choices {
    #[arg(long, default_value_t = Deflate::default().level)]
    level: u8,
    #[arg(long)]
    threshold: Option<usize>,
    #[arg(long, value_parser = window, default_value = "12")]
    send_history: Window,
    #[arg(long, value_parser = window, default_value = "12")]
    receive_history: Window,
    #[arg(long, value_parser = window, default_value = "15")]
    client_receive_history: Window,
    /// Sends an echo in fragments of so many bytes. They are compressed.
    #[arg(long, value_name = "BYTES")]
    fragments: Option<usize>,
}

impl Choices {
    fn config(self) -> Config {
        let deflate = Deflate::default().with(|deflate| {
            (deflate.level, deflate.threshold, deflate.fragments) = (self.level, self.threshold, true);
            deflate.send_history = self.send_history;
            deflate.receive_history = self.receive_history;
            deflate.client_receive_history = self.client_receive_history;
        });
        Config::default().with(|config| config.deflate = Some(deflate))
    }
}

fn window(text: &str) -> Result<Window, String> {
    let bits = text.parse().map_err(|_| "not a number")?;
    let window = if bits == 0 { Some(Window::None) } else { Window::from_bits(bits) };
    window.ok_or_else(|| "neither 0 nor from 8 to 15".to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    match Command::parse() {
        Command::Serve(choices) => echo::serve(choices),
        Command::Connect { url, choices } => {
            drive::drive(&url, &Arc::new(choices.config()), |connection, event| match event {
                Event::Accepted(_) => echo::report(connection),
                // After our Close a message of the peer may still arrive, which needs no echo.
                Event::Message(message) => drop(echo::to_connection(connection, &message, choices.fragments)),
                Event::Disconnect(disconnect) => println!("disconnect {disconnect}"),
                _ => {}
            })
        }
        Command::Script => script::run(),
    }
}
