//! The program: its options, its exit status, and the form of its lines.

use crate::support::{Talk, frame};
use serde_json::Value;
use statesocket::Role::{Client, Server};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("the file can be written");
    path
}

fn run(path: &PathBuf, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_statesocket-inspect"));
    command.arg(path).args(options).env_remove("CLICOLOR_FORCE").output().expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the report is UTF-8")
}

#[test]
fn a_hex_dump_is_read_and_the_violation_explained() {
    let dump = "# the handshake is elsewhere\n> 81 85 37fa213d 7f9f4d5158\n< 81 05 48656c6c6f\n> 81 05 48656c6c6f\n";
    let output = run(&file("unmasked.hex", dump), &["--hex", "--open"]);
    let expected = concat!(
        "  1    0.000000 > text         FIN -      masked      5  \"Hello\"\n",
        "  1    0.000000 < text         FIN -      -           5  \"Hello\"\n",
        "  1    0.000000 > text         FIN -      -           5  \"Hello\"\n",
        "  1    0.000000 ! first violation, by the client: a frame from the client is not masked\n",
        "                ! RFC 6455 section 5.1: \"The server MUST close the connection upon receiving a frame that is ",
        "not masked.\"\n",
        "                ! a receiver closes with 1002\n",
        "  1    0.000000 # nothing more of this connection, in phase Open\n",
        "connections: 1, not WebSocket: 0, with a violation: 1\n",
    );
    assert_eq!((text(&output).as_str(), output.status.code()), (expected, Some(1)));
}

#[test]
fn json_has_an_object_per_line() {
    let mut talk = Talk::opened();
    talk.say(Client, &frame(Client, 0x81, b"Hello"));
    talk.say(Server, &frame(Server, 0xC1, b"Hello"));
    let output = run(&file("json.pcap", talk.pcap()), &["--json", "--port", "9001"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().expect("a kind")).collect();
    let expected = ["begin", "head", "phase", "head", "phase", "frame", "frame", "violation", "note", "totals"];
    assert_eq!(kinds, expected);
    let frame = &lines[5];
    assert_eq!((&frame["from"], &frame["opcode"], &frame["fin"]), (&"client".into(), &1.into(), &true.into()));
    assert_eq!((&frame["masked"], &frame["length"], &frame["packet"]), (&true.into(), &5.into(), &5.into()));
    let violation = &lines[7];
    assert_eq!((&violation["by"], &violation["close_code"]), (&"server".into(), &1002.into()));
    assert_eq!(violation["section"], "RFC 6455 section 5.2");
}

#[test]
fn a_clean_capture_ends_with_status_0() {
    let output = run(&file("clean.pcap", Talk::opened().pcap()), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let first = "  1    0.000000 # client 10.0.0.1:50000, server 10.0.0.2:9001\n  1    0.002000 > GET /chat HTTP/1.1\n";
    assert!(text(&output).starts_with(first), "{}", text(&output));
    assert!(!text(&output).contains('\x1B'), "no colours in a pipe");
}

#[test]
fn colours_are_for_terminals() {
    let path = file("colours.hex", "> 81 00\n");
    let output = Command::new(env!("CARGO_BIN_EXE_statesocket-inspect"))
        .arg(&path)
        .args(["--hex", "--open"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .expect("the program runs");
    assert!(text(&output).contains("\x1B[1m\x1B[31m! first violation"), "{:?}", text(&output));
}

#[test]
fn a_file_that_cannot_be_read_ends_with_status_2() {
    for (path, options, expected) in [
        (PathBuf::from("missing.pcap"), &[][..], "No such file"),
        (file("text.pcap", "this is a text, and no capture at all"), &[], "neither pcap nor pcapng"),
        (file("cut.pcap", &Talk::opened().pcap()[..300]), &[], "ends within a packet"),
        (file("no.hex", "> 8"), &["--hex"], "line 1 is no hex dump"),
    ] {
        let output = run(&path, options);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.starts_with("inspect: ") && error.contains(expected), "{error}");
        assert_eq!(output.status.code(), Some(2));
    }
}
