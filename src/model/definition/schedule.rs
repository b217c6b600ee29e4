//! A schedule: a rule of a job that says when it is due, and what to do with due times that were missed.

use serde::{Deserialize, Serialize};

use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// One rule of when a job is due.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name within the job, if the file gives one.
    pub name: Option<String>,
    /// The rule itself.
    pub timing: Timing,
    /// The IANA zone in which the rule is read; filled in from the configuration or the system when the file is read.
    pub timezone: String,
    /// What to do with due times that passed while nobody was there.
    pub catch_up: CatchUp,
    /// How far catching up looks back.
    pub catch_up_window: Duration,
    /// How many due times `all` starts at most.
    pub catch_up_max: u32,
}

impl Schedule {
    /// What identifies this schedule within its job: its name, or else its normalised timing keys. An edit that keeps
    /// the key keeps the cursor.
    pub fn key(&self) -> String {
        match &self.name {
            Some(name) => format!("name:{name}"),
            None => match &self.timing {
                Timing::Cron { expression } => format!("cron:{} {}", normalised(expression), self.timezone),
                Timing::Quartz { expression } => format!("quartz:{} {}", normalised(expression), self.timezone),
                Timing::Every { period, anchor } => format!("every:{period} {anchor}"),
                Timing::At { at } => format!("at:{at}"),
                Timing::Reboot => "@reboot".to_owned(),
                Timing::Start => "@start".to_owned(),
            },
        }
    }
}

fn normalised(expression: &str) -> String {
    expression.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// A rule of when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// A cron expression: five fields, six with seconds first, or an `@` name that stands for one.
    Cron {
        /// As written.
        expression: String,
    },
    /// A Quartz expression: six or seven fields, seconds first, the year last.
    Quartz {
        /// As written.
        expression: String,
    },
    /// Every so often from an absolute instant, so that a restart does not shift it.
    Every {
        /// From one due time to the next; never zero.
        period: Duration,
        /// A due time; the Unix epoch unless the file says otherwise.
        anchor: Timestamp,
    },
    /// Once, for ever.
    At {
        /// When.
        at: Timestamp,
    },
    /// At the first daemon start after the machine has booted.
    Reboot,
    /// At every daemon start.
    Start,
}

/// What to do with due times that passed while the daemon was not running.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// None starts.
    None,
    /// The newest within the window starts.
    #[default]
    Latest,
    /// Those within the window start, oldest first, at most `catch_up_max`.
    All,
}
