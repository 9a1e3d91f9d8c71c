//! The examples, as a user runs them.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The lines of the server among axum's examples.
const MOST_LINES: usize = 22;

/// The executable of an example, which `cargo test` has built.
fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("it is in target/PROFILE/deps");
    profile.join("examples").join(name)
}

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(name: &str) -> Self {
        let mut process =
            Command::new(path_of(name)).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().expect("it is built");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.strip_prefix("listening on ws://").expect("the address").split('/').next();
        let address = address.expect("a split has a first part").trim().to_owned();
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("it runs");
    }
}

#[test]
fn two_websockets_on_one_connection_reach_both_servers() {
    for (server, path, answers) in [
        ("axum_echo", "/ws/red", [r#"Text("red: one")"#, r#"Text("red: two")"#]),
        ("hyper_echo", "/", [r#"Text("one")"#, r#"Text("two")"#]),
    ] {
        let server = Server::start(server);
        let output = Command::new(path_of("http2_client")).args([&server.address, path]).output().expect("it is built");
        let stdout = String::from_utf8(output.stdout).expect("text");
        let end = r#"1000 "bye" (closed by us)"#;
        assert_eq!(stdout.lines().collect::<Vec<_>>(), [answers[0], answers[1], end, end], "{:?}", output.stderr);
    }
}

#[test]
fn the_server_on_axum_is_short() {
    let source = include_str!("../../examples/axum_echo.rs");
    assert!(source.lines().count() <= MOST_LINES, "{} lines", source.lines().count());
}
