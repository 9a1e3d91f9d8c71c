//! A breadth-first search through everything that a model can do.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// A model with states, and actions that lead from one state to the next.
pub(super) trait Model {
    type State: Hash;
    type Action: fmt::Debug;

    fn start(&mut self) -> Result<Self::State, Violation>;

    /// The possible actions.
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;

    /// The state after `action`, or the violation in that step.
    fn step(&mut self, state: &Self::State, action: &Self::Action) -> Result<Self::State, Violation>;

    /// Checks `state`; called once for each.
    fn check(&mut self, state: &Self::State) -> Result<(), Violation>;
}

/// A property that does not hold.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) property: &'static str,
    pub(super) detail: String,
    /// The steps after the last action that left no choice.
    pub(super) then: Vec<String>,
}

impl Violation {
    /// The same violation, after the steps in `happened`.
    pub(super) fn after(mut self, mut happened: Vec<String>) -> Self {
        happened.append(&mut self.then);
        Self { then: happened, ..self }
    }
}

/// `Ok` if `holds`, otherwise the violation of `property`.
pub(super) fn require(holds: bool, property: &'static str, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { property, detail: detail(), then: Vec::new() }) }
}

/// What an exploration visited.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) edges: usize,
    /// The number of actions on the longest of the shortest paths.
    pub(super) depth: usize,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} states, {:>8} edges, longest path {:>2}", self.states, self.edges, self.depth)
    }
}

/// A violation, and the fewest actions that lead to it.
#[derive(Debug)]
pub(super) struct Counterexample {
    pub(super) violation: Violation,
    pub(super) path: Vec<String>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n  does not hold: {}\nafter", self.violation.property, self.violation.detail)?;
        for (n, action) in self.path.iter().enumerate() {
            writeln!(f, "  {}. {action}", n + 1)?;
        }
        if !self.violation.then.is_empty() {
            writeln!(f, "and then, without a choice,\n  {}", self.violation.then.join("\n  "))?;
        }
        Ok(())
    }
}

/// How a state was reached first.
struct Visit<A> {
    from: usize,
    action: Option<A>,
    depth: usize,
}

/// Visits every state that `model` can reach, the nearest to the start first. States are compared by a digest.
pub(super) fn explore<M: Model>(model: &mut M) -> Result<Explored, Counterexample> {
    let mut visits = vec![Visit { from: 0, action: None, depth: 0 }];
    let start = match model.start() {
        Ok(start) => start,
        Err(violation) => return Err(Counterexample { violation, path: Vec::new() }),
    };
    let mut seen = HashSet::from([digest(&start)]);
    let mut frontier = VecDeque::from([(0, start)]);
    let mut edges = 0;
    while let Some((at, state)) = frontier.pop_front() {
        model.check(&state).map_err(|violation| counterexample(&visits, at, None, violation))?;
        for action in model.actions(&state) {
            edges += 1;
            let next = match model.step(&state, &action) {
                Ok(next) => next,
                Err(violation) => return Err(counterexample(&visits, at, Some(&action), violation)),
            };
            if seen.insert(digest(&next)) {
                visits.push(Visit { from: at, action: Some(action), depth: visits[at].depth + 1 });
                frontier.push_back((visits.len() - 1, next));
            }
        }
    }
    let depth = visits.last().map_or(0, |visit| visit.depth);
    Ok(Explored { states: visits.len(), edges, depth })
}

pub(super) fn digest(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn counterexample<A: fmt::Debug>(
    visits: &[Visit<A>],
    mut at: usize,
    last: Option<&A>,
    violation: Violation,
) -> Counterexample {
    let mut path: Vec<String> = last.iter().map(|action| format!("{action:?}")).collect();
    while let Some(action) = &visits[at].action {
        path.push(format!("{action:?}"));
        at = visits[at].from;
    }
    path.reverse();
    Counterexample { violation, path }
}
