//! All states of one endpoint. A real connection takes each step once.
//!
//! The next state of an endpoint depends only on its state and the input, so it is remembered. A connection cannot be
//! cloned: to step one from a state, the inputs that first led to that state are applied again.

use super::{
    endpoint::{Endpoint, Input, Outcome, Row, Setup},
    explorer::Violation,
    ledger::{Ledger, View},
    subject::Call,
};
use statesocket::Phase;
use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
    time::Duration,
};

#[derive(Debug)]
pub(super) struct Machine {
    setup: Setup,
    nodes: Vec<Node>,
    by_digest: HashMap<u64, usize>,
    steps: HashMap<(usize, Duration, Input), (usize, Rc<Outcome>)>,
    /// The rows of the table that were taken.
    pub(super) rows: HashSet<Row>,
}

/// A state of the endpoint.
#[derive(Debug)]
pub(super) struct Node {
    from: Option<(usize, Duration, Input)>,
    pub(super) view: View,
    pub(super) ledger: Ledger,
    pub(super) deadline: Option<Duration>,
    /// The calls to try. All others were tried, and refused.
    pub(super) calls: Vec<Call>,
}

impl Machine {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup, nodes: Vec::new(), by_digest: HashMap::new(), steps: HashMap::new(), rows: HashSet::new() }
    }

    /// The state in which the endpoint starts.
    pub(super) fn start(&mut self) -> Result<usize, Violation> {
        self.admit(Endpoint::new(&self.setup), None, Duration::ZERO)
    }

    pub(super) fn node(&self, at: usize) -> &Node {
        &self.nodes[at]
    }

    /// The phases of the states.
    pub(super) fn phases(&self) -> HashSet<Phase> {
        self.nodes.iter().map(|node| node.view.phase).collect()
    }

    /// The number of steps that real connections took, without repeated ones.
    pub(super) fn taken(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn step(&mut self, at: usize, now: Duration, input: &Input) -> Result<(usize, Rc<Outcome>), Violation> {
        let key = (at, now, input.clone());
        if let Some((to, outcome)) = self.steps.get(&key) {
            return Ok((*to, Rc::clone(outcome)));
        }
        let mut endpoint = self.replay(at);
        let outcome = Rc::new(endpoint.step(&key.2, now)?);
        let to = self.admit(endpoint, Some(key.clone()), now)?;
        self.steps.insert(key, (to, Rc::clone(&outcome)));
        Ok((to, outcome))
    }

    fn replay(&self, at: usize) -> Endpoint {
        let from = std::iter::successors(self.nodes[at].from.as_ref(), |(at, ..)| self.nodes[*at].from.as_ref());
        let inputs: Vec<_> = from.map(|(_, now, input)| (*now, input)).collect();
        let mut endpoint = Endpoint::new(&self.setup);
        for (now, input) in inputs.into_iter().rev() {
            endpoint.replay(input, now);
        }
        endpoint.ledger = self.nodes[at].ledger.clone();
        endpoint
    }

    /// The number of the state of `endpoint`. A new state is tried with every call that must be refused, and with a
    /// peer that stays silent forever.
    fn admit(
        &mut self,
        mut endpoint: Endpoint,
        from: Option<(usize, Duration, Input)>,
        now: Duration,
    ) -> Result<usize, Violation> {
        self.rows.extend(endpoint.rows.drain(..));
        let digest = endpoint.digest();
        if let Some(known) = self.by_digest.get(&digest) {
            return Ok(*known);
        }
        let view = endpoint.view();
        view.check()?;
        // Without output the network counts as writable. With output it counts as blocked, which is the worst case.
        let is_writable = view.queued == 0;
        self.nodes.push(Node {
            from,
            view,
            ledger: endpoint.ledger.clone(),
            deadline: endpoint.deadline,
            calls: Call::ALL.into_iter().filter(|call| endpoint.allows(*call)).collect(),
        });
        self.by_digest.insert(digest, self.nodes.len() - 1);
        endpoint.probe()?;
        endpoint.run_out(now, is_writable)?;
        Ok(self.nodes.len() - 1)
    }
}
