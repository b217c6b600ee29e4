//! Notices that files have changed, and has them read.
//!
//! inotify tells (by the `notify` crate, on a thread that sleeps in the kernel): each folder of jobs is watched, the
//! drop-in folders within, the folder above it so that it may be replaced, and the folder of `campanile.toml`; of a folder
//! that is not there, the nearest above it that is. Changes are gathered until nothing has happened for `QUIET` and no
//! file that was written to is still open for writing, but for `PATIENCE` at most. Then the cheap fingerprint says whether
//! there is anything to read. So an editor that truncates and writes is not read halfway, unless it takes longer than
//! that; and what is read halfway then is wrong, and leaves the last good revision in force.
//!
//! Where inotify cannot tell (a file system on another machine or in user space, no watches left) the fingerprint is taken
//! every `RESCAN`. That is the one timer of an idle daemon, and where inotify works there is none. Lost events (a queue
//! that overflowed) are told by inotify itself, and answered by a look.

mod targets;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind};
use notify::{Event, RecommendedWatcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

use self::targets::Targets;
use super::reload::{Definitions, InForce, Why};
use crate::clock;
use crate::files::settings::Reload;
use crate::model::duration::Duration;

/// For how long nothing must have happened.
const QUIET: Duration = Duration::from_millis(300);
/// How long constant change is waited out.
const PATIENCE: Duration = Duration::from_secs(2);
/// How soon a load that failed is tried again: the disk may have room again.
pub(super) const AGAIN: Duration = Duration::from_secs(2);
/// How often files are looked at where nobody tells of changes.
const RESCAN: Duration = Duration::from_secs(60);

type Told = notify::Result<Event>;

/// Watches, from when it is made.
pub(super) struct Watch {
    definitions: Arc<Definitions>,
    in_force: watch::Receiver<InForce>,
    told: UnboundedReceiver<Told>,
    watcher: Option<RecommendedWatcher>,
    targets: Targets,
}

impl Watch {
    /// Begins to watch what is in force.
    pub(super) fn begin(definitions: Arc<Definitions>, state_dir: &Path) -> Self {
        let (tell, told) = unbounded_channel();
        let hear = move |event: Told| {
            if event.as_ref().map_or(true, matters) {
                drop(tell.send(event));
            }
        };
        let watcher = match notify::recommended_watcher(hear) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "changes of files are not told; they are looked for every {RESCAN}");
                None
            }
        };
        let in_force = definitions.in_force();
        let mut watch = Watch { definitions, in_force, told, watcher, targets: Targets::new(state_dir) };
        watch.aim();
        watch
    }

    /// Has files read whenever they change, for as long as the daemon lives.
    pub(super) async fn follow(mut self) {
        // What changed between the first reading and the first watch was told by nobody.
        let mut is_good = self.look().await;
        loop {
            let is_blind = !is_good || self.targets.is_blind;
            let pause = if is_good { RESCAN } else { AGAIN };
            let concerns = tokio::select! {
                Some(told) = self.told.recv() => self.gather(told).await,
                // Other folders may be in force now, and nobody has told of what changed in them before.
                changed = self.in_force.changed() => match changed {
                    Ok(()) => true,
                    Err(_) => return,
                },
                () = passed(pause), if is_blind => true,
            };
            if concerns {
                self.aim();
                // Whatever was told until now is seen by the look; a flood of it must not be worked off event by event.
                while self.told.try_recv().is_ok() {}
                is_good = self.look().await;
            }
        }
    }

    /// Waits until the changes are over, or have gone on for too long. `false` if they concern nobody.
    async fn gather(&mut self, first: Told) -> bool {
        let until = clock::boot_us().saturating_add(PATIENCE.as_micros());
        let mut being_written = HashSet::new();
        let mut concerns = self.targets.note(&first, &mut being_written);
        while concerns {
            let left = Duration::from_micros((until - clock::boot_us()).max(0));
            let pause = if being_written.is_empty() { QUIET.min(left) } else { left };
            match tokio::time::timeout(pause.to_std(), self.told.recv()).await {
                Ok(Some(told)) => concerns |= self.targets.note(&told, &mut being_written),
                Ok(None) | Err(_) => break,
            }
            if clock::boot_us() >= until {
                break;
            }
        }
        concerns
    }

    /// Watches what is to be watched now.
    fn aim(&mut self) {
        let in_force = self.in_force.borrow_and_update().clone();
        let was_blind = self.targets.is_blind;
        let is_automatic = in_force.settings.reload == Reload::Auto;
        self.targets.aim(&mut self.watcher, &in_force, is_automatic);
        if self.targets.is_blind && !was_blind {
            let why = "not every folder tells of its changes; they are looked for as well";
            tracing::info!(every = %RESCAN, "{why}");
        }
    }

    /// Has files read if they have changed; `false` if that failed.
    async fn look(&self) -> bool {
        if self.in_force.borrow().settings.reload == Reload::Manual {
            return true;
        }
        match self.definitions.reload(Why::Noticed).await {
            Ok(_) => true,
            Err(refused) => {
                tracing::error!("the definitions are not loaded: {refused}");
                false
            }
        }
    }
}

/// Opening and reading change nothing, and we do both ourselves.
fn matters(event: &Event) -> bool {
    event.need_rescan()
        || match event.kind {
            EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
            EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => {
                true
            }
        }
}

/// Notes which files are being written to.
fn follow_writers(event: &Event, being_written: &mut HashSet<PathBuf>) {
    for path in &event.paths {
        match event.kind {
            EventKind::Modify(notify::event::ModifyKind::Data(_)) | EventKind::Create(CreateKind::File) => {
                // A link appears whole.
                if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
                    being_written.insert(path.clone());
                }
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(_) => {
                being_written.remove(path);
            }
            EventKind::Modify(notify::event::ModifyKind::Name(_)) => {
                being_written.remove(path);
            }
            EventKind::Any | EventKind::Access(_) | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Other => {}
        }
    }
}

/// Returns after so long.
pub(super) async fn passed(pause: Duration) {
    // A wait for nothing that is given up in time.
    let _ = tokio::time::timeout(pause.to_std(), std::future::pending::<()>()).await;
}
