//! The outcome of two ends that network and clock leave alone.

use super::{ENDS, Move, Pair, World};
use crate::exploration::{
    endpoint::{Input, was_refused},
    explorer::{Model, Violation, digest, require},
    machine::Node,
    property as p,
    subject::Call,
};
use statesocket::{Action, Party, Phase, Role};

impl Pair {
    pub(super) fn is_undisturbed(&self, world: &World) -> bool {
        let is_whole = |node: &Node| !node.view.has_done(Action::Abort) && !node.ledger.has_dropped;
        world.cuts == 0 && ENDS.iter().all(|role| is_whole(self.node(world, *role)))
    }

    /// Goes on as two well-behaved ends over a good network do, and closes once nothing is left to do.
    pub(super) fn settle(&mut self, mut world: World) -> Result<(), Violation> {
        let is_simultaneous = ENDS.into_iter().all(|role| self.has_only_closed_itself(&world, role));
        self.simultaneous += usize::from(is_simultaneous);
        let (mut passed, mut happened) = (Vec::new(), Vec::new());
        loop {
            let key = digest(&world);
            if self.settled.contains(&key) {
                break;
            }
            passed.push(key);
            match self.cooperate(&mut world, &mut happened) {
                Ok(true) => {}
                Ok(false) => break,
                Err(violation) => return Err(violation.after(happened)),
            }
        }
        self.settled.extend(passed);
        Ok(())
    }

    /// Lets each end do what it must, and makes the client close if there is nothing. Returns `false` once both ends
    /// are clean.
    fn cooperate(&mut self, world: &mut World, happened: &mut Vec<String>) -> Result<bool, Violation> {
        let mut is_idle = true;
        for role in ENDS {
            if let Some(duty) = self.duty(world, role) {
                is_idle = false;
                happened.push(format!("{duty:?}"));
                *world = self.step(world, &duty)?;
            }
        }
        if is_idle && self.node(world, Role::Client).calls.contains(&Call::Close) {
            is_idle = false;
            happened.push(format!("{:?}", Move::Call(Role::Client, Call::Close)));
            self.happen(world, Role::Client, Input::Call(Call::Close))?;
        }
        if is_idle { self.check_clean_end(world).map(|()| false) } else { Ok(true) }
    }

    /// The next step of an application that accepts and answers a Close, or of a network that works.
    fn duty(&self, world: &World, role: Role) -> Option<Move> {
        let node = self.node(world, role);
        let is_half_closed = matches!(node.view.phase, Phase::ClientClosed | Phase::ApplicationClosed);
        let is_unfinished = node.ledger.unfinished.is_some();
        let duties = [
            (Move::Call(role, Call::Resume), node.calls.contains(&Call::Resume)),
            (Move::Poll(role), !node.ledger.is_polled),
            (Move::Call(role, Call::Accept), node.calls.contains(&Call::Accept)),
            (Move::Call(role, Call::LastFragment), is_unfinished && node.calls.contains(&Call::LastFragment)),
            (Move::Call(role, Call::Close), node.calls.contains(&Call::Close) && is_half_closed),
            (Move::Write(role), node.view.queued > 0),
            (Move::Deliver(role), Self::is_deliverable(world, role)),
        ];
        duties.into_iter().find_map(|(duty, is_due)| is_due.then_some(duty))
    }

    /// Whether the end has sent a Close without receiving one.
    fn has_only_closed_itself(&self, world: &World, role: Role) -> bool {
        let party = if role == Role::Client { Party::Client } else { Party::Application };
        let history = &self.node(world, role).view.history;
        history.last().is_some_and(|row| row.action == Action::Close && row.party == party && row.from == Phase::Open)
    }

    fn check_clean_end(&self, world: &World) -> Result<(), Violation> {
        let [client, server] = ENDS.map(|role| self.node(world, role));
        let views = || format!("left alone the ends are {:?} and {:?}", client.view, server.view);
        let are_finished = client.view.is_finished && server.view.is_finished;
        let are_clean =
            [client, server].iter().all(|node| node.view.disconnect.as_ref().is_some_and(|end| end.is_clean));
        let is_refused = was_refused(&client.view) && was_refused(&server.view);
        require(are_finished && (are_clean || is_refused), p::CLEAN_END, views)?;
        for (end, peer) in [(client, server), (server, client)] {
            let same = end.ledger.received == peer.ledger.sent;
            require(same, p::ALL_RECEIVED, || format!("{:?} of {:?}", end.ledger.received, peer.ledger.sent))?;
        }
        Ok(())
    }
}
