//! A hex dump of one connection.

use crate::{
    conversation::Conversation,
    finding::{Moment, Sink},
};
use statesocket::Role;
use std::{fmt, time::Duration};

/// A line of a hex dump that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexError {
    line: u64,
}

/// Reads a dump of one connection.
///
/// A line has `>` before the bytes of the client or `<` before those of the server, in hexadecimal, with any space
/// between them. Empty lines and lines that begin with `#` are skipped. The cuts between lines are of no account.
///
/// ```
/// use statesocket_inspect::{conversation::Conversation, hex};
///
/// let (mut conversation, mut findings) = (Conversation::opened(1), 0);
/// hex::read("# a masked Hello\n> 81 85 37fa213d 7f9f4d5158", &mut conversation, &mut |_| findings += 1)?;
/// assert_eq!((findings, conversation.has_violation()), (1, false));
/// # Ok::<(), statesocket_inspect::hex::HexError>(())
/// ```
///
/// # Errors
/// The first line that is no such line.
pub fn read(text: &str, conversation: &mut Conversation, sink: Sink<'_>) -> Result<(), HexError> {
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let error = HexError { line: number };
        let (from, digits) = if let Some(digits) = line.strip_prefix('>') {
            (Role::Client, digits)
        } else if let Some(digits) = line.strip_prefix('<') {
            (Role::Server, digits)
        } else {
            return Err(error);
        };
        let bytes = decode(digits).ok_or(error)?;
        conversation.feed(from, Moment { time: Duration::ZERO, packet: number }, &bytes, sink);
    }
    Ok(())
}

fn decode(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        digits.chars().filter(|it| !it.is_whitespace()).map(|it| it.to_digit(16).map(|it| it as u8)).collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is no hex dump: it needs > or < and pairs of hexadecimal digits", self.line)
    }
}

impl std::error::Error for HexError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_dump_is_named() {
        for wrong in ["81", "> 8", "> xx", "- 81 00", "> 81 é0"] {
            let error = read(&format!("# a\n\n{wrong}"), &mut Conversation::opened(1), &mut |_| ()).unwrap_err();
            assert!(error.to_string().starts_with("line 3 "), "{wrong}: {error}");
        }
        assert_eq!(decode(" 0aF \t 0 "), Some(vec![0x0A, 0xF0]));
    }
}
