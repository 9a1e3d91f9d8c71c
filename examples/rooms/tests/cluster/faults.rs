//! One run with faults: under members that speak, the broker is killed, one process stops, and the other is killed.

use crate::{
    MEMBERS,
    crowd::{Crowd, Pace, Report},
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

/// Runs the faults of a seed.
pub fn run(cluster: &mut Cluster, seed: u64) -> Result<Seen, Box<dyn Error>> {
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
    if report.acknowledged < 200 {
        return Err(format!("hardly anything was acknowledged: {plan:?}; {report}").into());
    }
    let plan: Vec<_> = plan.iter().map(|(at, act)| format!("{act:?} at {at} ms")).collect();
    println!("ok - seed {seed}: {}: {report}", plan.join(", "));
    Ok(Seen::by(&report))
}

/// How many members have seen each fault. All may be away while the broker is lost, so this is counted over all runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    losses: usize,
    stops: usize,
    kills: usize,
}

impl Seen {
    fn by(report: &Report) -> Self {
        let ended = |code| report.members.iter().filter(|member| member.ends.contains_key(&code)).count();
        let losses = report.members.iter().filter(|member| member.losses > 0).count();
        Self { losses, stops: ended(1012), kills: ended(1006) }
    }

    pub fn add(&mut self, other: Self) {
        self.losses += other.losses;
        self.stops += other.stops;
        self.kills += other.kills;
    }

    /// Whether the faults were none that nobody saw.
    pub const fn is_all(&self) -> bool {
        self.losses > 0 && self.stops > 0 && self.kills > 0
    }
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
