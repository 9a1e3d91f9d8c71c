//! The phases and the diagram in the README, the table in the docs, and the limits, metrics and defaults in the guide
//! match the code. The configurations in the guide match the files that CI runs.

use statesocket::{Action, Config, Party, Phase, Transition};
use std::{
    collections::BTreeMap,
    env,
    fmt::{Debug, Write},
    fs,
};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/state/table.md");
const LIMITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/limits.md");
#[cfg(feature = "server")]
const METRICS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/metrics.md");
const COMPARISON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/comparison.md");
const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/");
const DEPLOY_GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/deploy.md");
const BEGIN: &str = "<!-- table: from the code, see tests/it/readme.rs -->\n";
const END: &str = "<!-- end of table -->\n";

#[test]
fn readme_shows_the_phases_of_the_code() {
    let readme = fs::read_to_string(README).expect("the README can be read");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the marker before the phases");
    let (_, after) = rest.split_once(END).expect("the README has the marker after the diagram");
    let rendered = format!("{before}{BEGIN}\n{}\n{}\n{END}{after}", phases(), diagram());
    compare(README, &rendered);
}

#[test]
fn the_docs_show_the_table_of_the_code() {
    compare(TABLE, &transitions());
}

/// A metric has a row with its name, its label, its type and its meaning.
#[test]
#[cfg(all(feature = "server", feature = "testing"))]
fn the_guide_shows_each_metric() {
    use crate::support::Metrics;
    use statesocket::testing::TestServer;

    let mut server = TestServer::new(Config::default()).expect("the configuration is right");
    server.get("/nowhere").expect("it is answered");
    let metrics = Metrics::parse(&server.status().prometheus());
    let mut table = String::from("| metric | label | type | meaning |\n|---|---|---|---|\n");
    for family in metrics.families {
        let label = family.label.map_or_else(|| "-".to_owned(), |label| format!("`{label}`"));
        writeln!(table, "| `{}` | {label} | {} | {} |", family.name, family.kind, family.help.trim_end_matches('.'))
            .expect("a String takes everything");
    }
    let page = fs::read_to_string(METRICS).expect("the page can be read");
    let (before, rest) = page.split_once(BEGIN).expect("the page has the marker before the table");
    let (_, after) = rest.split_once(END).expect("the page has the marker after the table");
    compare(METRICS, &format!("{before}{BEGIN}\n{table}\n{END}{after}"));
}

/// Asserts that `file` has the text that was drawn from the code, or writes it.
fn compare(file: &str, rendered: &str) {
    if env::var_os("UPDATE_README").is_some() {
        fs::write(file, rendered).expect("the file can be written");
    } else {
        let shown = fs::read_to_string(file).expect("the file can be read");
        assert!(shown == rendered, "{file} is out of date: run `UPDATE_README=1 cargo test --test it readme`");
    }
}

/// The phases and their two states.
fn phases() -> String {
    let mut table = String::from("| phase | client_state | application_state |\n|---|---|---|\n");
    for phase in Phase::ALL {
        writeln!(table, "| `{phase:?}` | {} | {} |", phase.client_state(), phase.application_state())
            .expect("a String takes everything");
    }
    table
}

/// The transitions, by party, action and phase.
fn transitions() -> String {
    let mut table = String::from("| party | action |");
    for phase in Phase::ALL {
        write!(table, " in `{phase:?}` |").expect("a String takes everything");
    }
    table += &format!("\n|---|---|{}\n", "---|".repeat(Phase::ALL.len()));
    for party in Party::ALL {
        for action in Action::ALL {
            let cells = Phase::ALL.map(|phase| match phase.next(party, action) {
                Ok(next) if next == phase => "same".to_owned(),
                Ok(next) => format!("`{next:?}`"),
                Err(_) => "-".to_owned(),
            });
            if cells.iter().any(|cell| cell != "-") {
                writeln!(table, "| {party} | {action:?} | {} |", cells.join(" | ")).expect("a String takes everything");
            }
        }
    }
    table
}

/// The transitions that change the phase, as a Mermaid state diagram.
fn diagram() -> String {
    let mut arrows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in Transition::all().filter(|row| row.from != row.to && row.action != Action::Abort) {
        let ends = (format!("{:?}", row.from), format!("{:?}", row.to));
        arrows.entry(ends).or_default().push(format!("{} {:?}", row.party, row.action));
    }
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    [*] --> Idle\n");
    for ((from, to), labels) in arrows {
        writeln!(diagram, "    {from} --> {to}: {}", labels.join(", ")).expect("a String takes everything");
    }
    diagram + "    note right of Closed: either party's Abort leads here from anywhere\n    Closed --> [*]\n```"
}

#[test]
fn the_guide_shows_each_limit_and_timeout_with_its_default() {
    let guide = fs::read_to_string(LIMITS).expect("the page can be read");
    let fields = [
        numbers(&Config::default()),
        #[cfg(feature = "server")]
        numbers(&statesocket::server::Limits::default()),
    ]
    .concat();
    assert!(fields.len() >= 17, "the fields are found: {fields:?}");
    for (name, value) in fields {
        let row = format!("| `{name}` | {value} |");
        assert!(guide.contains(&row), "the page has no row that begins with {row}");
    }
}

/// The tables have this crate in their first column.
#[test]
fn the_comparison_shows_the_defaults_of_the_code() {
    let page = fs::read_to_string(COMPARISON).expect("the page can be read");
    let config = Config::default();
    let silence = config.ping_interval.zip(config.pong_timeout).map(|(interval, timeout)| interval + timeout);
    let times = [
        ("a client that sends no request", config.opening_timeout),
        ("a client that answers no Ping", silence),
        ("a client that does not answer a Close", config.closing_timeout),
        ("a client that reads no echo", config.write_timeout),
    ];
    let times = times.map(|(row, time)| (row, time.map_or_else(|| "never".to_owned(), |time| format!("{time:?}"))));
    let size = ("limit of a message", as_written(&config.max_message_bytes.to_string()).expect("it is a number"));
    for (row, value) in times.into_iter().chain([size]) {
        let begin = format!("| {row} **m** | {} |", value.replace('s', " s"));
        assert_eq!(page.matches(&begin).count(), 2, "not both tables have a row that begins with {begin}");
    }
}

#[test]
fn the_guide_shows_the_files_in_deploy() {
    let guide = fs::read_to_string(DEPLOY_GUIDE).expect("the page can be read");
    let shown: Vec<_> = guide.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let files = ["nginx.conf", "haproxy.cfg", "rooms@.service"]
        .map(|file| fs::read_to_string(format!("{DEPLOY}{file}")).expect("the file can be read"));
    assert_eq!(shown, files);
}

/// The names and defaults of the fields that are numbers or times, as the page writes them.
fn numbers(defaults: &impl Debug) -> Vec<(String, String)> {
    let text = format!("{defaults:?}").replace("Some(", "").replace(')', "");
    let (_, fields) = text.split_once(" { ").expect("a struct with fields");
    let pairs = fields.trim_end_matches(" }").split(", ").filter_map(|field| field.split_once(": "));
    // A clock and compression are off by default, but no limits.
    let pairs = pairs.filter(|(name, _)| !["date", "deflate"].contains(name));
    pairs.filter_map(|(name, value)| Some((name.to_owned(), as_written(value)?))).collect()
}

fn as_written(value: &str) -> Option<String> {
    if value == "None" {
        return Some("off".to_owned());
    }
    if let Some(seconds) = value.strip_suffix('s') {
        let seconds: u64 = seconds.parse().ok()?;
        return Some(if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") });
    }
    let number: u64 = value.parse().ok()?;
    Some(match number {
        _ if number.is_multiple_of(1 << 20) => format!("{} MiB", number >> 20),
        // Not every multiple of 1024 is meant as one.
        _ if number.is_multiple_of(1 << 10) && number < 1 << 17 => format!("{} KiB", number >> 10),
        _ => number.to_string(),
    })
}
