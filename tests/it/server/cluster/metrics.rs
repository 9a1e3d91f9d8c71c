use super::{ANY_PORT, Member, in_turn};
use crate::support::{
    Metrics, Raw,
    loopback::{PATIENCE, RawClient},
};
use statesocket::{
    Config,
    server::{Cluster, RouteError, Server, Unsent},
};
use std::{sync::mpsc, thread};

fn cluster() -> Cluster {
    let (arrived, _) = mpsc::channel();
    let set_up = move |server: &mut Server, number| {
        let arrived = arrived.clone();
        server.route("/", move || Member { number, arrived: arrived.clone(), unsent: Unsent::Close })?;
        server.route_metrics("/metrics")?;
        Ok::<_, RouteError>(())
    };
    Cluster::spawn(ANY_PORT, Config::default(), in_turn(3), set_up).expect("a free port")
}

fn page(cluster: &Cluster) -> String {
    let mut client = RawClient::dial(cluster.local_addr());
    client.write(b"GET /metrics HTTP/1.0\r\n\r\n");
    client.rest_as_text()
}

#[test]
fn the_metrics_of_a_cluster_are_the_sum_over_its_loops() {
    let cluster = cluster();
    let mut clients: Vec<_> = (0..6).map(|_| RawClient::open(cluster.local_addr(), "/")).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(Raw::new(Raw::TEXT, vec![b'x'; n + 1]));
        assert_eq!(client.frame().payload.len(), n + 1);
    }
    let mut closed = clients.pop().expect("there are six");
    closed.send(Raw::close(1000, ""));
    assert_eq!(closed.frame(), Raw::close(1000, ""));
    let _ = closed.rest();
    // Its end is told before the loop is asked.
    for loops in 1..=3 {
        let answer = page(&cluster);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer is whole");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let metrics = Metrics::parse(body);
        let values = ["connections_accepted_total", "connections_opened_total", "connections_open"];
        assert_eq!(values.map(|key| metrics.get(key)), [6.0 + f64::from(loops), 6.0, 5.0]);
        let values = ["messages_received_total", "messages_sent_total", "closes_total{code=\"1000\"}"];
        assert_eq!(values.map(|key| metrics.get(key)), [6.0, 6.0, 1.0]);
    }
}

#[test]
fn without_one_of_the_loops_there_is_no_sum() {
    let cluster = cluster();
    let (sender, receiver) = mpsc::channel();
    let last = cluster.handle().loops().last().expect("there are three");
    last.run(|server| server.stop_accepting()).expect("the loop runs");
    while last.run(|_| {}).is_ok() {
        thread::yield_now();
    }
    assert!(cluster.handle().status(move |status| drop(sender.send(status))).is_err());
    assert!(receiver.recv_timeout(PATIENCE).is_err(), "nobody is told a part of it");
    let answer = page(&cluster);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("the status is not at hand\n"), "{answer}");
}
