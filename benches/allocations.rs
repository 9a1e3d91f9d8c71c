//! Messages allocate nothing if each is read in one piece and a buffer is lent for the output. The allocations of large
//! messages and of handshakes are counted.

use allocation_counter::measure;
use statesocket::Role::{Client, Server};
use statesocket_benches::{
    Unseen, Workload,
    exchange::{Job, Reads, Receive, Send},
    opening::{ClientOpening, ServerClosing, ServerOpening, WholeServer},
    wire::Kind,
};

/// The allocations of the second run.
fn allocations(mut workload: impl Workload) -> u64 {
    workload.reset();
    workload.run(&mut Unseen);
    workload.reset();
    measure(|| workload.run(&mut Unseen)).count_total
}

/// Both roles and kinds, in several sizes.
fn jobs() -> impl Iterator<Item = Job> {
    let roles_and_kinds = [(Server, Kind::Binary), (Server, Kind::Text), (Client, Kind::Binary), (Client, Kind::Text)];
    let sizes = [16, 1 << 10, 16 << 10, 64 << 10, 1 << 20];
    let of_kind = move |(role, kind)| sizes.map(|len| Job { role, ..Job::batch(kind, len) });
    roles_and_kinds.into_iter().flat_map(of_kind)
}

#[test]
fn receiving_allocates_nothing() {
    jobs().for_each(|job| assert_eq!(allocations(Receive::<false>::new(job)), 0, "{job:?}"));
}

#[test]
fn sending_allocates_nothing() {
    // A buffer of more than 256 KiB is not kept when it is reclaimed.
    for job in jobs().filter(|job| job.len < 1 << 20) {
        assert_eq!(allocations(Send::new(job)), 0, "{job:?}");
    }
}

#[test]
fn echoing_allocates_nothing() {
    for job in jobs().filter(|job| job.len < 1 << 20) {
        assert_eq!(allocations(Receive::<true>::new(job)), 0, "{job:?}");
        let job = Job { reads: Reads::Message, ..job };
        assert_eq!(allocations(Receive::<true>::new(job)), 0, "{job:?}");
    }
}

/// Messages in several pieces are assembled in recycled memory. The copy of a message of 1 MiB is too large to be kept.
#[test]
fn large_echoes_allocate_only_what_is_not_kept() {
    let whole = Job::batch(Kind::Binary, 1 << 20);
    let fragments = Job { fragments: 16, count: 1, ..Job::batch(Kind::Binary, 64 << 10) };
    let pieces = Job { reads: Reads::Bytes(16 << 10), ..Job::batch(Kind::Binary, 64 << 10) };
    assert_eq!([whole, fragments, pieces].map(|job| allocations(Receive::<true>::new(job))), [2, 0, 0]);
}

#[test]
fn handshakes_allocate_a_fixed_number_of_times() {
    assert_eq!([allocations(ServerOpening::new()), allocations(ClientOpening::new())], [16, 12]);
    assert_eq!([allocations(ServerClosing::new()), allocations(WholeServer::new())], [3, 16]);
}
