//! Seeded faults, which the exploration must find.

use super::{
    explorer::{Counterexample, explore},
    pair::{Bounds, Defect, Pair},
    property as p,
    subject::Fault,
};
use crate::support::ROLES;
use statesocket::{CloseReply, Role};

const BOUNDS: Bounds =
    Bounds { messages: 1, pings: 1, fragments: 0, jumps: 0, splits: 0, cuts: 0, aborts: false, pauses: false };

/// The first violation found, which has the fewest actions.
#[track_caller]
fn find(defect: Defect) -> Counterexample {
    find_within(BOUNDS, defect)
}

#[track_caller]
fn find_within(bounds: Bounds, defect: Defect) -> Counterexample {
    let mut pair = Pair::new(super::replying(CloseReply::Automatic), bounds, Some(defect));
    let Err(found) = explore(&mut pair) else { panic!("{defect:?} is not found") };
    println!("{defect:?}: {found}");
    found
}

#[test]
fn a_fault_of_an_end_is_found_by_the_property_that_it_breaks() {
    let faults = [
        (Fault::KnowsAnApplicationWithoutClient, p::JOINT_STATE),
        (Fault::ForgetsThatItClosed, p::CLIMBS),
        (Fault::LosesDisconnect, p::ONE_DISCONNECT),
        (Fault::RepeatsDisconnect, p::ONE_DISCONNECT),
        (Fault::TellsOfAMessageAfterTheEnd, p::ORDER),
        (Fault::TellsAnotherCode, p::CODE),
        (Fault::SendsDataAfterClose, p::AFTER_CLOSE),
        (Fault::SendsCloseTwice, p::ONE_CLOSE),
        (Fault::AnswersCloseWithAnotherCode, p::ECHO),
        (Fault::AnswersPingAfterClose, p::PONGS),
        (Fault::SwallowsPong, p::PONGS),
        (Fault::WritesAfterTheEnd, p::ABSORBING),
        (Fault::QueuesWhatItRefuses, p::REFUSAL),
        (Fault::LosesClosingTimer, p::NO_STUCK_STATE),
        (Fault::NeverAnswersClose, p::CLEAN_END),
    ];
    for (fault, property) in faults {
        for role in ROLES {
            let found = find(Defect::End(role, fault));
            assert_eq!(found.violation.property, property, "{role:?} {fault:?}: {found}");
        }
    }
}

#[test]
fn an_end_that_mishandles_a_pause_is_found() {
    let pauses = Bounds { messages: 1, pings: 0, pauses: true, ..BOUNDS };
    for role in ROLES {
        let found = find_within(pauses, Defect::End(role, Fault::HandsOutWhilePaused));
        assert_eq!(found.violation.property, p::HELD, "{role:?}: {found}");
        let found = find_within(pauses, Defect::End(role, Fault::ForgetsTheRest));
        // A connection that waits for a forgotten rest does not end.
        let properties = [p::ALL_RECEIVED, p::CLEAN_END, p::NO_STUCK_STATE];
        assert!(properties.contains(&found.violation.property), "{role:?}: {found}");
    }
}

#[test]
fn an_end_that_mishandles_fragments_is_found() {
    let fragments = Bounds { messages: 0, pings: 0, fragments: 1, ..BOUNDS };
    for role in ROLES {
        let found = find_within(fragments, Defect::End(role, Fault::InterleavesMessages));
        assert_eq!(found.violation.property, p::FRAGMENTS, "{role:?}: {found}");
        let found = find_within(fragments, Defect::End(role, Fault::NeverEndsMessages));
        assert!([p::ALL_RECEIVED, p::CLEAN_END].contains(&found.violation.property), "{role:?}: {found}");
    }
}

/// A client waits for its server to shut down first.
#[test]
fn a_server_that_does_more_after_its_shutdown_is_found() {
    for fault in [Fault::ShutsDownTwice, Fault::WritesAfterShutdown] {
        assert_eq!(find(Defect::End(Role::Server, fault)).violation.property, p::SHUTDOWN);
    }
}

#[test]
fn a_client_that_does_not_wait_for_its_server_is_found() {
    assert_eq!(find(Defect::End(Role::Client, Fault::TalksBeforeTheAnswer)).violation.property, p::ONE_HEAD);
    assert_eq!(find(Defect::End(Role::Client, Fault::RunsAhead)).violation.property, p::KNOWLEDGE_LAG);
}

#[test]
fn a_fault_of_the_network_is_found() {
    assert_eq!(find(Defect::RepeatsMessages).violation.property, p::ALL_RECEIVED);
    assert_eq!(find(Defect::LosesCloses).violation.property, p::CLEAN_END);
}

#[test]
fn the_path_to_a_fault_is_the_shortest() {
    let found = find(Defect::ChangesCodes);
    assert_eq!(found.violation.property, p::EACH_OTHERS_CODE);
    let path = ["Write(Client)", "Deliver(Server)", "Call(Server, Accept)", "Call(Server, Close)", "Write(Server)"];
    assert_eq!(found.path, [&path[..], &["Deliver(Client)"]].concat());
    let report = found.to_string();
    assert!(report.contains("  4. Call(Server, Close)\n  5. Write(Server)\n"), "{report}");
}
