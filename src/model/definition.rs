//! What people write down: jobs, tasks, schedules and hooks, after reading and checking, with every default filled in.
//! A definition is stored as canonical JSON (`canonical`), so that equal definitions have equal text and one hash.

pub mod closed;
pub mod hook;
pub mod http;
pub mod job;
pub mod limits;
pub mod param;
pub mod pools;
pub mod precondition;
pub mod read_file;
pub mod schedule;
pub mod task;
pub mod value;

pub use closed::{Blackout, DateRange, Dates, TimeOfDay};
pub use hook::{Hook, Target};
pub use http::{Body, Http};
pub use job::{Job, JobName, Overlap, Priority};
pub use limits::Limits;
pub use param::{Param, ParamType};
pub use pools::{PoolSizes, Pools};
pub use precondition::{PRECONDITION, PRECONDITION_TIMEOUT};
pub use read_file::{ReadFile, ReadFiles};
pub use schedule::{CatchUp, Schedule, Timing};
pub use task::{Action, ExitCodes, Leftovers, OnInterrupt, Retry, Stop, Success, Task};
pub use value::Value;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The layout of canonical text. A reader of another layout must translate, never guess.
const LAYOUT: u32 = 1;

#[derive(serde::Serialize, serde::Deserialize)]
struct Canonical<T> {
    layout: u32,
    definition: T,
}

/// The one text of `definition`: compact JSON, keys in the order of the type, marked with its layout.
pub fn canonical<T: Serialize>(definition: &T) -> String {
    serde_json::to_string(&Canonical { layout: LAYOUT, definition })
        .expect("because definitions hold only text, numbers and lists")
}

/// Reads what `canonical` wrote.
pub fn from_canonical<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let Canonical { layout, definition } = serde_json::from_str::<Canonical<T>>(text)?;
    if layout != LAYOUT {
        return Err(serde::de::Error::custom(format!("definition layout {layout} is not {LAYOUT}")));
    }
    Ok(definition)
}
