//! The transition table.

use statesocket::{Action, Party, Phase, State, Transition};
use std::collections::HashSet;

/// The rules of RFC 6455 in words, written without the table: the two states alone decide what a party may do.
fn is_legal(phase: Phase, party: Party, action: Action) -> bool {
    let (local, peer) = (phase.state_of(party), phase.state_of(party.peer()));
    let both_have_opened = local > State::Connecting && peer > State::Connecting;
    match action {
        Action::Open => party == Party::Client && phase == Phase::Idle,
        Action::Accept | Action::Reject => party == Party::Application && phase == Phase::Requested,
        Action::Message | Action::Ping | Action::Close => local == State::Connected && both_have_opened,
        Action::Pong => both_have_opened && phase != Phase::Closed,
        Action::Abort => phase != Phase::Closed,
    }
}

#[test]
fn every_entry_of_the_table_follows_from_the_two_states() {
    for phase in Phase::ALL {
        for party in Party::ALL {
            for action in Action::ALL {
                let next = phase.next(party, action);
                assert_eq!(next.is_ok(), is_legal(phase, party, action), "{phase:?} {party:?} {action:?}");
                if let Err(error) = next {
                    assert_eq!((error.phase, error.party, error.action), (phase, party, action));
                }
            }
        }
    }
    assert_eq!(Transition::all().count(), 1 + 2 + 8 + 6 + 4 + 10);
}

#[test]
fn a_refusal_names_the_party_the_action_and_the_states() {
    let verbs = ["send the opening request", "accept", "reject", "send a message", "ping", "pong", "close", "abort"];
    for (action, verb) in Action::ALL.into_iter().zip(verbs) {
        let refused = Phase::Closed.next(Party::Client, action).expect_err("no action is legal in phase Closed");
        let words =
            format!("client cannot {verb} while the client is disconnected and the application is disconnected");
        assert_eq!(refused.to_string(), words);
    }
}

#[test]
fn a_transition_is_one_line_in_a_log() {
    let lines: Vec<String> = Transition::all().map(|row| row.to_string()).collect();
    for line in [
        "client Open: client_state connecting -> connected application_state connecting",
        "application Accept: client_state connected application_state connecting -> connected",
        "application Message: client_state connected application_state connected",
        "client Abort: client_state connected -> disconnected application_state connecting -> disconnected",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line}");
    }
}

#[test]
fn a_close_ends_only_the_party_that_sends_it() {
    for row in Transition::all().filter(|row| row.action == Action::Close) {
        assert_eq!(row.to.state_of(row.party), State::Disconnected);
        assert_eq!(row.to.state_of(row.party.peer()), row.from.state_of(row.party.peer()));
    }
}

#[test]
fn parties_only_move_forward_and_closed_is_final() {
    for row in Transition::all() {
        for party in Party::ALL {
            assert!(row.from.state_of(party) <= row.to.state_of(party), "{row:?}");
        }
        assert_ne!(row.from, Phase::Closed, "{row:?}");
    }
}

#[test]
fn an_abort_ends_both_parties_in_every_phase() {
    let aborts: HashSet<_> = Transition::all().filter(|row| row.action == Action::Abort).collect();
    assert!(aborts.iter().all(|row| row.to == Phase::Closed));
    assert_eq!(aborts.len(), 2 * (Phase::ALL.len() - 1));
}

#[test]
fn every_phase_is_reachable_and_a_pair_of_its_own() {
    let mut reached = HashSet::from([Phase::Idle]);
    for _ in Phase::ALL {
        reached
            .extend(Transition::all().filter(|row| reached.contains(&row.from)).map(|row| row.to).collect::<Vec<_>>());
    }
    assert_eq!(reached.len(), Phase::ALL.len());
    let pairs: HashSet<_> = Phase::ALL.map(|phase| (phase.client_state(), phase.application_state())).into();
    assert_eq!(pairs.len(), Phase::ALL.len());
}
