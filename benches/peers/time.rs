//! Times. Only ratios of turns in the same round are meaningful.

use crate::{
    exchange::{Exchange, Job},
    implementations::ALL,
};
use statesocket_benches::{
    Work,
    table::{median, number},
};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const ROUNDS: usize = 25;
/// How long each implementation runs per round: long enough for the clock, and short enough to fit between other
/// processes.
const TURN: Duration = Duration::from_micros(500);

/// A row per job, a column per implementation: the median time per message, and the median of its ratio to this crate
/// in the same round.
pub fn rows(jobs: &[Job]) -> Vec<Vec<String>> {
    jobs.iter().map(|job| [job.to_string()].into_iter().chain(cells(job)).collect()).collect()
}

fn cells(job: &Job) -> Vec<String> {
    let repeats = exchanges(job).iter_mut().map(repeats).collect::<Vec<u32>>();
    // A list per implementation.
    let mut times = vec![Vec::new(); repeats.len()];
    for round in 0..ROUNDS {
        // The speed of a copy depends on the addresses, so that each round has other ones.
        let _padding = black_box(vec![0_u8; 1_000 * round]);
        let mut exchanges = exchanges(job);
        for turn in 0..exchanges.len() {
            let at = (round + turn) % exchanges.len();
            let (exchange, repeats) = (&mut exchanges[at], repeats[at]);
            let messages = f64::from(repeats) * exchange.units() as f64;
            run(exchange, 1);
            times[at].push(run(exchange, repeats).as_secs_f64() * 1e9 / messages);
        }
    }
    let cell = |times_of: &Vec<f64>| {
        let ratio = median(times_of.iter().zip(&times[0]).map(|(time, ours)| time / ours));
        format!("{} ({ratio:.2})", number(median(times_of.iter().copied())))
    };
    times.iter().map(cell).collect()
}

fn exchanges(job: &Job) -> Vec<Exchange> {
    ALL.iter().map(|implementation| Exchange::new(*job, implementation)).collect()
}

/// The number of runs in a turn.
fn repeats(exchange: &mut Exchange) -> u32 {
    let mut repeats = 1;
    while run(exchange, repeats) < TURN {
        repeats *= 2;
    }
    repeats
}

fn run(exchange: &mut Exchange, repeats: u32) -> Duration {
    let started = Instant::now();
    for _ in 0..repeats {
        exchange.reset();
        exchange.run();
    }
    started.elapsed()
}
