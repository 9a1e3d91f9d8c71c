//! The span of a session, with the feature `tracing`; else nothing.

use crate::server::{address::Address, session_id::LocalId};

/// The span of one connection. It is current while the session has a turn, and so in every call of its handler.
#[cfg(feature = "tracing")]
pub(super) struct Span(tracing::Span);

#[cfg(feature = "tracing")]
impl Span {
    pub(super) fn new(id: LocalId, address: Address) -> Self {
        Self(tracing::info_span!(
            target: "statesocket::session",
            "websocket",
            %id,
            %address,
            path = tracing::field::Empty,
            subprotocol = tracing::field::Empty,
        ))
    }

    /// Current until the guard is dropped.
    pub(super) fn enter(&self) -> Entered {
        Entered(self.0.clone().entered())
    }

    /// The query may hold secrets.
    pub(super) fn record_path(&self, path: &str) {
        self.0.record("path", path);
    }

    pub(super) fn record_subprotocol(&self, name: Option<&str>) {
        self.0.record("subprotocol", name);
    }
}

#[cfg(feature = "tracing")]
pub(super) struct Entered(#[expect(dead_code, reason = "its drop leaves the span")] tracing::span::EnteredSpan);

#[cfg(not(feature = "tracing"))]
pub(super) struct Span;

#[cfg(not(feature = "tracing"))]
impl Span {
    pub(super) const fn new(_: LocalId, _: Address) -> Self {
        Self
    }

    pub(super) const fn enter(&self) -> Entered {
        Entered
    }

    pub(super) const fn record_path(&self, _: &str) {}

    pub(super) const fn record_subprotocol(&self, _: Option<&str>) {}
}

#[cfg(not(feature = "tracing"))]
pub(super) struct Entered;
