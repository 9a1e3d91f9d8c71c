//! The tables of requirements and the names of the tests match, in both directions.
//!
//! `tests/rfc6455.md` and `tests/rfc7692.md` have the rows of these RFCs (a test of row C5 begins with `c5_`),
//! `tests/README.md` the invariants (`i_5_`), and `tests/starlette.md` the tests of Starlette.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The longest name of a test.
const MAX_NAME: usize = 72;

#[test]
fn every_row_of_an_rfc_has_a_test_and_every_id_is_a_row() {
    let tested = tests("").iter().flat_map(|(_, name)| row_ids(name)).collect();
    let mut all = rows("rfc6455.md");
    for (id, shown_by) in rows("rfc7692.md") {
        assert_eq!(all.insert(id.clone(), shown_by), None, "{id} is a row of both");
    }
    compare("rfc6455.md and rfc7692.md", &all, &tested);
}

#[test]
fn every_invariant_has_a_test_and_every_number_is_an_invariant() {
    let tested = tests("").iter().flat_map(|(_, name)| invariants(name)).collect();
    let rows = rows("README.md").into_iter().filter(|(id, _)| id.starts_with("I-"));
    compare("README.md", &rows.map(|(id, _)| (id, "tests".to_owned())).collect(), &tested);
}

#[test]
fn every_test_of_starlette_has_a_test_of_its_name() {
    let tested = tests("it/starlette").into_iter().map(|(_, name)| name).collect();
    compare("starlette.md", &rows("starlette.md"), &tested);
}

#[test]
fn names_of_tests_are_short() {
    let long: Vec<_> = tests("").into_iter().filter(|(_, name)| name.len() > MAX_NAME).collect();
    assert!(long.is_empty(), "longer than {MAX_NAME} characters: {long:#?}");
}

/// Checks that `tested` are exactly the rows that the table marks as shown by tests.
fn compare(table: &str, rows: &BTreeMap<String, String>, tested: &BTreeSet<String>) {
    assert!(rows.len() > 20, "{table}: the rows are found: {rows:?}");
    let other = rows.iter().filter(|(_, shown_by)| *shown_by != "tests");
    for (id, shown_by) in other {
        let is_known = ["types: ", "program: "].iter().any(|kind| shown_by.starts_with(kind));
        assert!(is_known, "{table}: {id} is shown by {shown_by:?}");
    }
    let expected: BTreeSet<_> = rows.iter().filter(|(_, by)| *by == "tests").map(|(id, _)| id.clone()).collect();
    let missing: Vec<_> = expected.difference(tested).collect();
    assert!(missing.is_empty(), "{table}: rows without a test: {missing:?}");
    let unknown: Vec<_> = tested.difference(&expected).collect();
    assert!(unknown.is_empty(), "{table}: tests without a row, or with a row that is not shown by tests: {unknown:?}");
}

/// The first and the last cell of each row of the tables in `file`.
fn rows(file: &str) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    let text = fs::read_to_string(folder().join(file)).expect("the table can be read");
    for line in text.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |")) {
        let line = line.replace(r"\|", "");
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, .., shown_by] = cells.as_slice() else { continue };
        let is_first = rows.insert(id.trim_matches('`').to_owned(), (*shown_by).to_owned()).is_none();
        assert!(is_first || *id == "id", "{file}: {id} appears twice");
    }
    rows.retain(|id, _| !["id", "test"].contains(&id.as_str()));
    rows
}

/// The ids at the front of a test's name: F7 and F8 of `f7_f8_every_length`.
fn row_ids(name: &str) -> Vec<String> {
    let is_id = |word: &&str| {
        let number = word.trim_start_matches(|c: char| c.is_ascii_lowercase());
        (1..=2).contains(&(word.len() - number.len())) && number.parse::<u8>().is_ok()
    };
    name.split('_').take_while(is_id).map(str::to_uppercase).collect()
}

/// The invariants at the front of a test's name: I-5 and I-24 of `i_5_i_24_two_ends`.
fn invariants(name: &str) -> Vec<String> {
    let mut words = name.split('_');
    let mut next = || (words.next()? == "i").then(|| words.next()?.parse::<u8>().ok()).flatten();
    std::iter::from_fn(|| next().map(|number| format!("I-{number}"))).collect()
}

/// The file and the name of each test below `tests/PART`.
fn tests(part: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder().join(part)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).expect("a source is text");
                found.extend(test_names(&source).map(|name| (path.clone(), name)));
            }
        }
    }
    found
}

/// The names of the functions behind `#[test]`.
fn test_names(source: &str) -> impl Iterator<Item = String> {
    let mut behind = source.split("#[test]\n").skip(1);
    std::iter::from_fn(move || behind.next()).map(|rest| {
        let (_, name) = rest.split_once("fn ").expect("a function follows");
        name.split('(').next().unwrap_or_default().to_owned()
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn the_check_sees_ids_and_names() {
    assert_eq!(row_ids("f7_f8_every_length"), ["F7", "F8"]);
    assert_eq!(row_ids("hs15_early"), ["HS15"]);
    assert_eq!(row_ids("a_205_has_no_body"), [""; 0]);
    assert_eq!(row_ids("cve_2020_7662_a_quote"), [""; 0]);
    assert_eq!(invariants("i_5_i_24_two_ends"), ["I-5", "I-24"]);
    assert_eq!(invariants("it_adds_up"), [""; 0]);
    let source = "    #[test]\n    #[cfg(unix)]\n    fn first(n: u8) {}\nfn no_test() {}\n#[test]\nfn second() {}\n";
    assert_eq!(test_names(source).collect::<Vec<_>>(), ["first", "second"]);
}
