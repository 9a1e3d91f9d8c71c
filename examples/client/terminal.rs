//! What is shown.

use statesocket::handshake::Response;
use std::{
    borrow::Cow,
    io::{self, IsTerminal},
};

pub(crate) fn report_rejection(response: &Response) {
    let is_terminal = io::stderr().is_terminal();
    eprintln!("{}", response.status);
    for (name, value) in &response.headers {
        eprintln!("{name}: {}", value.to_str().unwrap_or("(not text)"));
    }
    eprintln!("{}", shown(&String::from_utf8_lossy(&response.body), is_terminal));
}

/// The text without the control characters that could command a terminal.
pub(crate) fn shown(text: &str, is_terminal: bool) -> Cow<'_, str> {
    if !is_terminal || !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |char: char| if char.is_control() { char.escape_default().to_string() } else { char.to_string() };
    text.chars().map(escape).collect()
}
