//! What peers, networks and handlers do wrong, over sockets: what the server does about each, what it holds meanwhile,
//! and that all others go on.
//!
//! `FAULTS=n` makes the floods and crowds n times as large.

mod cut;
mod floods;
mod half_closes;
mod heads;
mod processes;
mod resets;
mod silent;
mod slow;
mod vanishing;
mod violations;

/// How many times as large as usual the floods and crowds are to be.
fn scale() -> usize {
    std::env::var("FAULTS").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}
