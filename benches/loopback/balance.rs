//! How evenly the loops of a cluster share the connections.

use crate::{
    opening::{PATIENCE, open},
    traffic::Dialect,
    workload::Task,
};
use statesocket::{
    Config,
    handshake::{Accept, Request},
    server::{Cluster, Handler, Loops, Server, Session, Sharing},
};
use statesocket_benches::table::{self, median};
use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const LOOPS: [usize; 3] = [2, 4, 8];

const CONNECTIONS: [usize; 3] = [100, 1_000, 4_000];

/// Counts the connections of a loop.
struct Count(Arc<AtomicUsize>);

impl Handler for Count {
    fn on_request(&mut self, session: &mut Session<'_>, _: &Request) {
        self.0.fetch_add(1, Ordering::Relaxed);
        session.accept(Accept::new()).expect("the request waits");
    }
}

/// Prints the connections of the busiest loop as a multiple of its share: the median and the most of all rounds.
pub fn print(rounds: usize, most: usize) -> Result<(), String> {
    println!("\n### Connections of the busiest loop, as a multiple of its share: median, most");
    let mut rows = Vec::new();
    for sharing in [Sharing::System, Sharing::HandOver] {
        // Both ends are in this process.
        for connections in CONNECTIONS.into_iter().filter(|connections| 2 * connections <= most) {
            let mut row = vec![format!("{sharing:?}, {connections} connections")];
            for count in LOOPS {
                let loops = Loops::new(count).with(|loops| loops.sharing = sharing);
                let busiest = (0..rounds).map(|_| busiest(&loops, connections)).collect::<Result<Vec<_>, _>>()?;
                let most = busiest.iter().copied().fold(0.0, f64::max);
                row.push(format!("{:.2}, {most:.2}", median(busiest.into_iter())));
            }
            rows.push(row);
        }
    }
    table::print("", &["2 loops", "4 loops", "8 loops"], &rows);
    Ok(())
}

fn busiest(loops: &Loops, connections: usize) -> Result<f64, String> {
    let counts: Arc<[Arc<AtomicUsize>]> = (0..loops.count).map(|_| Arc::default()).collect();
    let of_loops = Arc::clone(&counts);
    let set_up = move |server: &mut Server, number: usize| {
        let count = Arc::clone(&of_loops[number]);
        server.route("/echo", move || Count(Arc::clone(&count)))
    };
    let text = |error: &dyn std::error::Error| format!("a cluster: {error}");
    let cluster = Cluster::spawn((Ipv4Addr::LOCALHOST, 0), Config::default(), loops.clone(), set_up);
    let cluster = cluster.map_err(|error| text(&error))?;
    let clients = open(cluster.local_addr(), 0..connections, Task::Echo, Dialect::WebSocket)?;
    let busiest = counts.iter().map(|count| count.load(Ordering::Relaxed)).max().unwrap_or(0);
    cluster.handle().shutdown(1001, PATIENCE).map_err(|error| text(&error))?;
    drop(clients);
    let tally = cluster.join().map_err(|error| text(&error))?;
    if tally.accepted != connections as u64 {
        return Err(format!("{connections} connections, and the loops have accepted {}", tally.accepted));
    }
    Ok(busiest as f64 * loops.count as f64 / connections as f64)
}
