//! Connections without sockets.
//!
//! Each line of the input is a command, and is answered with one line of JSON:
//!
//! ```text
//! open ID server|client [lent] [chunks] [OPTIONS] | OFFER | ANSWER    a connection, agreed by these headers
//! ID receive HEX                                                      bytes from the peer
//! ID text|binary|shared|uncompressed|ping HEX                         a message of its own
//! ID fragments HEX,HEX,...                                            a binary message of several fragments
//! ```
//!
//! A server makes its own answer, so the last part is empty for it. The connections that are `lent` memory share it.

use super::Choices;
use clap::Parser;
use statesocket::{
    Agreed, Connection, Delivery, Event, Message, OutputBuffer, Role, SharedMessage,
    handshake::{Extension, deflate},
    http::{HeaderMap, header::SEC_WEBSOCKET_EXTENSIONS},
};
use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, BufRead},
    sync::Arc,
    time::Instant,
};

type Failure = Box<dyn Error>;

/// The options of a connection.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Options {
    #[command(flatten)]
    choices: Choices,
}

struct End {
    connection: Connection,
    is_lent: bool,
}

pub(super) fn run() -> Result<(), Failure> {
    let mut ends = BTreeMap::new();
    let mut buffer = OutputBuffer::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (first, rest) = line.split_once(' ').ok_or("a command has several words")?;
        if first == "open" {
            let (id, rest) = rest.split_once(' ').ok_or("an open has a role")?;
            let (end, answer) = open(rest)?;
            let agreed = end.connection.deflate().map_or_else(String::new, |agreed| agreed.to_string());
            println!(r#"{{"agreed": "{agreed}", "answer": "{answer}"}}"#);
            ends.insert(id.to_owned(), end);
        } else {
            let end = ends.get_mut(first).ok_or("no such connection")?;
            println!("{}", end.execute(rest, &mut buffer)?);
        }
    }
    Ok(())
}

fn open(line: &str) -> Result<(End, String), Failure> {
    let parts: Vec<_> = line.split('|').map(str::trim).collect();
    let [options, offer, answer] = parts[..] else { return Err("an open has options, offer and answer".into()) };
    let mut words: Vec<_> = options.split_whitespace().collect();
    let role = match words.remove(0) {
        "server" => Role::Server,
        "client" => Role::Client,
        other => return Err(format!("neither server nor client: {other}").into()),
    };
    let mut has = |word| words.iter().position(|other| *other == word).map(|at| words.remove(at)).is_some();
    let (is_lent, is_chunked) = (has("lent"), has("chunks"));
    let mut config = Options::try_parse_from(words)?.choices.config();
    if is_chunked {
        config.delivery = Delivery::Chunks;
    }
    let offered = extensions(offer)?;
    let (answer, agreed) = match role {
        Role::Client => (answer.to_owned(), deflate::agree(&offered, &extensions(answer)?)?),
        Role::Server => match deflate::answer(&offered, &config.deflate.unwrap_or_default()) {
            Some((answer, agreed)) => (answer.to_str()?.to_owned(), Some(agreed)),
            None => (String::new(), None),
        },
    };
    let mut terms = Agreed::new();
    terms.deflate = agreed;
    let connection = Connection::established(role, terms, Arc::new(config), Instant::now());
    Ok((End { connection, is_lent }, answer))
}

fn extensions(header: &str) -> Result<Vec<Extension>, Failure> {
    let headers: HeaderMap = [(SEC_WEBSOCKET_EXTENSIONS, header.parse()?)].into_iter().collect();
    Ok(Extension::all(&headers, 100)?)
}

impl End {
    /// Executes a command. Returns the events and the output that follow from it.
    fn execute(&mut self, command: &str, buffer: &mut OutputBuffer) -> Result<String, Failure> {
        let (name, argument) = command.split_once(' ').unwrap_or((command, ""));
        if self.is_lent {
            self.connection.lend_buffer(buffer);
        }
        let mut events = Vec::new();
        let connection = &mut self.connection;
        match name {
            "receive" => {
                let mut bytes = unhex(argument)?;
                let mut input = &mut bytes[..];
                while let Some(event) = connection.receive(&mut input, Instant::now()) {
                    events.extend(described(&event));
                }
            }
            "text" => connection.send_text(std::str::from_utf8(&unhex(argument)?)?)?,
            "binary" => connection.send_binary(&unhex(argument)?)?,
            "shared" => connection.send_shared(&SharedMessage::binary(&unhex(argument)?))?,
            "uncompressed" => connection.send_uncompressed(&unhex(argument)?[..])?,
            "ping" => connection.ping(&unhex(argument)?)?,
            "fragments" => {
                let pieces: Vec<_> = argument.split(',').collect();
                for (n, piece) in pieces.iter().enumerate() {
                    let piece = unhex(piece)?;
                    match n {
                        0 => connection.begin_binary(&piece)?,
                        _ => connection.continue_binary(&piece, n == pieces.len() - 1)?,
                    }
                }
            }
            other => return Err(format!("no such command: {other}").into()),
        }
        let sent = hex(connection.output());
        connection.advance(sent.len() / 2);
        if self.is_lent {
            connection.reclaim_buffer(buffer);
        }
        Ok(format!(r#"{{"events": [{}], "sent": "{sent}"}}"#, events.join(", ")))
    }
}

fn described(event: &Event<'_>) -> Option<String> {
    let (name, bytes) = match event {
        Event::Message(message) => (kind(message), message.as_bytes()),
        Event::Chunk { data, is_last: true } => (kind(data), data.as_bytes()),
        Event::Chunk { data, is_last: false } => ("part", data.as_bytes()),
        Event::Ping(payload) => ("ping", &payload[..]),
        Event::Disconnect(disconnect) => return Some(format!(r#"["end", "{:?}"]"#, disconnect.cause)),
        _ => return None,
    };
    Some(format!(r#"["{name}", "{}"]"#, hex(bytes)))
}

const fn kind(message: &Message<'_>) -> &'static str {
    match message {
        Message::Text(_) => "text",
        Message::Binary(_) => "binary",
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |digit: u8| char::from(DIGITS[usize::from(digit)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(digits: &str) -> Result<Vec<u8>, Failure> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}
