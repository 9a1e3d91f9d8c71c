//! All runs, and their results.

use super::{
    CLIENT, SERVER,
    network::Tampering,
    plan::{Plan, SECOND},
    rules,
    script::{Act, Ending},
    statistics::Statistics,
    world::{self, Log, Outcome},
};
use proptest::test_runner::Config as ProptestConfig;
use statesocket::Config;
use std::{
    env,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// The number of runs with 256 cases.
const RUNS: u64 = 2_000;

/// The minimum per thousand runs.
const AT_LEAST: &[(&str, usize)] = &[
    ("opened", 500),
    ("clean", 400),
    ("crossed", 30),
    ("rejected", 100),
    ("interfered", 60),
    ("lossless", 350),
    ("message", 2_000),
    ("byte", 8_000_000),
    #[cfg(feature = "deflate")]
    ("compressed frame", 1_000),
    ("fragment", 1_000),
    ("chunks", 100),
    ("ping", 3_000),
    ("pong", 2_500),
    ("superseded", 300),
    ("Ping left out", 300),
    ("manual reply", 100),
    ("held by a pause", 50),
    ("held by output", 15),
    ("empty Close", 20),
];

/// The statistics of all runs, or the first broken rule.
static ALL: LazyLock<Result<Statistics, String>> = LazyLock::new(|| {
    if let Some(seed) = chosen_seed() {
        return repeat(seed);
    }
    let mut statistics = Statistics::default();
    for seed in 0..runs() {
        let plan = Plan::new(seed);
        let outcome = run(&plan, None).map_err(|rule| {
            format!("{rule}\nSIMULATION_SEED={seed} cargo test --test it simulation   # shows that run")
        })?;
        statistics.add(&plan, &outcome);
    }
    Ok(statistics)
});

fn runs() -> u64 {
    RUNS * u64::from(ProptestConfig::default().cases) / 256
}

fn chosen_seed() -> Option<u64> {
    env::var("SIMULATION_SEED").ok().map(|seed| seed.parse().expect("SIMULATION_SEED is a number"))
}

/// Runs one seed, and prints its plan and its log.
fn repeat(seed: u64) -> Result<Statistics, String> {
    let plan = Plan::new(seed);
    let log = Log::default();
    let result = run(&plan, Some(Rc::clone(&log)));
    // Not with `println`, which only a failing test shows.
    let mut out = io::stderr().lock();
    let shown = writeln!(out, "{plan:#?}").and_then(|()| writeln!(out, "{}", log.borrow().join("\n")));
    shown.expect("someone reads");
    let mut statistics = Statistics::default();
    statistics.add(&plan, &result?);
    Ok(statistics)
}

/// Runs `plan`, and judges the outcome.
fn run(plan: &Plan, log: Option<Log>) -> Result<Outcome, String> {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let outcome = world::run(plan, log)?;
        rules::judge(plan, &outcome).map(|()| outcome)
    }));
    judged.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}

#[test]
fn i_23_both_ends_keep_the_rules_over_any_network() {
    if let Err(rule) = &*ALL {
        panic!("{rule}");
    }
}

/// A simulation in which nothing happens would break no rule.
#[test]
fn everything_that_can_happen_happens() {
    let Ok(statistics) = &*ALL else { return };
    // Fewer runs prove nothing.
    if chosen_seed().is_some() || runs() < RUNS {
        return;
    }
    let missing = statistics.missing();
    assert!(missing.is_empty(), "never seen: {missing:?}, in {statistics:#?}");
    for (name, least) in AT_LEAST {
        let seen = statistics.per_thousand(name);
        assert!(seen >= *least, "{name}: {seen}, and not {least}, in a thousand runs: {statistics:#?}");
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..40 {
        let [first, again] = [(), ()].map(|()| {
            let log = Log::default();
            run(&Plan::new(seed), Some(Rc::clone(&log))).map(|_| log.take())
        });
        assert!(first.as_ref().is_ok_and(|log| !log.is_empty()), "{seed}: {first:?}");
        assert_eq!(first, again, "the run of seed {seed} differs the second time");
    }
}

/// Each fault at many places in either direction, in runs without any other. The runs send only whole messages: the end
/// of an unfinished message, or a Pong behind a Close, would not be reported.
#[test]
fn faults_that_tcp_does_not_have_are_noticed() {
    for tampering in Tampering::ALL {
        let mut noticed = 0;
        for seed in 0..200 {
            let mut plan = Plan::lossless(seed);
            for end in &mut plan.ends {
                end.acts.retain(|(_, act)| matches!(act, Act::Send(_) | Act::SendShared(_)));
            }
            let way = &mut plan.ways[if seed % 2 == 0 { CLIENT } else { SERVER }];
            way.tampering = Some((usize::try_from(seed).unwrap_or_default(), tampering));
            match run(&plan, None) {
                Ok(outcome) => assert!(!outcome.network.has_interfered(), "{tampering:?} is not noticed in {seed}"),
                Err(_) => noticed += 1,
            }
        }
        assert!(noticed >= 40, "{tampering:?} happened only {noticed} times");
    }
}

/// A keepalive Ping that is left out never gets its Pong: the bytes that come later are the sign of life.
#[test]
fn a_peer_that_answers_only_the_latest_ping_is_not_timed_out() {
    let is_fast = |plan: &Plan| plan.ways.iter().all(|way| *way.latency.end() < SECOND / 200);
    let mut left_out = 0;
    for mut plan in (0..200).map(Plan::lossless).filter(is_fast) {
        for end in &mut plan.ends {
            let mut config = Config::clone(&end.config);
            (config.ping_interval, config.pong_timeout) =
                (Some(Duration::from_millis(500)), Some(Duration::from_secs(2)));
            (end.config, end.answers_latest_ping) = (Arc::new(config), true);
            // Each one soon after a keepalive Ping; then the keepalive is alone for longer than its timeout.
            let pings = (1..6).map(|n| (n * SECOND / 2 + SECOND / 5_000, Act::Ping(b"mine".to_vec())));
            end.acts = pings.collect();
            (end.pauses_at, end.closes_at) = (None, None);
            end.ending = Some((6 * SECOND, Ending::Close(1000, String::new())));
        }
        let outcome = run(&plan, None).unwrap_or_else(|rule| panic!("seed {}: {rule}", plan.seed));
        left_out += outcome.records.iter().map(|record| record.left_out).sum::<usize>();
    }
    assert!(left_out >= 100, "only {left_out} Pings were left out");
}
