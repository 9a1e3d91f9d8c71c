//! `examples/echo/demo.rs`, without its page, which `tests/peers` shows in a browser.

use super::EchoServer;
use crate::support::{Raw, loopback::RawClient};
use serde_json::Value;

/// The next states that a page is told: the phase, and the last step to it.
fn steps(page: &mut RawClient, count: usize) -> Vec<(String, String)> {
    let mut step = || {
        let frame = page.frame();
        let state: Value = serde_json::from_slice(&frame.payload).expect("a state is JSON");
        let phase = state["phase"].as_str().expect("a phase").to_owned();
        let last = state["history"].as_array().and_then(|steps| steps.last());
        let last = last.map(|step| format!("{} {}", step["party"].as_str().unwrap(), step["action"].as_str().unwrap()));
        (phase, last.unwrap_or_default())
    };
    (0..count).map(|_| step()).collect()
}

#[test]
fn the_page_is_told_each_state_of_its_connection() {
    let server = EchoServer::start(&["--threads", "3"]);
    let mut page = server.open("/demo/anna/state");
    let told = |steps: &[(&str, &str)]| -> Vec<(String, String)> {
        steps.iter().map(|(phase, step)| ((*phase).to_owned(), (*step).to_owned())).collect()
    };
    assert_eq!(steps(&mut page, 1), told(&[("Idle", "")]));
    let opened = [("Requested", "client Open"), ("Open", "application Accept")];
    let mut client = server.open("/demo/anna/ws/lobby?x");
    assert_eq!(steps(&mut page, 2), told(&opened));
    client.send(Raw::new(Raw::TEXT, "Hello"));
    assert_eq!(client.frame(), Raw::new(Raw::TEXT, "Returned Message: Hello from Server (room lobby, query x)"));
    assert_eq!(steps(&mut page, 1), told(&[("Open", "application Accept")]));
    page.send(Raw::new(Raw::TEXT, "close"));
    assert_eq!(client.frame(), Raw::close(4000, "as the page wished"));
    assert_eq!(steps(&mut page, 1), told(&[("ApplicationClosed", "application Close")]));
    client.send(Raw::close(4000, ""));
    assert_eq!(steps(&mut page, 1), told(&[("Closed", "client Close")]));
    // That of another page is not shown, nor that of an earlier connection.
    let _other = server.open("/demo/berta/echo");
    let _first = server.open("/demo/anna/echo");
    assert_eq!(steps(&mut page, 2), told(&opened));
    let mut second = server.open("/demo/anna/slow-close");
    assert_eq!(steps(&mut page, 2), told(&opened));
    drop(_first);
    second.send(Raw::close(4001, "slow"));
    assert_eq!(steps(&mut page, 1), told(&[("ClientClosed", "client Close")]));
    assert_eq!(second.frame(), Raw::close(4001, "slow"));
    assert_eq!(steps(&mut page, 1), told(&[("Closed", "application Close")]));
    page.send(Raw::new(Raw::TEXT, "dance"));
    assert_eq!(page.frame(), Raw::close(1008, "no command"));
}
