//! The clock, and the order of the ends.

use super::{
    CLIENT, SERVER, Time,
    endpoint::Endpoint,
    network::{NEVER, Network},
    plan::{Plan, SECOND},
    random::seeded,
    record::Record,
};
use rand::RngExt;
use std::{cell::RefCell, rc::Rc, time::Instant};

/// Shared, so that it survives a panic.
pub(super) type Log = Rc<RefCell<Vec<String>>>;

/// The surroundings of a turn.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) now: Time,
    pub(super) network: Network,
    /// Each event with its time, if a log is wanted.
    pub(super) log: Option<Log>,
}

/// The outcome of a run.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) records: [Record; 2],
    pub(super) network: Network,
    pub(super) steps: usize,
    pub(super) ended: Time,
}

/// No run takes as many turns, or as long.
const MAX_STEPS: usize = 200_000;
const MAX_TIME: Time = 3 * 3600 * SECOND;

impl Scene {
    pub(super) fn note(&mut self, by: usize, what: impl FnOnce() -> String) {
        if let Some(log) = &self.log {
            let name = if by == CLIENT { "client" } else { "server" };
            let line = format!("{:4}.{:06} {name} {}", self.now / SECOND, self.now % SECOND, what());
            log.borrow_mut().push(line);
        }
    }
}

/// Runs `plan` to its end; an error says why there is none.
pub(super) fn run(plan: &Plan, log: Option<Log>) -> Result<Outcome, String> {
    let network = Network::new(plan.ways.clone(), plan.discards_on_reset, seeded(plan.seed ^ 0x2E7));
    let mut scene = Scene { now: 0, network, log };
    let epoch = Instant::now();
    let mut ends = [CLIENT, SERVER].map(|index| Endpoint::new(plan, index, epoch));
    let steps = run_to_the_end(plan, &mut scene, &mut ends)?;
    let records = ends.map(|end| end.application.record);
    Ok(Outcome { records, network: scene.network, steps, ended: scene.now })
}

/// Always turns the end whose time is first. Returns the number of steps.
fn run_to_the_end(plan: &Plan, scene: &mut Scene, ends: &mut [Endpoint<'_>; 2]) -> Result<usize, String> {
    let mut random = seeded(plan.seed ^ 0x30);
    // An end that has just queued a request, or has nothing to wait for, does not know its time yet.
    ends.iter_mut().for_each(|end| end.turn(scene));
    for step in 0..MAX_STEPS {
        let wakes = [CLIENT, SERVER].map(|index| ends[index].wake(&scene.network, scene.now));
        let next = wakes[CLIENT].min(wakes[SERVER]);
        if next == NEVER {
            let phases = [CLIENT, SERVER].map(|index| ends[index].connection.phase());
            let is_over = ends.iter().all(|end| end.application.record.last.is_some());
            return if is_over { Ok(step) } else { Err(format!("nothing more happens in {phases:?}")) };
        }
        if next > scene.now {
            scene.now = next + random.random_range(0..=plan.lateness);
        }
        if scene.now > MAX_TIME {
            return Err(format!("the run has not ended after {} s", MAX_TIME / SECOND));
        }
        let is_due = wakes.map(|wake| wake <= scene.now);
        let chosen = if is_due == [true; 2] { random.random_range(0..2) } else { usize::from(is_due[SERVER]) };
        ends[chosen].turn(scene);
    }
    Err(format!("the run has not ended after {MAX_STEPS} steps"))
}
