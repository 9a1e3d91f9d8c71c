//! Everything within the bounds, and the properties that it keeps.

use super::{
    adversary::{self, Adversary},
    endpoint,
    explorer::{Explored, explore},
    machine::Machine,
    pair::{self, Pair},
    replying,
};
#[cfg(feature = "deflate")]
use crate::proof::compression::Compression;
use crate::support::{ROLES, after_peer_close, config};
#[cfg(feature = "deflate")]
use statesocket::Deflate;
use statesocket::{Action, CloseReply, Config, Delivery, Phase, Role, Transition};
use std::collections::HashSet;

/// How much deeper than by default the exploration goes: 0 for 256 cases, 1 for eight times as many, and so on.
fn deeper() -> u8 {
    let cases = proptest::test_runner::Config::default().cases;
    u8::try_from((cases / 256).max(1).ilog(8)).expect("a logarithm is small")
}

fn report(name: &str, explored: Explored, steps: usize) {
    println!("{name:22} {explored}; {steps} steps of real connections");
}

fn explore_pair(name: &str, reply: CloseReply, bounds: pair::Bounds, at_least: usize) -> Pair {
    let mut pair = Pair::new(replying(reply), bounds.deeper(deeper()), None);
    let explored = explore(&mut pair).unwrap_or_else(|found| panic!("{name}: {found}"));
    report(name, explored, pair.machines.iter().map(Machine::taken).sum());
    assert!(explored.states >= at_least, "{name}: only {explored}");
    assert!(pair.simultaneous > 100, "{name}: both ends close at once in only {} states", pair.simultaneous);
    pair
}

fn explore_adversary(role: Role, config: Config, is_established: bool, bounds: adversary::Bounds, at_least: usize) {
    let name = format!("{role:?} and a bad peer");
    explore_duel(&name, |bounds| Adversary::new(role, config, is_established, bounds, None), bounds, at_least);
}

fn explore_replies(roles: &[Role], is_established: bool, bounds: adversary::Bounds, at_least: usize) {
    for reply in [CloseReply::Automatic, CloseReply::Manual] {
        for role in roles {
            explore_adversary(*role, replying(reply), is_established, bounds, at_least);
        }
    }
}

fn explore_duel(
    name: &str,
    duel: impl FnOnce(adversary::Bounds) -> Adversary,
    mut bounds: adversary::Bounds,
    at_least: usize,
) {
    bounds.weapons += deeper();
    let mut duel = duel(bounds);
    let explored = explore(&mut duel).unwrap_or_else(|found| panic!("{name}: {found}"));
    report(name, explored, duel.machine.taken());
    assert!(explored.states >= at_least, "{name}: only {explored}");
}

/// The kinds of bounds: each goes further than the others in one respect.
const SPLITS: pair::Bounds =
    pair::Bounds { messages: 1, pings: 0, fragments: 0, jumps: 0, splits: 1, cuts: 0, aborts: false, pauses: false };
const MESSAGES: pair::Bounds =
    pair::Bounds { messages: 2, pings: 0, fragments: 0, jumps: 0, splits: 0, cuts: 0, aborts: false, pauses: false };
const PINGS: pair::Bounds =
    pair::Bounds { messages: 0, pings: 1, fragments: 0, jumps: 0, splits: 0, cuts: 0, aborts: false, pauses: false };
const TROUBLE: pair::Bounds =
    pair::Bounds { messages: 0, pings: 0, fragments: 0, jumps: 1, splits: 0, cuts: 1, aborts: true, pauses: false };

#[test]
fn i_5_i_24_two_ends_with_automatic_replies_keep_every_property() {
    explore_pair("splits", CloseReply::Automatic, SPLITS, 7_000);
    explore_pair("pings", CloseReply::Automatic, PINGS, 6_000);
    explore_pair("messages", CloseReply::Automatic, MESSAGES, 9_000);
    explore_pair("cuts and time", CloseReply::Automatic, TROUBLE, 130_000);
}

#[test]
fn two_ends_with_manual_replies_keep_every_property_and_take_every_row() {
    let explored = [
        explore_pair("splits", CloseReply::Manual, SPLITS, 8_000),
        explore_pair("pings", CloseReply::Manual, PINGS, 8_000),
        explore_pair("messages", CloseReply::Manual, MESSAGES, 11_000),
        explore_pair("cuts and time", CloseReply::Manual, TROUBLE, 160_000),
    ];
    for role in ROLES {
        let taken: HashSet<_> = explored.iter().flat_map(|pair| pair.rows(role)).copied().collect();
        let rows = Transition::all().map(|row| (row.from, row.party, row.action));
        assert_eq!(taken, rows.filter(|row| can_be_seen(role, *row)).collect(), "the rows that a {role:?} takes");
        let phases: HashSet<_> = explored.iter().flat_map(|pair| pair.phases(role)).collect();
        let expected = Phase::ALL.into_iter().filter(|phase| role == Role::Server || *phase != Phase::Idle);
        assert_eq!(phases, expected.collect(), "the phases of a {role:?}, of which a client leaves Idle as it is made");
    }
}

const FRAGMENTS: pair::Bounds =
    pair::Bounds { messages: 0, pings: 0, fragments: 1, jumps: 0, splits: 0, cuts: 0, aborts: false, pauses: false };

#[test]
fn two_ends_that_send_in_fragments_keep_every_property() {
    for reply in [CloseReply::Automatic, CloseReply::Manual] {
        explore_pair("fragments", reply, FRAGMENTS, 16_000);
    }
}

/// Whether an endpoint of `role` can ever take this row of the table.
fn can_be_seen(role: Role, (phase, _, action): endpoint::Row) -> bool {
    // A client starts with its request.
    let is_before = role == Role::Client && phase == Phase::Idle && action != Action::Open;
    // Input behind a Close is not read, so that no Ping is answered and no Pong is noted.
    let is_unread = phase == after_peer_close(role) && action == Action::Pong;
    !is_before && !is_unread
}

const PAUSES: pair::Bounds =
    pair::Bounds { messages: 1, pings: 0, fragments: 0, jumps: 0, splits: 0, cuts: 0, aborts: false, pauses: true };

#[test]
fn i_28_two_ends_that_pause_and_shut_down_keep_every_property() {
    for reply in [CloseReply::Automatic, CloseReply::Manual] {
        explore_pair("pauses", reply, PAUSES, 65_000);
    }
}

#[test]
fn i_28_an_endpoint_that_pauses_keeps_every_property_whatever_its_peer_does() {
    for (role, delivery) in [(Role::Server, Delivery::Messages), (Role::Client, Delivery::Chunks)] {
        let config = config(|config| config.delivery = delivery);
        let pausing = adversary::Bounds { weapons: 2, splits: 0, messages: 0, jumps: 0, pauses: true };
        explore_adversary(role, config, true, pausing, 38_000);
    }
}

#[test]
fn an_open_endpoint_keeps_every_property_whatever_its_peer_does() {
    let open = adversary::Bounds { weapons: 2, splits: 0, messages: 0, jumps: 1, pauses: false };
    explore_replies(&ROLES, true, open, 11_000);
}

const TALKING: adversary::Bounds = adversary::Bounds { weapons: 1, splits: 0, messages: 1, jumps: 0, pauses: false };

// The two roles are two tests, which run at the same time.
#[test]
fn a_server_that_talks_keeps_every_property_whatever_its_peer_does() {
    explore_replies(&[Role::Server], true, TALKING, 30_000);
}

#[test]
fn a_client_that_talks_keeps_every_property_whatever_its_peer_does() {
    explore_replies(&[Role::Client], true, TALKING, 30_000);
}

#[test]
fn an_opening_endpoint_keeps_every_property_whatever_its_peer_does() {
    let opening = adversary::Bounds { weapons: 2, splits: 1, messages: 0, jumps: 0, pauses: false };
    explore_replies(&ROLES, false, opening, 3_300);
}

/// Of what the peer has compressed, no more than of its plain messages is handed out.
#[cfg(feature = "deflate")]
#[test]
fn an_endpoint_keeps_every_property_whatever_its_peer_compresses() {
    let compression = Compression::drawn([0, 0, 0]);
    for (role, delivery) in [(Role::Server, Delivery::Messages), (Role::Client, Delivery::Chunks)] {
        // What it sends stays plain: the state of a compressor has a number of its own each time.
        let config = config(|config| {
            config.delivery = delivery;
            config.deflate = Some(Deflate::default().with(|deflate| deflate.threshold = Some(usize::MAX)));
        });
        let bounds = adversary::Bounds { weapons: 2, splits: 0, messages: 0, jumps: 0, pauses: false };
        let name = format!("{role:?} that inflates");
        let duel = |bounds| Adversary::new(role, config, true, bounds, Some(compression));
        explore_duel(&name, duel, bounds, 5_000);
    }
}
