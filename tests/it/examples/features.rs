//! The features with which the examples are built.

use crate::support::process::FEATURES;
use std::collections::BTreeSet;

#[test]
fn the_examples_are_built_with_every_feature_of_the_tests() {
    let manifest = include_str!("../../../Cargo.toml");
    let (_, rest) = manifest.split_once("[features]\n").expect("the manifest has features");
    let (section, _) = rest.split_once("\n[").expect("other sections follow");
    let names =
        section.lines().filter_map(|line| Some(line.split_once(" = ")?.0).filter(|name| !name.starts_with('#')));
    // The dev-dependency of the crate on itself has it.
    let names: BTreeSet<_> = names.filter(|name| *name != "testing").collect();
    assert_eq!(FEATURES.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), names);
}
