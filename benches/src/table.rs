//! Tables in Markdown, and their cells.

/// The lock file that this program was built with.
const LOCK: &str = include_str!("../../Cargo.lock");

pub fn print(first: &str, columns: &[&str], rows: &[Vec<String>]) {
    println!("\n| {first} | {} |\n|---|{}", columns.join(" | "), "---|".repeat(columns.len()));
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
}

/// The version of `package` that this program was built with; of several versions the newest.
///
/// # Panics
/// The package is not a dependency.
#[must_use]
pub fn version(package: &str) -> &'static str {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let versions = LOCK.split(&entry).skip(1).filter_map(|rest| rest.split('"').next());
    versions.last().expect("the package is a dependency")
}

/// A whole number, its digits in groups of three.
#[must_use]
pub fn number(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}

/// # Panics
/// There are no values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { values[middle - 1].midpoint(values[middle]) }
}
