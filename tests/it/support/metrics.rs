//! The text of a status, read as Prometheus reads it.

use std::collections::BTreeMap;

/// A metric of the text.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    /// The name of its label, if it has one.
    pub(crate) label: Option<String>,
}

/// The metrics of a text, in order, and its values by name and labels.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) families: Vec<Family>,
    pub(crate) values: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads a text, every line of which must be right.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is whole: {text}");
        let mut metrics = Self::default();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (name, help) = comment(line, "HELP");
            let (same, kind) = lines.next().map(|line| comment(line, "TYPE")).expect("a type follows");
            assert_eq!(name, same, "a metric has its own type");
            assert!(metrics.families.iter().all(|family| family.name != name), "{name} comes once");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
            assert!(["counter", "gauge"].contains(&kind) && help.ends_with('.'), "{name}: {help}");
            let mut label = None;
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (key, value) = line.split_once(' ').expect("a value follows the name");
                label = metrics.add(name, key, value);
            }
            metrics.families.push(Family { name: name.into(), kind: kind.into(), help: help.into(), label });
        }
        metrics
    }

    /// Adds a value, and returns the name of its label.
    #[track_caller]
    fn add(&mut self, name: &str, key: &str, value: &str) -> Option<String> {
        let value: f64 = value.parse().expect("a number");
        assert!(value.is_finite() && value >= 0.0, "{key} {value}");
        let label = key.strip_prefix(name).expect("a value of this metric");
        let label = (!label.is_empty()).then(|| {
            let label = label.strip_prefix('{').and_then(|label| label.strip_suffix("\"}")).expect("a label");
            let (label, of) = label.split_once("=\"").expect("a label has a value");
            assert!(of.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{of}");
            label.to_owned()
        });
        assert_eq!(self.values.insert(key.to_owned(), value), None, "{key} comes once");
        label
    }

    /// The value of a metric, with its label, without the prefix that all have; 0 if it has none.
    pub(crate) fn get(&self, key: &str) -> f64 {
        self.values.get(&format!("statesocket_{key}")).copied().unwrap_or_default()
    }

    /// The values that have grown since `before`, without the prefix that all have, and by how much.
    #[track_caller]
    pub(crate) fn since(&self, before: &Self) -> BTreeMap<&str, f64> {
        let grown = self.values.iter().filter_map(|(key, value)| {
            let key = key.strip_prefix("statesocket_").expect("each name has the prefix");
            let growth = value - before.get(key);
            (growth != 0.0).then_some((key, growth))
        });
        grown.collect()
    }
}

/// The name and the text of a comment of this kind.
#[track_caller]
fn comment<'t>(line: &'t str, kind: &str) -> (&'t str, &'t str) {
    let rest = line.strip_prefix("# ").and_then(|line| line.strip_prefix(kind)).and_then(|line| line.strip_prefix(' '));
    rest.and_then(|rest| rest.split_once(' ')).unwrap_or_else(|| panic!("no {kind}: {line}"))
}
