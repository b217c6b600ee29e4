//! The reason why a task or run ended as it did, and the reason why a due time did not start. A reason is not a state.

use std::fmt;
use std::str::FromStr;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum $name {
            $($(#[$item])* $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The public word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok($name::$variant),)*
                    _ => Err(UnknownWord(word.to_owned())),
                }
            }
        }
    };
}

/// A word that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a word of this list")]
pub struct UnknownWord(pub String);

words! {
    /// Why a task or run ended as it did.
    Outcome {
        /// It completed; no other state has this outcome.
        Success = "success",
        /// Its exit code says so.
        ExitCode = "exit_code",
        /// A signal ended it.
        Signal = "signal",
        /// It took longer than its `timeout`.
        Timeout = "timeout",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
        /// It is gone without its exit being known.
        Interrupted = "interrupted",
        /// It could not be started.
        SpawnError = "spawn_error",
        /// It ended well, but its output is not what it must be.
        VerificationFailed = "verification_failed",
        /// Whom it called did not answer, or not as it must be.
        ProviderError = "provider_error",
        /// What it was to do cannot be done as written.
        InvalidRequest = "invalid_request",
        /// A task that it comes after did not complete.
        UpstreamFailed = "upstream_failed",
        /// It was not needed.
        ConditionFalse = "condition_false",
        /// Nothing of it had begun when it was too late.
        Expired = "expired",
        /// Campanile itself failed at it.
        Internal = "internal",
    }
}

words! {
    /// Why a due time did not start.
    Reason {
        /// `max_runs` were live.
        Overlap = "overlap",
        /// The job, or everything, was paused.
        Paused = "paused",
        /// It was missed, and catching up does not reach it.
        MissedWindow = "missed_window",
        /// It was missed, and a newer one stands for it.
        Coalesced = "coalesced",
        /// As many runs of its job were queued as `queue_limit` allows.
        QueueFull = "queue_full",
        /// A calendar or a blackout of its schedule keeps it from starting.
        Excluded = "excluded",
        /// It was looked at later than is of use.
        Deadline = "deadline",
        /// Its job's `precondition` did not hold.
        Condition = "condition",
        /// Its schedule was changed or removed.
        Retired = "retired",
        /// Somebody skipped it.
        ByUser = "by_user",
    }
}

words! {
    /// Why a run exists.
    Cause {
        /// A due time.
        Occurrence = "occurrence",
        /// Somebody asked for it.
        Manual = "manual",
        /// It repeats an earlier run.
        Rerun = "rerun",
        /// Somebody wants the due times of a stretch of the past run.
        Backfill = "backfill",
    }
}
