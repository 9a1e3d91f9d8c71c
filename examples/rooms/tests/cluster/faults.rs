//! One run with faults: under members that speak, the broker is killed, one process stops, and the other is killed.

use crate::{
    MEMBERS,
    crowd::{Crowd, Pace},
    programs::Cluster,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

/// How long the members speak, in milliseconds.
const SPEAKING: u64 = 4_000;

#[derive(Clone, Copy, Debug)]
enum Act {
    KillBroker,
    StartBroker,
    Stop(usize),
    Kill(usize),
    Start(usize),
}

/// Runs the faults of a seed. Returns what became of the members.
pub fn run(cluster: &mut Cluster, seed: u64) -> Result<String, Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let plan = plan(&mut rng);
    let pace = Pace { interval: Duration::from_millis(50), text_bytes: 60, is_slow: false };
    let crowd = Crowd::join(&format!("run-{seed}"), &cluster.balancers(), MEMBERS, pace)?;
    crowd.begin_to_speak();
    let begin = Instant::now();
    for (at, act) in &plan {
        thread::sleep(Duration::from_millis(*at).saturating_sub(begin.elapsed()));
        match *act {
            Act::KillBroker => cluster.redis.kill()?,
            Act::StartBroker => cluster.redis.start()?,
            Act::Stop(place) => cluster.processes[place].stop()?,
            Act::Kill(place) => cluster.processes[place].kill()?,
            Act::Start(place) => cluster.processes[place].start()?,
        }
    }
    thread::sleep(Duration::from_millis(SPEAKING).saturating_sub(begin.elapsed()));
    let report = crowd.finish(cluster.processes[0].port)?;
    let plan: Vec<_> = plan.iter().map(|(at, act)| format!("{act:?} at {at} ms")).collect();
    for (what, has_happened) in [
        ("nobody was told that the broker was lost", report.members.iter().any(|member| member.losses > 0)),
        ("nobody was sent away with 1012", report.members.iter().any(|member| member.ends.contains_key(&1012))),
        ("nobody lost a connection with 1006", report.members.iter().any(|member| member.ends.contains_key(&1006))),
        ("hardly anything was acknowledged", report.acknowledged > 200),
    ] {
        if !has_happened {
            return Err(format!("{what}: {}; {report}", plan.join(", ")).into());
        }
    }
    Ok(format!("{}: {report}", plan.join(", ")))
}

/// What happens at which millisecond. The times of the three faults may overlap.
fn plan(rng: &mut StdRng) -> Vec<(u64, Act)> {
    let mut places = [0, 1];
    places.shuffle(rng);
    let faults = [
        (Act::KillBroker, Act::StartBroker),
        (Act::Stop(places[0]), Act::Start(places[0])),
        (Act::Kill(places[1]), Act::Start(places[1])),
    ];
    let mut plan = Vec::new();
    for (fault, remedy) in faults {
        let at = rng.random_range(300..2_300);
        plan.push((at, fault));
        plan.push((at + rng.random_range(200..1_000), remedy));
    }
    plan.sort_by_key(|(at, _)| *at);
    plan
}
