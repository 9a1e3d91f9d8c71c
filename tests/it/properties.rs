//! The properties, on bytes that proptest draws. `PROPTEST_CASES` sets the number of cases, 256 by default.

use crate::{
    proof::{self, chunking, compression, handshakes, invariants, parties, script},
    support::{
        ROLES, Raw, accepted_head, client, request_head, response_head,
        strategies::{Defects, compressed_frames, defects, frames},
    },
};
#[cfg(all(feature = "server", feature = "testing"))]
use proof::server::Reached;
use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
#[cfg(all(feature = "server", feature = "testing"))]
use statesocket::CauseKind;
use statesocket::{Config, Phase, Role};
use std::collections::{HashMap, HashSet};
use tungstenite::handshake::derive_accept_key;

/// Calls of any method at any time; `proof::script` interprets the bytes.
fn script() -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 0..300), agreement()).prop_map(|(script, agreement)| [script, agreement].concat())
}

/// The end of a case, which may agree on compression.
fn agreement() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![2 => Just(vec![]), 1 => any::<[u8; 3]>().prop_map(compression::end)]
}

/// Acts of clients, and calls of handlers.
#[cfg(all(feature = "server", feature = "testing"))]
fn server_script() -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 0..900), agreement()).prop_map(|(script, agreement)| [script, agreement].concat())
}

/// Requests and responses, most of them right.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let names = ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Accept"];
    let values = ["", "websocket", "keep-alive, Upgrade", "13", "8", "example.com:80", "dGhlIHNhbXBsZSBub25jZQ"];
    let change = (any::<bool>(), select(names.to_vec()), select(values.to_vec()));
    let changes = prop_oneof![3 => Just(vec![]), 1 => vec(change, 1..3)];
    let accepted = client(Config::default(), &["chat", "superchat"]).output().to_vec();
    (0..8, changes).prop_map(move |(which, changes)| {
        let names: Vec<String> =
            changes.iter().map(|(adds, name, _)| if *adds { format!("+{name}") } else { (*name).to_owned() }).collect();
        let changes: Vec<(&str, &str)> =
            names.iter().zip(&changes).map(|(name, (.., value))| (name.as_str(), *value)).collect();
        match which {
            0 | 1 => request_head("/chat?a=b", &changes),
            2 => request_head("/", &[&[("Sec-WebSocket-Protocol", "chat, superchat")], &changes[..]].concat()),
            3 => accepted_head(&accepted, &[("Sec-WebSocket-Protocol", "chat")]),
            4 => accepted_head(&accepted, &changes),
            5 => [response_head("HTTP/1.1 103 Early Hints", &[]), accepted_head(&accepted, &changes)].concat(),
            6 => [response_head("HTTP/1.1 404 Not Found", &[("Content-Length", "6")]), b"absent".to_vec()].concat(),
            _ => {
                let head = response_head("HTTP/1.1 503 Busy", &[("Transfer-Encoding", "chunked")]);
                [head, b"3\r\none\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n".to_vec()].concat()
            }
        }
    })
}

/// Frames, and the end of a case that may agree on their compression.
fn stream() -> impl Strategy<Value = (Vec<Vec<Raw>>, Vec<u8>)> {
    prop_oneof![
        2 => vec(frames(), 0..8).prop_map(|stream| (stream, vec![])),
        1 => (compressed_frames(), agreement()),
        1 => (compressed_frames(), any::<[u8; 3]>().prop_map(compression::end)),
    ]
}

/// The input for an endpoint of role `role`.
fn wire(role: Role, mut bytes: Vec<u8>, stream: &[Vec<Raw>], defects: &Defects) -> Vec<u8> {
    bytes.extend(stream.concat().into_iter().flat_map(|frame| frame.for_endpoint(role)));
    defects.apply(&mut bytes);
    bytes
}

fn holds(name: &str, data: &[u8]) {
    let property = proof::ALL.iter().find(|property| property.name == name).expect("a property of that name");
    (property.check)(data);
}

/// Tests that draw a script, and check the invariant of this number on its trace.
macro_rules! of_a_trace {
    ($(#[test] fn $name:ident($number:literal);)*) => { proptest! { $(
        #[test]
        fn $name(script in script()) {
            let invariant = invariants::OF_A_TRACE.iter().find(|invariant| invariant.number == $number);
            (invariant.expect("an invariant of that number").check)(&script::run(&script));
        }
    )* } };
}

of_a_trace! {
    #[test]
    fn i_1_the_joint_state_is_one_of_six(1);

    #[test]
    fn i_2_a_party_only_moves_forward(2);

    #[test]
    fn i_3_closed_is_final(3);

    #[test]
    fn i_6_messages_may_be_sent_only_between_opening_and_our_close(6);

    #[test]
    fn i_7_there_is_exactly_one_disconnect(7);

    #[test]
    fn i_8_events_come_in_order_and_none_is_lost(8);

    #[test]
    fn i_9_the_code_is_that_of_the_close_received(9);

    #[test]
    fn i_11_after_our_close_only_pongs_are_sent(11);

    #[test]
    fn i_12_at_most_one_close_is_sent(12);

    #[test]
    fn i_13_messages_leave_as_they_were_sent(13);

    #[test]
    fn i_14_after_a_violation_nothing_is_read(14);

    #[test]
    fn i_15_one_http_head_comes_before_any_frame(15);

    #[test]
    fn i_16_the_socket_is_shut_down_once_and_nothing_written_after(16);

    #[test]
    fn i_17_pings_are_answered_in_order(17);

    #[test]
    fn i_18_everything_that_is_sent_can_be_read(18);

    #[test]
    fn i_21_the_limits_bound_what_is_held(21);

    #[test]
    fn i_22_the_clock_alone_brings_the_end(22);

    #[test]
    fn i_25_after_the_end_nothing_changes_anything(25);

    #[test]
    fn i_27_a_deadline_that_waits_for_the_peer_lets_it_be_heard(27);

    #[test]
    fn i_28_nothing_is_handed_out_while_it_is_held(28);

    #[test]
    fn i_29_replies_pass_the_mark_by_one_frame(29);

    #[test]
    fn i_30_the_end_of_the_transport_ends_the_peer(30);

    #[test]
    fn i_31_a_close_is_sent_as_asked_and_answered_as_received(31);

    #[test]
    fn i_32_a_reported_end_stays_as_reported(32);
}

proptest! {
    #[test]
    fn i_4_the_roles_mirror_each_other(moves in script()) {
        invariants::i_4_the_roles_mirror_each_other(&moves);
    }

    #[test]
    fn i_10_f24_the_result_does_not_depend_on_how_the_bytes_are_cut(
        choices in any::<u8>(), start in select(&chunking::Start::ALL[..]), head in heads(),
        (stream, agreement) in stream(), defects in defects(), cuts in vec(any::<u8>(), 0..12),
    ) {
        let head = if start.takes_head() { head } else { Vec::new() };
        let wire = wire(start.role(), head, &stream, &defects);
        holds("chunking", &[chunking::encode(choices, start, &cuts, &wire), agreement].concat());
    }

    #[test]
    fn i_26_lent_memory_changes_nothing(script in script()) {
        invariants::i_26_lent_memory_changes_nothing(&script, &script::run(&script));
    }

    #[test]
    fn i_19_a_refused_call_changes_nothing(script in script()) {
        invariants::i_19_a_refused_call_changes_nothing(&script, &script::run(&script));
    }

    #[test]
    fn i_20_no_call_panics_and_the_parties_match_the_model(script in script()) {
        parties::follow(&script::run(&script));
    }

    #[test]
    fn frames_are_read_and_answered_as_the_reference_says(
        choices in any::<u8>(), role in select(vec![Role::Server, Role::Client]),
        (stream, agreement) in stream(), defects in defects(),
    ) {
        let wire = wire(role, Vec::new(), &stream, &defects);
        let name = if role == Role::Server { "frames_server" } else { "frames_client" };
        holds(name, &[vec![choices], wire, agreement].concat());
    }

    #[test]
    fn a_request_is_accepted_exactly_if_it_is_valid(
        choices in any::<u8>(), head in heads(), early in vec(frames(), 0..3), defects in defects(),
    ) {
        let wire = wire(Role::Server, head, &early, &defects);
        holds("handshake_request", &[vec![choices], wire].concat());
    }

    #[test]
    fn a_response_is_accepted_exactly_if_it_is_valid(
        choices in any::<u8>(), head in heads(), stream in vec(frames(), 0..3), defects in defects(),
    ) {
        let wire = wire(Role::Client, head, &stream, &defects);
        holds("handshake_response", &[vec![choices], wire].concat());
    }

    #[cfg(all(feature = "server", feature = "testing"))]
    #[test]
    fn i_33_a_server_ends_every_session_and_loses_no_message(script in server_script()) {
        holds("server", &script);
    }

    #[test]
    fn one_end_receives_what_the_other_sends(sends in script()) {
        holds("round_trip", &sends);
    }
}

#[cfg(all(feature = "testing", any(feature = "tls-ring", feature = "tls-aws-lc")))]
proptest! {
    // Each case has the cryptography of a handshake.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn no_fault_of_tls_changes_a_message_or_makes_an_end_clean(script in vec(any::<u8>(), 0..300)) {
        holds("tls", &script);
    }
}

/// The properties of handshakes demand acceptance only for plainly valid heads.
#[test]
fn drawn_heads_are_often_plainly_valid() {
    let mut runner = TestRunner::deterministic();
    let config = Config::default();
    let accept = derive_accept_key(sent_key().as_bytes());
    let (mut requests, mut answers) = (0, 0);
    for _ in 0..1_000 {
        let (head, defects) = (heads(), defects()).new_tree(&mut runner).expect("a head can be drawn").current();
        let wire = wire(Role::Server, head, &[], &defects);
        requests += usize::from(handshakes::is_plainly_right_request(&wire, &config));
        answers += usize::from(handshakes::is_plainly_right_answer(&wire, &accept, &config));
    }
    assert!(requests >= 50 && answers >= 50, "{requests} requests, and {answers} answers");
}

/// The key of the client that the responses answer.
fn sent_key() -> String {
    let request = String::from_utf8(client(Config::default(), &[]).output().to_vec()).expect("a head is text");
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    key.expect("a request has a key").to_owned()
}

/// The scripts must reach the situations that the invariants are about.
#[test]
fn drawn_scripts_reach_every_phase_with_a_third_of_calls_refused() {
    let mut runner = TestRunner::deterministic();
    let (mut made, mut refused) = (0, 0);
    let (mut seen, mut causes) = (HashMap::new(), HashSet::new());
    for _ in 0..4_000 {
        let data = script().new_tree(&mut runner).expect("bytes can be drawn").current();
        let trace = script::run(&data);
        for (before, step, _) in trace.iter().take(trace.drawn) {
            *seen.entry((trace.role == Role::Server, before.phase)).or_insert(0) += 1;
            if step.is_of_application() {
                made += 1;
                refused += usize::from(step.refusal.is_some());
            }
        }
        causes.extend(trace.disconnects().iter().map(|end| std::mem::discriminant(&end.cause)));
    }
    let share = f64::from(refused as u32) / f64::from(made);
    assert!((0.25..0.5).contains(&share), "{refused} of {made} calls were refused");
    let phases = [Phase::Requested, Phase::Open, Phase::ClientClosed, Phase::ApplicationClosed, Phase::Closed];
    for role in ROLES {
        for phase in phases {
            let count = seen.get(&(role == Role::Server, phase)).copied().unwrap_or_default();
            assert!(count >= 300, "only {count} calls of a {role:?} in {phase:?}");
        }
    }
    assert_eq!(causes.len(), 9, "every kind of cause occurs");
}

/// So must the scripts of a server.
#[cfg(all(feature = "server", feature = "testing"))]
#[test]
fn drawn_scripts_of_a_server_reach_every_kind_of_end() {
    let mut runner = TestRunner::deterministic();
    let (mut ended, mut counts) = (HashSet::new(), [0; 7]);
    for _ in 0..200 {
        let data = server_script().new_tree(&mut runner).expect("bytes can be drawn").current();
        let reached = proof::server::run(&data);
        ended.extend(CauseKind::ALL.into_iter().filter(|kind| reached.tally.ended(*kind) > 0));
        let Reached { tally, got, heard, dropped, members, panicked } = reached;
        let reached = [tally.clean, tally.evicted, got, heard, dropped, members as u64, panicked as u64];
        counts.iter_mut().zip(reached).for_each(|(count, reached)| *count += reached);
    }
    assert_eq!(ended.len(), CauseKind::ALL.len(), "every kind of cause occurs: {ended:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// And those of a client over TLS.
#[cfg(all(feature = "testing", any(feature = "tls-ring", feature = "tls-aws-lc")))]
#[test]
fn drawn_scripts_over_tls_carry_messages_to_every_kind_of_end() {
    let mut runner = TestRunner::deterministic();
    let (mut intact, mut clean, mut lost, mut late) = (0, 0, 0, 0);
    for _ in 0..200 {
        let data = vec(any::<u8>(), 0..300).new_tree(&mut runner).expect("bytes can be drawn").current();
        let proof::tls::Reached { tally, messages, is_intact } = proof::tls::run(&data);
        intact += usize::from(is_intact && messages > 3);
        clean += usize::from(tally.clean > 0 && messages > 0);
        lost += usize::from(tally.ended(CauseKind::TransportLost) > 0 && messages > 0 && !is_intact);
        late += tally.ended(CauseKind::TimedOut);
    }
    let counts = [intact, clean, lost, late as usize];
    assert!(counts.iter().all(|count| *count >= 5), "{counts:?}");
}
