//! Findings to text or JSON, one line each.

use crate::{
    finding::{Finding, What, name},
    follow::Totals,
    frames::Frame,
    rules::{Answer, Violation},
};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use statesocket::Role;
use std::io::{self, Write};

/// The bytes of a payload in the text. JSON has all that are kept.
const SHOWN_IN_TEXT: usize = 60;

const PLAIN: Style = Style::new();
const PHASE: Style = AnsiColor::Cyan.on_default();
const FAULT: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people. The colours are for the writer to strip.
    Text,
    /// One object per line.
    Json,
}

/// Writes one finding.
///
/// # Errors
/// That of `out`.
pub fn write(out: &mut impl Write, form: Form, found: &Finding) -> io::Result<()> {
    match form {
        Form::Text => write_text(out, found),
        Form::Json => writeln!(out, "{}", escaped(&to_json(found))),
    }
}

/// Writes the totals, at the end.
///
/// # Errors
/// That of `out`.
pub fn write_totals(out: &mut impl Write, form: Form, totals: &Totals) -> io::Result<()> {
    let Totals { connections, others, violations } = *totals;
    match form {
        Form::Text => {
            let style = if violations > 0 { FAULT } else { PLAIN };
            writeln!(
                out,
                "{style}connections: {connections}, not WebSocket: {others}, with a violation: {violations}{style:#}"
            )
        }
        Form::Json => {
            let kind = "totals";
            writeln!(
                out,
                "{}",
                json!({"kind": kind, "connections": connections, "others": others, "violations": violations})
            )
        }
    }
}

fn write_text(out: &mut impl Write, found: &Finding) -> io::Result<()> {
    let Finding { conversation, moment, what } = found;
    let at = format!("{FAINT}{conversation:>3} {:>11.6}{FAINT:#}", moment.time.as_secs_f64());
    match what {
        What::Begin { ends: Some(ends) } => writeln!(out, "{at} # {ends}"),
        What::Begin { ends: None } => Ok(()),
        What::Head { from, lines } => lines.iter().try_for_each(|line| writeln!(out, "{at} {} {line}", mark(*from))),
        What::Frame { from, frame, inflated } => {
            writeln!(out, "{at} {} {}", mark(*from), frame_text(frame, inflated.as_deref()))
        }
        What::Phase { phase, detail } => {
            let colon = if detail.is_empty() { "" } else { ": " };
            writeln!(out, "{at} {PHASE}= {phase:?}{colon}{detail}{PHASE:#}")
        }
        What::Violation { by, is_first, violation } => {
            let which = match (is_first, violation.is_limit) {
                (true, false) => "first violation",
                (true, true) => "over a limit of the inspector",
                (false, _) => "a violation after that",
            };
            writeln!(out, "{at} {FAULT}! {which}, by the {}: {}{FAULT:#}", name(*by), violation.fault)?;
            let sentence = violation.sentence.map_or_else(String::new, |sentence| format!(": \"{sentence}\""));
            writeln!(out, "{:15} {FAULT}!{FAULT:#} {}{sentence}", "", violation.section)?;
            writeln!(out, "{:15} {FAULT}!{FAULT:#} {}", "", answer_text(violation))
        }
        What::NotWebSocket { seen } => writeln!(out, "{at} # not WebSocket: {seen}"),
        What::Note(text) => writeln!(out, "{at} # {text}"),
    }
}

const fn mark(from: Role) -> char {
    match from {
        Role::Client => '>',
        Role::Server => '<',
    }
}

fn answer_text(violation: &Violation) -> String {
    match violation.answer {
        Answer::Close(code) => format!("a receiver closes with {code}"),
        Answer::Status(status) => format!("a server answers with {status}"),
        Answer::Nothing => "a receiver reads no more".to_owned(),
    }
}

fn frame_text(frame: &Frame, inflated: Option<&[u8]>) -> String {
    let opcode =
        if frame.name() == "unknown" { format!("opcode {:#x}", frame.opcode) } else { frame.name().to_owned() };
    let fin = if frame.is_final { "FIN" } else { "-" };
    let rsv = match frame.rsv {
        0 => "-".to_owned(),
        rsv => format!("RSV{rsv:03b}"),
    };
    let masked = if frame.is_masked { "masked" } else { "-" };
    let cut = if frame.is_whole() { String::new() } else { format!(" ({} of them came)", frame.seen) };
    format!("{opcode:<12} {fin:<3} {rsv:<6} {masked:<6} {:>6}{cut}  {}", frame.len, payload_text(frame, inflated))
}

/// The beginning of a payload, of the kind that it is.
fn payload_text(frame: &Frame, inflated: Option<&[u8]>) -> String {
    if let Some(inflated) = inflated {
        return format!("inflated {}", quoted(inflated, false));
    }
    match (frame.opcode, &frame.start[..]) {
        (8, [high, low, reason @ ..]) => {
            let code = u16::from_be_bytes([*high, *low]);
            if reason.is_empty() { code.to_string() } else { format!("{code} {}", quoted(reason, true)) }
        }
        (_, []) => String::new(),
        (_, start) => quoted(start, frame.len == start.len() as u64),
    }
}

/// Text in quotes, other bytes in hexadecimal. Nothing in it is for a terminal to obey.
fn quoted(bytes: &[u8], is_all: bool) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN_IN_TEXT)];
    let dots = if is_all && shown.len() == bytes.len() || bytes.len() < SHOWN_IN_TEXT { "" } else { "..." };
    // The end may be within a character.
    let valid = match std::str::from_utf8(shown) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && !is_all => std::str::from_utf8(&shown[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match valid {
        Some(text) if !text.chars().any(|it| it.is_control() && !it.is_whitespace()) => {
            format!("\"{}\"{dots}", text.escape_debug())
        }
        _ => format!("{}{dots}", hex(&shown[..shown.len().min(SHOWN_IN_TEXT / 3)])),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// JSON allows some control characters in strings, which a terminal would obey.
fn escaped(line: &Value) -> String {
    let line = line.to_string();
    if !line.chars().any(char::is_control) {
        return line;
    }
    line.chars().map(|it| if it.is_control() { format!("\\u{:04x}", u32::from(it)) } else { it.to_string() }).collect()
}

fn to_json(found: &Finding) -> Value {
    let Finding { conversation, moment, what } = found;
    let mut line = match what {
        What::Begin { ends } => json!({
            "kind": "begin",
            "client": ends.map(|ends| ends.client.to_string()),
            "server": ends.map(|ends| ends.server.to_string()),
        }),
        What::Head { from, lines } => json!({"kind": "head", "from": name(*from), "lines": lines}),
        What::Frame { from, frame, inflated } => json!({
            "kind": "frame",
            "from": name(*from),
            "opcode": frame.opcode,
            "name": frame.name(),
            "fin": frame.is_final,
            "rsv": frame.rsv,
            "masked": frame.is_masked,
            "length": frame.len,
            "seen": frame.seen,
            "payload": String::from_utf8_lossy(&frame.start),
            "payload_hex": hex(&frame.start),
            "inflated": inflated.as_ref().map(|inflated| String::from_utf8_lossy(inflated)),
        }),
        What::Phase { phase, detail } => json!({
            "kind": "phase",
            "phase": format!("{phase:?}"),
            "client_state": phase.client_state().to_string(),
            "application_state": phase.application_state().to_string(),
            "detail": detail,
        }),
        What::Violation { by, is_first, violation } => json!({
            "kind": "violation",
            "by": name(*by),
            "is_first": is_first,
            "is_limit": violation.is_limit,
            "fault": violation.fault,
            "section": violation.section,
            "sentence": violation.sentence,
            "close_code": match violation.answer {
                Answer::Close(code) => Some(code),
                Answer::Status(_) | Answer::Nothing => None,
            },
            "status": match violation.answer {
                Answer::Status(status) => Some(status),
                Answer::Close(_) | Answer::Nothing => None,
            },
        }),
        What::NotWebSocket { seen } => json!({"kind": "other", "seen": seen}),
        What::Note(text) => json!({"kind": "note", "text": text}),
    };
    if let Value::Object(line) = &mut line {
        line.insert("connection".to_owned(), json!(conversation));
        line.insert("time".to_owned(), json!(moment.time.as_secs_f64()));
        line.insert("packet".to_owned(), json!(moment.packet));
    }
    line
}
