//! Whether a server takes on new work.

use super::refusal::Refusal;

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
    /// The reason to refuse every request.
    pub(super) const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Normal => None,
            Self::RefuseAll => Some(Refusal::Stopping),
        }
    }
}
