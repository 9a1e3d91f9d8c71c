//! The properties of `tests/it/proof`, for libFuzzer.

// The tests use more of these than the properties do.
#[allow(dead_code, unused_imports)]
#[path = "../../tests/it/proof/mod.rs"]
mod proof;
#[allow(dead_code, unused_imports)]
mod support;

/// Checks the property of that name on `data`.
///
/// # Panics
/// If it does not hold, or if there is none of that name.
pub fn check(name: &str, data: &[u8]) {
    let property = proof::ALL.iter().find(|property| property.name == name);
    (property.expect("a target is named after its property").check)(data);
}
