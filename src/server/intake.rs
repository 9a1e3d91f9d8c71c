//! Whether a server takes on new work.

use http::StatusCode;

/// Whether a server takes on new connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// As far as limits and admission allow.
    Normal,
    /// The server is stopping. It accepts the backlog a last time, whatever the limits, and answers every request with
    /// 503.
    RefuseAll,
}

impl Intake {
    /// The status to refuse every request with.
    pub(super) const fn refusal(self) -> Option<StatusCode> {
        match self {
            Self::Normal => None,
            Self::RefuseAll => Some(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}
