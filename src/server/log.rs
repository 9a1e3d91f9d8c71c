//! What the lines of the log are filed under.

pub(super) const LOG: &str = "statesocket";
