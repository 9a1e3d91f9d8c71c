//! What a connection makes of given bytes, for comparisons with other implementations, such as `tests/oracles`.
//!
//! Each line of the input has the role, `server` or `client`; then `open`, or `closing` if the connection has sent its
//! own Close; then the input from the peer in hexadecimal digits, after which the stream ends. Each line of the output
//! is the result in JSON. The limits are 300 bytes for a frame and 303 for a message.
//!
//! ```text
//! $ echo 'client open 8105 48656c6c6f' | cargo run --example verdicts
//! ```

use statesocket::{Agreed, Cause, Config, Connection, Event, Message, Phase, Role};
use std::{
    error::Error,
    io::{self, BufRead},
    sync::Arc,
    time::Instant,
};

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let role = match words.next() {
            Some("server") => Role::Server,
            Some("client") => Role::Client,
            other => return Err(format!("neither server nor client: {other:?}").into()),
        };
        let has_closed = match words.next() {
            Some("open") => false,
            Some("closing") => true,
            other => return Err(format!("neither open nor closing: {other:?}").into()),
        };
        println!("{}", verdict(role, has_closed, unhex(&words.collect::<String>())?)?);
    }
    Ok(())
}

fn verdict(role: Role, has_closed: bool, mut bytes: Vec<u8>) -> Result<String, Box<dyn Error>> {
    let mut config = Config::default();
    (config.max_frame_bytes, config.max_message_bytes) = (300, 303);
    let now = Instant::now();
    let mut connection = Connection::established(role, Agreed::new(), Arc::new(config), now);
    if has_closed {
        connection.close(1000, "done")?;
    }
    let mut events = Vec::new();
    let mut input = bytes.as_mut_slice();
    while let Some(event) = connection.receive(&mut input, now) {
        events.extend(described(&event));
    }
    let phase = connection.phase();
    let sent = hex(connection.output());
    connection.receive_eof();
    while connection.poll_event().is_some() {}

    let end = connection.disconnected().ok_or("each connection ends with a Disconnect")?;
    let initiator =
        end.initiator.map_or("nobody", |party| if party == connection.local_party() { "local" } else { "peer" });
    let violation = if let Cause::Protocol(error) = &end.cause { format!("{error:?}") } else { String::new() };
    Ok(format!(
        r#"{{"events": [{}], "state": "{}", "sent": "{sent}", "code": {}, "reason": "{}", "initiator": "{initiator}", "is_clean": {}, "violation": "{violation}"}}"#,
        events.join(", "),
        state(phase),
        u16::from(end.code),
        hex(end.reason.as_bytes()),
        end.is_clean,
    ))
}

/// The progress of the closing handshake.
fn state(phase: Phase) -> &'static str {
    match phase {
        Phase::Open => "open",
        Phase::ClientClosed | Phase::ApplicationClosed => "closing",
        Phase::Closed => "closed",
        Phase::Idle | Phase::Requested => "connecting",
    }
}

fn described(event: &Event<'_>) -> Option<String> {
    let (kind, payload) = match event {
        Event::Message(Message::Text(text)) => ("text", text.as_bytes()),
        Event::Message(Message::Binary(bytes)) => ("binary", &bytes[..]),
        Event::Ping(payload) => ("ping", &payload[..]),
        Event::Pong(payload) => ("pong", &payload[..]),
        _ => return None,
    };
    Some(format!(r#"["{kind}", "{}"]"#, hex(payload)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}
