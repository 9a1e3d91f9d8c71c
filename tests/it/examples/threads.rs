//! `examples/threads_server.rs` and `examples/threads_client.rs`.

use super::assert_short;
use crate::support::process::Process;

/// The lines of the server and of the client among tungstenite's examples.
const MOST_LINES: usize = 22;

#[test]
fn a_server_and_a_client_with_threads_are_short_and_talk_to_each_other() {
    for name in ["threads_server", "threads_client"] {
        assert_short(name, MOST_LINES);
    }
    let server = Process::start("threads_server", &["127.0.0.1:0"]);
    let first = server.stdout.next().expect("the first line is the address");
    let url = first.strip_prefix("listening on ").expect("the address is a URL");
    for _ in 0..2 {
        let (status, stdout, stderr) = Process::start("threads_client", &[url]).wait();
        assert_eq!((status, stderr.as_slice()), (Some(0), &[][..]), "{stdout:?}");
        assert_eq!(stdout.first().map(String::as_str), Some("101 Switching Protocols"));
        assert_eq!(stdout[stdout.len() - 2..], ["received: Hello WebSocket", "1000 (closed by us)"]);
        assert_eq!(server.stdout.next().as_deref(), Some("1000 (closed by the peer)"));
    }
}
