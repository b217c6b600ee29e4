//! A schedule: a rule of a job that says when it is due, and what to do with due times that were missed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::closed::{Blackout, Dates};
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
    /// Every due time is later by a part of this, the same one for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Duration>,
    /// The due times of `every` are so much later than its anchor has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Duration>,
    /// Only every so-manieth due time of the rule is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// From where `nth` counts the due times of an expression; `every` has an anchor of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Timestamp>,
    /// There are no due times before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// There are no due times at or after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A due time that is looked at so much later does not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// Due times on these dates do not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Dates>,
    /// If there are any, due times on other dates do not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Dates>,
    /// Due times within these do not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blackout: Vec<Blackout>,
}

impl Schedule {
    /// That rule in that zone, and nothing else said.
    pub fn new(timing: Timing, timezone: &str) -> Self {
        Schedule {
            name: None,
            timing,
            timezone: timezone.to_owned(),
            catch_up: CatchUp::default(),
            catch_up_window: Duration::from_secs(86_400),
            catch_up_max: 24,
            jitter: None,
            phase: None,
            nth: None,
            anchor: None,
            from: None,
            until: None,
            deadline: None,
            exclude: Vec::new(),
            only: Vec::new(),
            blackout: Vec::new(),
        }
    }

    /// What decides its due times, and nothing else.
    pub fn rule(&self) -> Schedule {
        let plain = Schedule::new(Timing::Start, &self.timezone);
        let Schedule { catch_up, catch_up_window, catch_up_max, .. } = plain;
        Schedule { name: None, catch_up, catch_up_window, catch_up_max, deadline: None, ..self.clone() }
    }

    /// Whether some of its due times may not start a run.
    pub fn excludes(&self) -> bool {
        !(self.exclude.is_empty() && self.only.is_empty() && self.blackout.is_empty())
    }

    /// What it comes to while its cursor stands there: what follows the runs of its job is an interval that begins with the
    /// cursor, for as long as no run begins.
    pub fn at_cursor(&self, cursor: Timestamp) -> Cow<'_, Schedule> {
        match self.timing {
            Timing::AfterEnd { delay } => {
                let timing = Timing::Every { period: delay, anchor: cursor };
                Cow::Owned(Schedule { timing, ..self.clone() })
            }
            Timing::Cron { .. }
            | Timing::Quartz { .. }
            | Timing::Every { .. }
            | Timing::At { .. }
            | Timing::Reboot
            | Timing::Start => Cow::Borrowed(self),
        }
    }

    /// What identifies this schedule within its job: its name, or else its normalised timing keys. An edit that keeps
    /// the key keeps the cursor.
    pub fn key(&self) -> String {
        match &self.name {
            Some(name) => format!("name:{name}"),
            None => self.rule_key(),
        }
    }

    /// Those of `all` that somebody means who says `word`, a name or a key; all of them without a word.
    pub fn chosen<'a>(all: &'a [Schedule], word: Option<&str>) -> Result<Vec<&'a Schedule>, String> {
        let Some(word) = word else { return Ok(all.iter().collect()) };
        let is_meant = |schedule: &&Schedule| schedule.name.as_deref() == Some(word) || schedule.key() == word;
        all.iter().find(is_meant).map(|schedule| vec![schedule]).ok_or_else(|| word.to_owned())
    }

    fn rule_key(&self) -> String {
        let mut key = match &self.timing {
            Timing::Cron { expression } => format!("cron:{} {}", normalised(expression), self.timezone),
            Timing::Quartz { expression } => format!("quartz:{} {}", normalised(expression), self.timezone),
            Timing::Every { period, anchor } => format!("every:{period} {anchor}"),
            Timing::AfterEnd { delay } => format!("after_end:{delay}"),
            Timing::At { at } => format!("at:{at}"),
            Timing::Reboot => "@reboot".to_owned(),
            Timing::Start => "@start".to_owned(),
        };
        key.extend(self.phase.map(|phase| format!(" phase:{phase}")));
        key.extend(self.nth.map(|nth| format!(" nth:{nth}")));
        key.extend(self.anchor.map(|anchor| format!(" anchor:{anchor}")));
        key
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
    /// So long after the last run of the job has ended.
    AfterEnd {
        /// From the end of a run to the next due time; never zero.
        delay: Duration,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::{canonical, from_canonical};

    #[test]
    fn what_older_stores_hold_reads_and_is_written_as_it_was() {
        let old = concat!(
            r#"{"layout":1,"definition":{"name":null,"timing":{"cron":{"expression":"0 * * * *"}},"timezone":"UTC","#,
            r#""catch_up":"latest","catch_up_window":"1d","catch_up_max":24}}"#
        );
        let schedule: Schedule = from_canonical(old).expect("because it was written by an older version");
        assert_eq!(schedule, Schedule::new(Timing::Cron { expression: "0 * * * *".to_owned() }, "UTC"));
        assert_eq!((canonical(&schedule).as_str(), schedule.key().as_str()), (old, "cron:0 * * * * UTC"));
    }

    #[test]
    fn what_makes_another_rhythm_makes_another_schedule_and_nothing_else_does() {
        let rule = |change: &dyn Fn(&mut Schedule)| {
            let mut schedule = Schedule::new(Timing::Cron { expression: "0 9 * * *".to_owned() }, "UTC");
            change(&mut schedule);
            schedule.key()
        };
        let plain = rule(&|_| {});
        assert_eq!(rule(&|schedule| schedule.jitter = Some(Duration::MAX)), plain);
        assert_eq!(rule(&|schedule| schedule.from = Some(Timestamp::MIN)), plain);
        assert_eq!(rule(&|schedule| schedule.until = Some(Timestamp::MAX)), plain);
        assert_ne!(rule(&|schedule| schedule.nth = Some(2)), plain);
        assert_ne!(rule(&|schedule| schedule.phase = Some(Duration::MAX)), plain);
    }
}
