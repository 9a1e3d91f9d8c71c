//! The properties of `tests/it/proof`, for libFuzzer.

// The properties use only a part of what the tests use.
#[allow(dead_code, unused_imports)]
#[path = "../../tests/it/proof/mod.rs"]
mod proof;
#[allow(dead_code, unused_imports)]
mod support;

/// Checks the property with this name on `data`.
///
/// # Panics
/// If the property does not hold, or if no property has this name.
pub fn check(name: &str, data: &[u8]) {
    let property = proof::ALL.iter().find(|property| property.name == name);
    (property.expect("a target is named after its property").check)(data);
}
