//! Tables in Markdown.

use crate::implementations::ALL;
use std::fs;

pub fn print(first: &str, columns: &[&str], rows: Vec<Vec<String>>) {
    println!("\n| {first} | {} |\n|---|{}", columns.join(" | "), "---|".repeat(columns.len()));
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
}

/// A table with a column per implementation.
pub fn print_for_all(first: &str, rows: Vec<Vec<String>>) {
    print(first, &ALL.each_ref().map(|implementation| implementation.name), rows);
}

/// The version of `package` that was built, from the lock file.
pub fn version(package: &str) -> String {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).expect("cargo has written it");
    let entry = format!("name = \"{package}\"\nversion = \"");
    let (_, from) = lock.split_once(&entry).expect("what was built is in the lock file");
    from.split('"').next().unwrap_or_default().to_owned()
}

/// Three digits and more, in groups of three.
pub fn number(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}
