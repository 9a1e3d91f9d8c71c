//! The client: what it sends, which responses it accepts, what it does with a rejection.

mod rejection;
mod request;
mod response;
