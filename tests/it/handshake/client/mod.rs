//! The client: its request, the responses that it accepts, and its reaction to a rejection.

mod rejection;
mod request;
mod response;
