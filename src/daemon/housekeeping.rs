//! What the operator has scheduled for the store: backups and checks, by tokio-cron-scheduler, in UTC. They are apart from
//! the engine, which they look after: they read the store on connections of their own, nothing of the engine waits for
//! them, and when one fails the log and `ctl status` say so and that is all.
//!
//! Their clock ticks twice a second, so it is started only if there is anything to do; an idle daemon without chores has
//! no timer. A chore that is due while the same one is still at work is left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::backup::{back_up, compact};
use super::reload::InForce;
use crate::clock;
use crate::driver;
use crate::engine::Handle;
use crate::files::settings::{Backup, Settings};
use crate::store::sqlite;
use crate::wire::status::Chore;

/// The names of backups: a moment between the two.
const PREFIX: &str = "campanile-";
const SUFFIX: &str = ".db";

/// Does chores at their times.
pub(super) struct Housekeeping {
    in_force: watch::Receiver<InForce>,
    state_dir: PathBuf,
    handle: Handle,
    shown: watch::Sender<Vec<Chore>>,
}

/// One thing that is done at times.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Work {
    Backup(Backup),
    Check,
}

impl Work {
    fn name(&self) -> &'static str {
        match self {
            Work::Backup(_) => "backup",
            Work::Check => "integrity_check",
        }
    }

    fn does(&self, state_dir: &Path) -> Result<(), String> {
        match self {
            Work::Backup(backup) => keep_backups(state_dir, backup),
            Work::Check => sqlite::check_whole(&driver::database(state_dir)).map_err(|error| error.to_string()),
        }
    }
}

impl Housekeeping {
    /// Chores as they are in force, and how they went.
    pub(super) fn new(
        in_force: watch::Receiver<InForce>,
        state_dir: &Path,
        handle: Handle,
    ) -> (Self, watch::Receiver<Vec<Chore>>) {
        let (shown, seen) = watch::channel(Vec::new());
        (Housekeeping { in_force, state_dir: state_dir.to_owned(), handle, shown }, seen)
    }

    /// Does them, for as long as the daemon lives.
    pub(super) async fn follow(mut self) {
        let (mut known, mut clockwork) = (Vec::new(), None);
        loop {
            let wanted = wanted(&self.in_force.borrow_and_update().settings);
            if wanted != known {
                stop(clockwork.take()).await;
                self.shown.send_replace(wanted.iter().map(|(work, cron)| shown(work, cron)).collect());
                match self.start(&wanted).await {
                    Ok(started) => clockwork = started,
                    Err(error) => tracing::error!(%error, "backups and checks are not done"),
                }
                known = wanted;
            }
            if self.in_force.changed().await.is_err() {
                return stop(clockwork.take()).await;
            }
        }
    }

    /// A clock for these chores; none if there are none.
    async fn start(&self, wanted: &[(Work, String)]) -> Result<Option<JobScheduler>, JobSchedulerError> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let clockwork = JobScheduler::new().await?;
        for (n, (work, cron)) in wanted.iter().enumerate() {
            let duty = Arc::new(Duty {
                work: work.clone(),
                n,
                state_dir: self.state_dir.clone(),
                handle: self.handle.clone(),
                shown: self.shown.clone(),
                at_work: Mutex::new(()),
            });
            let job = Job::new_async(cron, move |_, _| Box::pin(Arc::clone(&duty).once()))?;
            clockwork.add(job).await?;
        }
        clockwork.start().await?;
        Ok(Some(clockwork))
    }
}

async fn stop(clockwork: Option<JobScheduler>) {
    if let Some(mut clockwork) = clockwork
        && let Err(error) = clockwork.shutdown().await
    {
        tracing::warn!(%error, "a clock for backups and checks does not stop");
    }
}

fn wanted(settings: &Settings) -> Vec<(Work, String)> {
    let backup = settings.backup.clone().map(|backup| (backup.cron.0.clone(), Work::Backup(backup)));
    let check = settings.integrity_check.clone().map(|cron| (cron.0, Work::Check));
    backup.into_iter().chain(check).map(|(cron, work)| (work, cron)).collect()
}

fn shown(work: &Work, cron: &str) -> Chore {
    Chore { name: work.name().to_owned(), cron: cron.to_owned(), ..Chore::default() }
}

/// A chore and its place among those shown.
struct Duty {
    work: Work,
    n: usize,
    state_dir: PathBuf,
    handle: Handle,
    shown: watch::Sender<Vec<Chore>>,
    at_work: Mutex<()>,
}

impl Duty {
    async fn once(self: Arc<Self>) {
        let Ok(_at_work) = self.at_work.try_lock() else {
            tracing::warn!(chore = self.work.name(), "it is still at work, and not begun again");
            return;
        };
        let duty = Arc::clone(&self);
        let done = tokio::task::spawn_blocking(move || duty.work.does(&duty.state_dir)).await;
        let result = done.unwrap_or_else(|error| Err(error.to_string()));
        let (chore, now) = (self.work.name(), clock::wall());
        match &result {
            Ok(()) => tracing::info!(chore, "done"),
            Err(error) => tracing::error!(chore, error, "it failed"),
        }
        self.shown.send_modify(|shown| {
            let Some(chore) = shown.get_mut(self.n).filter(|chore| chore.name == self.work.name()) else { return };
            match result {
                Ok(()) => (chore.succeeded_at, chore.error) = (Some(now), None),
                Err(error) => (chore.failed_at, chore.error) = (Some(now), Some(error)),
            }
        });
        // While it read, the log of the store could not be emptied. The engine may be busy; nobody waits for it here.
        let handle = self.handle.clone();
        drop(tokio::task::spawn_blocking(move || handle.tend()));
    }
}

/// Makes one more backup, and lets the oldest go.
fn keep_backups(state_dir: &Path, backup: &Backup) -> Result<(), String> {
    let said = |error: std::io::Error| format!("`{}`: {error}", backup.dir.display());
    fs::create_dir_all(&backup.dir).map_err(said)?;
    let now = clock::wall();
    let to = backup.dir.join(format!("{PREFIX}{}{SUFFIX}", compact(now)));
    back_up(state_dir, &to, false, now).map_err(|failure| failure.to_string())?;
    let entries = fs::read_dir(&backup.dir).map_err(said)?.flatten();
    let mut made: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_ours(path)).collect();
    // The moment in a name puts the oldest first.
    made.sort();
    let n_old = made.len().saturating_sub(usize::try_from(backup.keep).unwrap_or(usize::MAX));
    for old in &made[..n_old] {
        fs::remove_file(old).map_err(said)?;
    }
    Ok(())
}

/// Only what was made here is ever removed.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let moment = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).unwrap_or_default();
    let (day, time) = moment.split_once('T').unwrap_or_default();
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(day, 8) && time.strip_suffix('Z').is_some_and(|time| digits(time, 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_backups_are_ever_removed() {
        for (name, expected) in [
            ("campanile-20261120T030000Z.db", true),
            ("campanile-20261120T030000Z.db.gz", false),
            ("campanile-keep-me.db", false),
            ("campanile-2026T0300Z.db", false),
            ("campanile.db", false),
            ("other-20261120T030000Z.db", false),
        ] {
            assert_eq!(is_ours(Path::new(name)), expected, "{name}");
        }
    }
}
