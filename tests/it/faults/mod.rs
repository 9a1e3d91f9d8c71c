//! What peers and networks do wrong, over sockets: the reaction of the server, the memory that it takes, and that all
//! other connections go on.
//!
//! `FAULTS=n` makes the floods and crowds n times as large.

mod cut;
mod floods;
#[cfg(unix)]
mod fork;
mod half_closes;
mod heads;
mod processes;
mod resets;
mod silent;
mod slow;
mod vanishing;
mod violations;

/// The factor by which floods and crowds are larger than usual.
fn scale() -> usize {
    std::env::var("FAULTS").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}
