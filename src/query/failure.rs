//! What may stand between a question and its answer, inside `query`; outside there is only `Refused`.

use crate::model::refused::Refused;

/// No answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The question makes no sense, or asks for what is not there.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store could not be read.
    #[error("the store cannot be read: {0}")]
    Store(#[from] rusqlite::Error),
    /// A row says what no version of ours has written.
    #[error("the store holds what cannot be read: {0}")]
    Unreadable(String),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        match failure {
            Failure::Refused(refused) => refused,
            Failure::Store(_) | Failure::Unreadable(_) => Refused::Internal { what: failure.to_string() },
        }
    }
}
