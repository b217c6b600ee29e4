//! What a process may use at most. Each limit is off where nothing is said.

use serde::{Deserialize, Serialize};

use crate::model::duration::Duration;

/// The limits of one task's processes.
///
/// The first five are the kernel's limits of each process (setrlimit(2)); the last three count all processes of an
/// attempt together, and need a cgroup that was delegated to the runner (cgroups(7)).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Descriptors that are open at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Processor time of one process; beyond it comes SIGXCPU, a second later SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<Duration>,
    /// Bytes of a file that is written; beyond it comes SIGXFSZ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// Bytes of address space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space: Option<u64>,
    /// Bytes of a core dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<u64>,
    /// Bytes of memory (`memory.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Processors, in thousandths (`cpu.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u32>,
    /// Processes and threads (`pids.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Limits::default()
    }
}
