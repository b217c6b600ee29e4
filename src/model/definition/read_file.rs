//! What a file of jobs was like when it was read; not what was in it.

use serde::{Deserialize, Serialize};

use super::JobName;

/// A file, with all that is laid over it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReadFile {
    /// Its name without its ending.
    #[serde(skip)]
    pub stem: String,
    /// Another number: it may say something else.
    pub stamp: u64,
    /// What it defines.
    pub jobs: Vec<JobName>,
    /// The calendars that these name, and the stamps of their files.
    pub calendars: Vec<(String, u64)>,
}

/// What a look at all files has changed in what is known of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadFiles {
    /// What they are read under: with another version, configuration or time zone they may mean something else.
    pub under: String,
    /// What was known before is known no more.
    pub is_anew: bool,
    /// They were read.
    pub read: Vec<ReadFile>,
    /// They are gone, or are to be read each time.
    pub gone: Vec<String>,
}
