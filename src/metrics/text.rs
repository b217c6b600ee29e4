//! The text of a scrape: what was counted, beside what is true now, which whoever scrapes has read from the store. Every
//! job in force has its series from the start, so that the first failure is an increase and not an appearance.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::histogram::{DELAYS, Histogram, LENGTHS};
use super::{Beat, Counts, Metrics, OfJob};
use crate::model::outcome::{Outcome, Reason};
use crate::model::timestamp::Timestamp;

/// A job in force.
#[derive(Clone, PartialEq, Debug)]
pub struct JobStanding {
    /// Its name.
    pub name: String,
    /// When a run of it last completed.
    pub last_success_at: Option<Timestamp>,
    /// When it is due next.
    pub next_at: Option<Timestamp>,
    /// The last change of its file could be read.
    pub is_valid: bool,
}

/// Something that is done for the store at times.
#[derive(Clone, PartialEq, Debug)]
pub struct ChoreStanding {
    /// What.
    pub name: String,
    /// When it last went well.
    pub succeeded_at: Option<Timestamp>,
    /// When it last failed.
    pub failed_at: Option<Timestamp>,
    /// It failed when it was last done.
    pub is_failing: bool,
}

/// What is true now.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// The version of the daemon's binary.
    pub version: &'static str,
    /// Since when the daemon runs.
    pub started_at: Timestamp,
    /// The jobs in force.
    pub jobs: Vec<JobStanding>,
    /// How many tasks are live, by state.
    pub tasks: Vec<(String, u64)>,
    /// How many deliveries are owed.
    pub n_owed: u64,
    /// How many files cannot be read as jobs.
    pub n_invalid: u64,
    /// What the operator has scheduled.
    pub chores: Vec<ChoreStanding>,
}

#[derive(Debug)]
struct Scrape {
    counts: Counts,
    beat: Beat,
    standing: Standing,
}

impl Metrics {
    /// The text of a scrape. What was counted of jobs that are not in force any more is forgotten.
    pub fn text(&self, standing: Standing) -> String {
        let counts = {
            let mut counts = self.lock();
            let names: std::collections::HashSet<&str> = standing.jobs.iter().map(|job| job.name.as_str()).collect();
            counts.jobs.retain(|name, _| name.is_empty() || names.contains(name.as_str()));
            counts.clone()
        };
        let mut registry = Registry::default();
        let beat = *self.beat.borrow();
        registry.register_collector(Box::new(Scrape { counts, beat, standing }));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)
            .expect("because a text takes all that is written");
        text
    }
}

/// One metric, whose series follow.
struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    fn count<S: EncodeLabelSet>(&mut self, labels: &S, n: u64) -> Result<(), Error> {
        self.0.encode_family(labels)?.encode_counter::<NoLabelSet, u64, f64>(&n, None)
    }

    fn gauge<S: EncodeLabelSet>(&mut self, labels: &S, value: f64) -> Result<(), Error> {
        self.0.encode_family(labels)?.encode_gauge(&value)
    }

    fn plain(&mut self, value: f64) -> Result<(), Error> {
        self.0.encode_gauge(&value)
    }

    fn plain_histogram(&mut self, found: &Histogram) -> Result<(), Error> {
        self.0.encode_histogram::<NoLabelSet>(found.sum, found.count, &found.buckets(), None)
    }

    fn histogram<S: EncodeLabelSet>(&mut self, labels: &S, found: &Histogram) -> Result<(), Error> {
        let (sum, count, buckets) = (found.sum, found.count, found.buckets());
        self.0.encode_family(labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        self.daemon(&mut encoder)?;
        self.jobs(&mut encoder)?;
        self.lengths(&mut encoder)?;
        self.hooks(&mut encoder)?;
        self.chores(&mut encoder)
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}

impl Scrape {
    fn family<'a>(
        encoder: &'a mut DescriptorEncoder<'_>,
        name: &'a str,
        help: &str,
        kind: MetricType,
    ) -> Result<Family<'a>, Error> {
        Ok(Family(encoder.encode_descriptor(name, help, None, kind)?))
    }

    fn daemon(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let Scrape { counts, beat, standing } = self;
        Self::family(encoder, "campanile_build_info", "Which version runs.", MetricType::Gauge)?
            .gauge(&[("version", standing.version)], 1.0)?;
        let gauges = [
            ("campanile_start_time_seconds", "When the daemon started.", seconds(standing.started_at)),
            ("campanile_engine_last_step_timestamp_seconds", "The engine's last turn.", seconds(beat.at)),
            ("campanile_invalid_files", "Files that cannot be read as jobs.", standing.n_invalid as f64),
            ("campanile_deliveries_owed", "Deliveries that are still to arrive.", standing.n_owed as f64),
        ];
        for (name, help, value) in gauges {
            Self::family(encoder, name, help, MetricType::Gauge)?.plain(value)?;
        }
        if let Some(whole) = counts.last_load {
            let help = "Whether every file was right when they were read last.";
            Self::family(encoder, "campanile_config_last_reload_successful", help, MetricType::Gauge)?
                .plain(f64::from(u8::from(whole)))?;
        }
        let mut tasks = Self::family(encoder, "campanile_queue_length", "Live tasks, by state.", MetricType::Gauge)?;
        let of = |state: &str| standing.tasks.iter().find(|(word, _)| word == state).map_or(0, |(_, n)| *n);
        for state in ["blocked", "queued", "running", "retrying", "waiting"] {
            tasks.gauge(&[("state", state)], of(state) as f64)?;
        }
        Self::family(encoder, "campanile_tasks_running", "Tasks that run.", MetricType::Gauge)?
            .plain(of("running") as f64)?;
        Self::family(
            encoder,
            "campanile_engine_step_duration_seconds",
            "How long a step takes.",
            MetricType::Histogram,
        )?
        .plain_histogram(&counts.steps)
    }

    /// Every job in force, and what belongs to none; with what was counted of it.
    fn each(&self) -> impl Iterator<Item = (&str, Option<&OfJob>)> {
        let names = self.standing.jobs.iter().map(|job| job.name.as_str()).chain([""]);
        names.map(|name| (name, self.counts.jobs.get(name)))
    }

    fn jobs(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut runs = Self::family(encoder, "campanile_runs", "Runs that ended.", MetricType::Counter)?;
        for (job, of_job) in self.each() {
            for outcome in Outcome::ALL {
                let n = of_job.and_then(|of_job| of_job.runs.get(outcome)).copied().unwrap_or(0);
                runs.count(&[("job", job), ("outcome", outcome.as_str())], n)?;
            }
        }
        let mut tasks = Self::family(encoder, "campanile_tasks", "Tasks that ended.", MetricType::Counter)?;
        for (job, of_job) in self.each() {
            for outcome in Outcome::ALL {
                let n = of_job.and_then(|of_job| of_job.tasks.get(outcome)).copied().unwrap_or(0);
                tasks.count(&[("job", job), ("outcome", outcome.as_str())], n)?;
            }
        }
        let mut skips = Self::family(encoder, "campanile_skips", "Due times that did not start.", MetricType::Counter)?;
        for (job, of_job) in self.each().filter(|(job, _)| !job.is_empty()) {
            for reason in Reason::ALL {
                let n = of_job.and_then(|of_job| of_job.skips.get(reason)).copied().unwrap_or(0);
                skips.count(&[("job", job), ("reason", reason.as_str())], n)?;
            }
        }
        let jobs = &self.standing.jobs;
        let help = "When a run of the job last completed.";
        let mut last = Self::family(encoder, "campanile_job_last_success_timestamp_seconds", help, MetricType::Gauge)?;
        for (job, at) in jobs.iter().filter_map(|job| Some((job, job.last_success_at?))) {
            last.gauge(&[("job", job.name.as_str())], seconds(at))?;
        }
        let help = "When the job is due next.";
        let mut next = Self::family(encoder, "campanile_job_next_run_timestamp_seconds", help, MetricType::Gauge)?;
        for (job, at) in jobs.iter().filter_map(|job| Some((job, job.next_at?))) {
            next.gauge(&[("job", job.name.as_str())], seconds(at))?;
        }
        let help = "Whether the last change of the job's file could be read.";
        let mut valid = Self::family(encoder, "campanile_job_config_valid", help, MetricType::Gauge)?;
        for job in jobs {
            valid.gauge(&[("job", job.name.as_str())], f64::from(u8::from(job.is_valid)))?;
        }
        Ok(())
    }

    fn lengths(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        type Of = fn(&OfJob) -> &Histogram;
        let families: [(&str, &str, &'static [f64], Of); 3] = [
            ("campanile_run_start_delay_seconds", "From the due time to the start.", DELAYS, |of| &of.late),
            ("campanile_run_duration_seconds", "From the start of a run to its end.", LENGTHS, |of| &of.run_took),
            ("campanile_task_duration_seconds", "From the start of a task to its end.", LENGTHS, |of| &of.task_took),
        ];
        for (name, help, bounds, of) in families {
            let empty = Histogram::new(bounds);
            let mut family = Self::family(encoder, name, help, MetricType::Histogram)?;
            for (job, of_job) in self.each() {
                family.histogram(&[("job", job)], of_job.map_or(&empty, of))?;
            }
        }
        Ok(())
    }

    fn chores(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        type At = fn(&ChoreStanding) -> Option<Timestamp>;
        let moments: [(&str, &str, At); 2] = [
            ("campanile_chore_last_success_timestamp_seconds", "When the chore last went well.", |of| of.succeeded_at),
            ("campanile_chore_last_failure_timestamp_seconds", "When the chore last failed.", |of| of.failed_at),
        ];
        let chores = &self.standing.chores;
        for (name, help, at) in moments {
            let mut family = Self::family(encoder, name, help, MetricType::Gauge)?;
            for (chore, at) in chores.iter().filter_map(|chore| Some((chore, at(chore)?))) {
                family.gauge(&[("chore", chore.name.as_str())], seconds(at))?;
            }
        }
        let help = "Whether the chore failed when it was last done.";
        let mut failing = Self::family(encoder, "campanile_chore_failing", help, MetricType::Gauge)?;
        for chore in chores {
            failing.gauge(&[("chore", chore.name.as_str())], f64::from(u8::from(chore.is_failing)))?;
        }
        Ok(())
    }

    fn hooks(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "Tries to deliver, by how they ended.";
        let mut family = Self::family(encoder, "campanile_deliveries", help, MetricType::Counter)?;
        for ((hook, end), n) in &self.counts.deliveries {
            family.count(&[("hook", hook.as_str()), ("result", end.as_str())], *n)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::DeliveryEnd;
    use crate::model::duration::Duration;

    fn standing(names: &[&str]) -> Standing {
        let job = |name: &&str| JobStanding {
            name: (*name).to_owned(),
            last_success_at: Some(Timestamp::from_micros(7_000_000)),
            next_at: None,
            is_valid: true,
        };
        Standing {
            version: "1.2.3",
            started_at: Timestamp::default(),
            jobs: names.iter().map(job).collect(),
            tasks: vec![("running".to_owned(), 2)],
            n_owed: 0,
            n_invalid: 1,
            chores: vec![ChoreStanding {
                name: "backup".to_owned(),
                succeeded_at: None,
                failed_at: Some(Timestamp::from_micros(9_000_000)),
                is_failing: true,
            }],
        }
    }

    #[test]
    fn the_page_of_metrics_names_every_one_of_them() {
        let metrics = Metrics::new(Beat { at: Timestamp::default(), boot_us: 0 });
        metrics.loaded(true);
        let text = metrics.text(standing(&["nightly"]));
        let mut table = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
        for help in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
            let (name, meaning) = help.split_once(' ').expect("because every metric is explained");
            let of_kind = format!("# TYPE {name} ");
            let kind = text.lines().find_map(|line| line.strip_prefix(&of_kind)).expect("because it has a type");
            let labels = match name.strip_prefix("campanile_").unwrap_or(name) {
                "runs" | "tasks" => "`job`, `outcome`",
                "skips" => "`job`, `reason`",
                "deliveries" => "`hook`, `result`",
                "queue_length" => "`state`",
                "build_info" => "`version`",
                name if name.starts_with("chore_") => "`chore`",
                _ if text.contains(&format!("{name}{{job=")) || text.contains(&format!("{name}_sum{{job=")) => "`job`",
                "job_next_run_timestamp_seconds" => "`job`",
                _ => "",
            };
            let shown = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            table.push_str(&format!("| `{shown}` | {kind} | {labels} | {meaning} |\n"));
        }
        crate::pages::hold("docs/reference/metrics.md", &include_str!("page.txt").replace("{{METRICS}}\n", &table));
    }

    #[test]
    fn jobs_have_their_series_from_the_start_and_lose_them_when_they_are_retired() {
        let metrics = Metrics::new(Beat { at: Timestamp::default(), boot_us: 0 });
        let text = metrics.text(standing(&["nightly"]));
        assert!(text.contains("campanile_runs_total{job=\"nightly\",outcome=\"exit_code\"} 0\n"), "{text}");
        assert!(text.contains("campanile_job_last_success_timestamp_seconds{job=\"nightly\"} 7.0\n"), "{text}");
        assert!(!text.contains("campanile_chore_last_success_timestamp_seconds{"), "it never went well: {text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        metrics.run_started(Some("nightly"), Some(Duration::from_millis(20)));
        metrics.run_ended(Some("nightly"), Outcome::ExitCode, Some(Duration::from_secs(2)));
        metrics.skipped("nightly", Reason::Paused, 3);
        metrics.delivered("alert", DeliveryEnd::Dead);
        let text = metrics.text(standing(&["nightly"]));
        for line in [
            "campanile_runs_total{job=\"nightly\",outcome=\"exit_code\"} 1",
            "campanile_skips_total{job=\"nightly\",reason=\"paused\"} 3",
            "campanile_run_start_delay_seconds_bucket{le=\"0.05\",job=\"nightly\"} 1",
            "campanile_run_duration_seconds_sum{job=\"nightly\"} 2.0",
            "campanile_deliveries_total{hook=\"alert\",result=\"dead\"} 1",
            "campanile_queue_length{state=\"running\"} 2.0",
            "campanile_chore_failing{chore=\"backup\"} 1.0",
            "campanile_chore_last_failure_timestamp_seconds{chore=\"backup\"} 9.0",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is missing in\n{text}");
        }
        assert!(!metrics.text(standing(&["other"])).contains("nightly"));
        assert!(!metrics.text(standing(&["nightly"])).contains("outcome=\"exit_code\"} 1"), "it was forgotten");
    }
}
