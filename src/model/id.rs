//! Names of things that the store gives out: runs, tasks, backfills and deliveries by UUIDv7 (RFC 9562), so that they sort
//! by birth; jobs, schedules, definitions and hooks by row number, because only the engine ever says them.
//!
//! Nothing here makes an id: ids come from the engine's seed (`engine::ids`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these 16 bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes that the store keeps.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The last eight hex digits. The first eight are the clock and are alike for a minute, so people are
            /// shown the end.
            pub fn short(&self) -> String {
                let hex = self.0.simple().to_string();
                hex[24..].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// One execution of a job revision.
    RunId
}
uuid_id! {
    /// One task of one run.
    TaskId
}
uuid_id! {
    /// Due times of the past that somebody wants run.
    BackfillId
}
uuid_id! {
    /// One hook owed one event; also the receiver's idempotency key.
    DeliveryId
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id! {
    /// A job's row; it outlives every revision.
    JobId(i64)
}
row_id! {
    /// A schedule's row; it is never deleted, so a past due time stays past.
    ScheduleId(i64)
}
row_id! {
    /// One stored definition, shared by every revision and run with the same content.
    DefinitionId(i64)
}
row_id! {
    /// One stored hook, shared by every delivery to the same target.
    HookId(i64)
}
row_id! {
    /// The number of a launch: grows for ever, is sent in that order, and fences everything said about the attempt.
    Launch(u64)
}

impl Launch {
    /// The highest there is: far beyond what is ever drawn, and far from what the store and the runner can count.
    pub const MAX: Launch = Launch(1 << 60);
}
row_id! {
    /// The number of an event; there are no gaps.
    EventSeq(u64)
}
