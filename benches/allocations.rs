//! What an echo allocates, counted. The aim is nothing at all, wherever a message lies whole in what was read.

use allocation_counter::measure;
use statesocket::Role::{Client, Server};
use statesocket_benches::{
    Unseen, Workload,
    exchange::{Job, Reads, Receive, Send},
    wire::Kind,
};

/// How often a run asks for memory, once it has run before.
fn allocations(mut workload: impl Workload) -> u64 {
    workload.run(&mut Unseen);
    workload.reset();
    measure(|| workload.run(&mut Unseen)).count_total
}

#[test]
fn receiving_allocates_nothing() {
    for role in [Server, Client] {
        for kind in [Kind::Binary, Kind::Text] {
            for len in [16, 1 << 10, 64 << 10] {
                let job = Job { role, ..Job::batch(kind, len) };
                assert_eq!(allocations(Receive::<false>::new(job)), 0, "{job:?}");
            }
        }
    }
}

/// Of as many echoes as a buffer of 128 KiB holds, written together.
#[test]
fn a_batch_of_echoes() {
    for role in [Server, Client] {
        let of = |len| allocations(Receive::<true>::new(Job { role, ..Job::batch(Kind::Binary, len) }));
        assert_eq!([16, 1 << 10, 16 << 10, 64 << 10].map(of), [11, 8, 4, 1], "{role:?}");
    }
}

/// Of a hundred echoes, each written by itself.
#[test]
fn an_echo_a_read() {
    let of = |len| {
        allocations(Receive::<true>::new(Job { reads: Reads::Message, count: 100, ..Job::batch(Kind::Text, len) }))
    };
    assert_eq!([16, 1 << 10, 16 << 10].map(of), [100, 100, 100]);
}

#[test]
fn sending_one_message() {
    let of = |len| allocations(Send::new(Job { count: 1, ..Job::batch(Kind::Binary, len) }));
    assert_eq!([16, 1 << 10, 64 << 10].map(of), [1, 1, 1]);
}
