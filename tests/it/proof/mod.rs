//! The library of properties: each is a function of bytes, for the tests here and for fuzzing.

pub(crate) mod differential;
