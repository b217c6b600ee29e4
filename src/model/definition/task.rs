//! A task: what is started, how long it may take, how often it is tried, and how its exit is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Http, Limits, Pools, Value};
use crate::model::duration::Duration;

/// One task of a job, defaults filled in. A job with one command is a workflow of one task named `main`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Unique within its job.
    pub name: String,
    /// The tasks that must complete first.
    pub after: Vec<String>,
    /// What is done.
    pub action: Action,
    /// Added to the environment that every task has.
    pub env: BTreeMap<String, Value>,
    /// Files of `NAME=value` lines, read by the daemon for each attempt; `env` goes over them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_files: Vec<String>,
    /// Variables of the daemon's own environment that are handed on; `env_files` and `env` go over them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_inherit: Vec<String>,
    /// What runs a `shell` text that does not begin with `#!`: a program and its arguments, the text comes last.
    /// Empty stands for `/bin/sh -c`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpreter: Vec<String>,
    /// The mask of the modes of files that it makes; otherwise the runner's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Whom its process runs as: a name or a number; otherwise the daemon's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group of its process: a name or a number; otherwise the first of that user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How its process stands back for others, from -20 to 19.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i8>,
    /// What its processes may use at most.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What an attempt of it takes from named pools.
    #[serde(default, skip_serializing_if = "Pools::is_empty")]
    pub pools: Pools,
    /// What is run before TERM is sent, for work that lives elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// What its output must be like, besides its exit code.
    #[serde(default, skip_serializing_if = "Success::is_empty")]
    pub success: Success,
    /// Its texts are no templates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raw: bool,
    /// Its exit says whether the others are wanted: 0 is yes, any other code no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_precondition: bool,
    /// Given on standard input; otherwise it is `/dev/null`.
    pub stdin: Option<String>,
    /// Where it starts; otherwise HOME, under `campanile run` the current folder.
    pub working_dir: Option<String>,
    /// How long one attempt may take; otherwise for ever.
    pub timeout: Option<Duration>,
    /// How long after TERM comes KILL.
    pub kill_grace: Duration,
    /// How often it is tried.
    pub retry: Retry,
    /// How its exit code is read.
    pub exit_codes: ExitCodes,
    /// What happens to processes that it leaves behind.
    pub leftovers: Leftovers,
    /// What happens after an attempt that is gone without a known exit.
    pub on_interrupt: OnInterrupt,
    /// Bytes of log that one attempt may keep; head and tail beyond that.
    pub max_output: u64,
}

impl Task {
    /// A task of that name and action, with the defaults of a file that says nothing else.
    pub fn new(name: &str, action: Action) -> Self {
        Task {
            name: name.to_owned(),
            after: Vec::new(),
            action,
            env: BTreeMap::new(),
            env_files: Vec::new(),
            env_inherit: Vec::new(),
            interpreter: Vec::new(),
            umask: None,
            user: None,
            group: None,
            nice: None,
            limits: Limits::default(),
            pools: Pools::default(),
            stop: None,
            success: Success::default(),
            raw: false,
            is_precondition: false,
            stdin: None,
            working_dir: None,
            timeout: None,
            kill_grace: Duration::from_secs(10),
            retry: Retry::default(),
            exit_codes: ExitCodes::default(),
            leftovers: Leftovers::default(),
            on_interrupt: OnInterrupt::default(),
            max_output: 16 << 20,
        }
    }
}

/// What a task does: exactly one kind.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A text for the task's interpreter; never templated.
    Shell(String),
    /// A program and its arguments, without a shell; never empty.
    Command(Vec<String>),
    /// One HTTP request, sent by the daemon.
    Http(Box<Http>),
    /// Nothing: completes when it is claimed. It exists for measuring and for joining branches.
    Noop,
}

/// What is run before TERM is sent to a task that is to end: a program in the task's folder, with its environment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// The program and its arguments; never empty.
    pub command: Vec<String>,
    /// How long it may take before TERM is sent all the same.
    pub timeout: Duration,
}

/// What the captured output of an attempt must be like for it to have succeeded, whatever its exit code says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Success {
    /// Each must be in the output.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_substrings: Vec<String>,
    /// Each must match somewhere; `^` and `$` are the ends of a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_regex: Vec<String>,
    /// None may match anywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forbidden_regex: Vec<String>,
    /// So many words must be in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_word_count: Option<u32>,
    /// Letters match whatever their case.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub case_insensitive: bool,
}

impl Success {
    /// Whether any output will do.
    pub fn is_empty(&self) -> bool {
        *self == Success { case_insensitive: self.case_insensitive, ..Success::default() }
    }
}

/// How often a task is tried, and how long apart: `delay * factor^(n-1)`, at most `max_delay`, give or take `jitter`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all; 1 is no retry.
    pub max_attempts: u32,
    /// Before the second attempt.
    pub delay: Duration,
    /// By which each further delay grows.
    pub factor: f64,
    /// The longest delay.
    pub max_delay: Duration,
    /// The part of a delay, 0 to 1, that chance may add or take.
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            max_attempts: 1,
            delay: Duration::from_secs(1),
            factor: 2.0,
            max_delay: Duration::from_secs(300),
            jitter: 0.1,
        }
    }
}

/// How an exit code is read; what no list names fails the attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExitCodes {
    /// Completes.
    pub ok: Vec<i32>,
    /// Fails, and is tried again. Empty: every failure is tried again.
    pub retry: Vec<i32>,
    /// Skips: nothing to do, and what comes after is skipped too.
    pub skip: Vec<i32>,
}

impl Default for ExitCodes {
    fn default() -> Self {
        ExitCodes { ok: vec![0], retry: Vec::new(), skip: Vec::new() }
    }
}

/// What happens to processes that a task leaves behind when its first process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leftovers {
    /// They are killed, and how many is recorded.
    #[default]
    Kill,
    /// The attempt ends when the last of them has ended.
    Wait,
    /// They live on.
    Leave,
}

/// What happens after an attempt that is gone without a known exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInterrupt {
    /// Another attempt, at most three times for this reason; it does not count against `max_attempts`.
    #[default]
    Retry,
    /// The task fails.
    Fail,
}
