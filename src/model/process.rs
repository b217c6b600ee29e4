//! What the engine asks of whoever executes: complete descriptions, so that nothing needs to be looked up on the way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::definition::{Leftovers, Limits, Stop, Value};
use super::duration::Duration;
use super::id::{DeliveryId, Launch, RunId};

/// A process to start: a task's attempt or a shell hook. Its description is complete but for secrets, which the daemon
/// resolves when it is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its number; everything said about it carries this number.
    pub launch: Launch,
    /// For people, as in `job nightly, run 3f2a…, task main, attempt 1`.
    pub label: String,
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// A text that is written to a file that only its owner may read and run; the file's path is put before `argv`,
    /// which may then be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Set over the base environment of every task.
    pub env: BTreeMap<String, Value>,
    /// Files of variables that the daemon reads into `env` when it sends this; `env` goes over them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_files: Vec<String>,
    /// Variables that the daemon takes from its own environment into `env` when it sends this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_inherit: Vec<String>,
    /// Texts that are masked wherever it writes them; filled in by the daemon when it sends this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
    /// It may leave named values, in a file that it makes itself where `CAMPANILE_OUTPUT` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_leave_outputs: bool,
    /// The mask of the modes of files that it makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Whom it runs as; otherwise whoever the runner may start processes as without being asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its group; otherwise the first of that user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How it stands back for others, from -20 to 19.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i8>,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What is run before TERM is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Given on standard input; otherwise it is `/dev/null`.
    pub stdin: Option<String>,
    /// Where it starts; otherwise the runner's own default.
    pub working_dir: Option<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// How long after TERM comes KILL.
    pub kill_grace: Duration,
    /// What happens to processes that it leaves behind.
    pub leftovers: Leftovers,
    /// Bytes of log that it may keep.
    pub max_output: u64,
    /// Its log, below the state folder; made when it first writes.
    pub log_path: String,
}

impl Process {
    /// The process that runs `argv` with nothing else said: no input, no limit of time, leftovers killed.
    pub fn new(launch: Launch, argv: Vec<String>, log_path: String) -> Self {
        Process {
            launch,
            label: String::new(),
            argv,
            script: None,
            env: BTreeMap::new(),
            env_files: Vec::new(),
            env_inherit: Vec::new(),
            masked: Vec::new(),
            may_leave_outputs: false,
            umask: None,
            user: None,
            group: None,
            nice: None,
            limits: Limits::default(),
            stop: None,
            stdin: None,
            working_dir: None,
            timeout: None,
            kill_grace: Duration::from_secs(10),
            leftovers: Leftovers::Kill,
            max_output: 16 << 20,
            log_path,
        }
    }
}

/// Where the log of a task's attempt is, below the state folder. Whoever reads a live attempt's log and whoever has it
/// written must agree without asking each other. Names are safe as file names, so the path stays below the folder.
pub fn log_path(job: Option<&str>, run: RunId, task: &str, number: u64) -> String {
    format!("logs/{}/{run}/{task}.{number}.log", job.unwrap_or("adhoc"))
}

/// Where the log of a shell hook's try is, below the state folder: in a folder of its delivery, whose tries follow each
/// other.
pub fn hook_log_path(delivery: DeliveryId, launch: Launch) -> String {
    format!("logs/hooks/{delivery}/{launch}.log")
}

/// Whether `path` is the log of a hook's try, and not that of an attempt of a job that is called `hooks`.
pub fn is_hook_log(path: &str) -> bool {
    let file = path.strip_prefix("logs/hooks/").and_then(|rest| rest.split_once('/'));
    let number = file.and_then(|(_, file)| file.strip_suffix(".log"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_hook_is_told_from_that_of_a_job_of_this_name() {
        let id = "0193a7c4-0000-7000-8000-000000000009";
        assert!(is_hook_log(&hook_log_path(id.parse().unwrap(), Launch(7))));
        assert!(!is_hook_log(&log_path(Some("hooks"), id.parse().unwrap(), "7", 7)));
        assert!(!is_hook_log(&log_path(Some("nightly"), id.parse().unwrap(), "main", 1)));
    }
}
