//! A crowd that connects and sends nothing.

use super::scale;
use crate::support::{
    loopback::{Neighbours, RawClient},
    process::FaultServer,
};
use rlimit::Resource;

/// The sockets that this process may use beside the other tests: 10,000 where 20,000 are allowed.
fn allowed_sockets() -> usize {
    let limit = rlimit::increase_nofile_limit(24_000).or_else(|_| rlimit::getrlimit(Resource::NOFILE).map(|it| it.0));
    let limit = usize::try_from(limit.expect("there is a limit")).unwrap_or(usize::MAX);
    limit.saturating_sub(6_000).max(limit / 4).min(10_000)
}

#[test]
fn ten_thousand_silent_clients_time_out_and_cost_little() {
    let crowd = (10_000 * scale()).min(allowed_sockets());
    if crowd < 10_000 {
        eprintln!("the system allows only {crowd} silent connections here");
    }
    let server = FaultServer::start(&["--opening-ms", "4000"]);
    let neighbours = Neighbours::start(&server.url());
    let mut silent: Vec<_> = (0..crowd).map(|_| RawClient::dial(server.address)).collect();
    neighbours.go_on();
    for client in &mut silent {
        assert_eq!(client.rest().expect("the server ends the stream cleanly"), b"", "a silent client gets no answer");
    }
    server.open().echo("a newcomer");
    neighbours.end();
    let report = server.stop();
    assert_eq!(report.count("timed out"), crowd as u64, "{report:?}");
    // A silent client costs its state, its entry among the connections, and its deadline. Tables double when they grow,
    // and for a moment hold the old half too.
    let each = report.peak() / crowd as u64;
    assert!(each < 4 << 10, "{each} bytes per client");
}
