//! The loop: one thread, one `epoll`, one turn on one screen (`Server::run`).
//!
//! In every turn, in this order: children that ended are reaped, before anything else can signal them or call them
//! stopped; pipes that are ready are moved; messages are taken; what is due in boot time is done; a few launches are
//! spawned; and at last the journal is written and then, what it holds now, reported. Nothing in a turn waits, but for
//! the kernel to start a process and, where a task names a user, for the user database. The journal is written twice:
//! before the first spawn of a launch that it names, and before the report of an exit.

mod ending;
mod wait;

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use nix::sys::eventfd::EventFd;

use super::adopted::Adopted;
use super::attempt::{Asker, Attempt};
use super::cgroup::{Cgroups, Group};
use super::folders::Folders;
use super::journal::Journal;
use super::kill::Why;
use super::output::Output;
use super::protocol::{FromRunner, Heard, ToRunner, version};
use super::queue::{Queue, Surroundings, Turn};
use super::reaper::Reaper;
use super::rights;
use super::scratch::Scratch;
use super::spawn::{Said, Spawned};
use super::tree::{Identity, MARK, Marks, Snapshot};
use super::users::Users;
use super::{Config, RunnerError};
use crate::clock;
use crate::failpoint;
use crate::logs::Masker;
use crate::logs::retention::below;
use crate::model::definition::Value;
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::model::timestamp::Timestamp;
use crate::print;
use wait::{Source, Waiter};

/// How many are spawned in one turn. A spawn takes about half a millisecond, and ends and pipes wait for it.
const SPAWNS: usize = 4;
/// How many messages are taken in one turn.
const MESSAGES: usize = 512;
/// How long the report of a start is held back, so that a process as short as that is reported once.
const HOLD_US: i64 = 2_000;
/// How long a runner that a daemon has started waits for another daemon, with nothing to do.
const LINGER_US: i64 = 10_000_000;
/// How long the reason may be why something could not be started, in bytes.
const MAX_ERROR: usize = 4 << 10;
/// How long until a journal that cannot be written is tried again.
const AGAIN_US: i64 = 500_000;
/// How much is read from a pipe at once.
const BUFFER: usize = 64 << 10;

/// What comes to the runner.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A message, with the epoch of the connection it came by.
    Said { epoch: u64, message: ToRunner },
    /// That connection has ended.
    Gone { epoch: u64 },
    /// Stop what runs, each with its own grace, and end; said again, without grace.
    End,
    /// End at once. What still runs is left to the next runner, which kills it.
    Close,
}

/// How the runner's end is going on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// It takes launches.
    Open,
    /// It takes none, and ends with the last of what it has.
    Ending,
    /// It has ended.
    Over,
}

static RUNNING: AtomicBool = AtomicBool::new(false);

/// Held by the one runner of this process.
struct Only;

impl Only {
    fn claim() -> Result<Only, RunnerError> {
        let taken = RUNNING.swap(true, Ordering::AcqRel);
        if taken { Err(RunnerError::AlreadyRunning) } else { Ok(Only) }
    }
}

impl Drop for Only {
    fn drop(&mut self) {
        RUNNING.store(false, Ordering::Release);
    }
}

/// The runner.
pub(super) struct Server {
    state_dir: PathBuf,
    /// This runner and no other: our process and when this began.
    instance: String,
    boot_id: String,
    journal: Journal,
    /// When the journal is tried again that could not be written, in boot time.
    behind_until: Option<i64>,
    reaper: Reaper,
    waiter: Waiter,
    inbox: Receiver<Inbound>,
    outbox: Sender<Vec<FromRunner>>,
    heard: Heard,
    /// Since when no daemon is there, in boot time; nothing while one is.
    alone_since: Option<i64>,
    queue: Queue,
    attempts: HashMap<Launch, Attempt>,
    firsts: HashMap<i32, Launch>,
    /// The stop commands that run.
    askers: HashMap<i32, (Launch, Option<Said>)>,
    by_marks: HashMap<Marks, Launch>,
    adopted: Adopted,
    /// `/proc` as it was in this turn, if anybody had to look.
    snapshot: Option<Snapshot>,
    refreshed: bool,
    /// Pipes of what was left to live: read for ever, because a closed one would kill who writes.
    left: HashMap<u64, OwnedFd>,
    /// Groups that somebody who was left to live is still in.
    left_groups: Vec<Group>,
    n_left: u64,
    held: Vec<(Launch, Timestamp)>,
    held_until: i64,
    out: Vec<FromRunner>,
    buffer: Vec<u8>,
    now: i64,
    more: bool,
    life: Life,
    /// It ends by itself when nobody has use for it.
    is_transient: bool,
    _only: Only,
}

impl Server {
    /// Opens the journal and begins to end what it finds alive.
    pub(super) fn open(
        config: Config,
        wake: Arc<EventFd>,
        inbox: Receiver<Inbound>,
        outbox: Sender<Vec<FromRunner>>,
    ) -> Result<Server, RunnerError> {
        let only = Only::claim()?;
        let boot = PathBuf::from("/proc/sys/kernel/random/boot_id");
        let boot_id = std::fs::read_to_string(&boot).map_err(|source| RunnerError::Io { path: boot, source })?;
        let boot_id = boot_id.trim().to_owned();
        let folders = Folders::settle(&config)?;
        let (journal, rebooted) = Journal::open(&folders.own, &boot_id)?;
        let users = Users::open(config.users.as_deref(), &folders)?;
        if folders.is_foreign {
            // From here on, all that is done in the state folder is done with the rights of its owner.
            rights::take_on(folders.owner.0, folders.owner.1)?;
        }
        nix::sys::prctl::set_child_subreaper(true).map_err(std::io::Error::from)?;
        let reaper = Reaper::start()?;
        let waiter = Waiter::new(wake, reaper.fd())?;
        let at_run = |source| RunnerError::Io { path: config.state_dir.join("run"), source };
        let scratch = Scratch::open(&config.state_dir, &folders.run).map_err(at_run)?;
        let instance = format!("{}-{}", std::process::id(), clock::boot_us());
        let cgroups = Cgroups::open(&config.cgroup, &instance)?;
        let mut server = Server {
            // Logs are written where no link is on the way.
            state_dir: config.state_dir.canonicalize()?,
            instance,
            boot_id,
            journal,
            behind_until: None,
            reaper,
            waiter,
            inbox,
            outbox,
            heard: Heard::default(),
            alone_since: Some(clock::boot_us()),
            queue: Queue::new(users, config.default_dir, scratch, config.ourselves, cgroups),
            attempts: HashMap::new(),
            firsts: HashMap::new(),
            askers: HashMap::new(),
            by_marks: HashMap::new(),
            adopted: Adopted::default(),
            snapshot: None,
            refreshed: false,
            left: HashMap::new(),
            left_groups: Vec::new(),
            n_left: 0,
            held: Vec::new(),
            held_until: 0,
            out: Vec::new(),
            buffer: vec![0; BUFFER],
            now: clock::boot_us(),
            more: false,
            life: Life::Open,
            is_transient: config.is_transient,
            _only: only,
        };
        server.recover(rebooted);
        Ok(server)
    }

    /// Turns until it is told to end. Who holds what is returned keeps others from the journal.
    pub(super) fn run(mut self) -> File {
        while self.life != Life::Over {
            let ready = self.waiter.wait(self.wake_at());
            self.now = clock::boot_us();
            (self.snapshot, self.refreshed) = (None, false);
            self.reap();
            self.move_pipes(&ready);
            self.receive();
            self.do_what_is_due();
            self.spawn_some();
            self.report();
            self.end_if_unused();
        }
        self.journal.into_lock()
    }

    /// Ends with the last launch if that is what it waits for, or if nobody has asked for anything in a while.
    fn end_if_unused(&mut self) {
        if self.attempts.is_empty() && self.queue.is_empty() {
            let is_unused = self.unused_at().is_some_and(|at| at <= self.now);
            if self.life == Life::Ending || is_unused {
                self.life = Life::Over;
            }
        }
    }

    /// When nobody will have had use for it for long enough, in boot time.
    fn unused_at(&self) -> Option<i64> {
        self.alone_since.filter(|_| self.is_transient).map(|since| since.saturating_add(LINGER_US))
    }

    /// When the next turn is due though nothing happens, in boot time.
    fn wake_at(&self) -> Option<i64> {
        if self.more {
            return Some(i64::MIN);
        }
        let held = (!self.held.is_empty()).then_some(self.held_until);
        let attempts = self.attempts.values().filter_map(Attempt::wake_at);
        // What waits for the journal is not waited for twice.
        let queued = self.behind_until.or(self.queue.next_at());
        let unused = self.unused_at().filter(|_| self.attempts.is_empty() && self.queue.is_empty());
        attempts.chain(queued).chain(held).chain(unused).min()
    }

    /// What the runner before us did not see to its end is killed; after a boot there is nobody to kill.
    fn recover(&mut self, rebooted: bool) {
        let unsettled = self.journal.entries().iter().filter(|(_, entry)| entry.exit.is_none());
        let orphans: Vec<Attempt> =
            unsettled.map(|(launch, entry)| Attempt::orphan(*launch, entry, self.now)).collect();
        for orphan in orphans {
            let launch = orphan.launch;
            self.attempts.insert(launch, orphan);
            if rebooted {
                self.finish(launch, false);
            } else {
                self.look(launch);
            }
        }
    }

    fn move_pipes(&mut self, ready: &[Source]) {
        let at = clock::wall();
        for source in ready {
            match source {
                Source::Wake | Source::Child => {}
                Source::Pipe(launch, pipe) => {
                    if let Some(output) = self.attempts.get_mut(launch).and_then(|found| found.output.as_mut()) {
                        output.ready(*pipe, at, &mut self.buffer);
                    }
                }
                Source::Left(number) => {
                    let Some(fd) = self.left.get(number) else { continue };
                    let read = nix::unistd::read(fd, &mut self.buffer);
                    if !matches!(read, Ok(1..) | Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR)) {
                        self.left.remove(number);
                    }
                }
            }
        }
    }

    /// Takes messages, and writes down the launches among them before any of them is spawned.
    fn receive(&mut self) {
        let mut has_launches = false;
        self.more = true;
        for _ in 0..MESSAGES {
            match self.inbox.try_recv() {
                Ok(inbound) => has_launches |= self.hear(inbound),
                Err(TryRecvError::Empty) => {
                    self.more = false;
                    break;
                }
                Err(TryRecvError::Disconnected) => {
                    (self.more, self.life) = (false, Life::Over);
                    break;
                }
            }
        }
        if has_launches {
            self.write_journal();
        }
    }

    /// Writes the journal. What cannot be written now, as on a full disk, is tried again; until then nothing is spawned.
    fn write_journal(&mut self) {
        let was_behind = self.behind_until.is_some();
        let written = self.journal.write();
        self.behind_until = match written {
            Ok(()) => None,
            // The lines are there; only that the file is written anew has failed.
            Err(_) if self.journal.is_written() => None,
            Err(error) => {
                if !was_behind {
                    print::talk(&format!(
                        "error: the journal cannot be written, and nothing is started until it can: {error}"
                    ));
                }
                Some(self.now.saturating_add(AGAIN_US))
            }
        };
    }

    /// Takes what has come; says whether it was something to be started.
    fn hear(&mut self, inbound: Inbound) -> bool {
        match inbound {
            Inbound::Said { epoch, message } if self.heard.hears(epoch) => return self.take(message),
            Inbound::Said { .. } => {}
            Inbound::Gone { epoch } if self.heard.hears(epoch) => self.alone_since = Some(self.now),
            Inbound::Gone { .. } => {}
            Inbound::End => self.end(),
            Inbound::Close => self.life = Life::Over,
        }
        false
    }

    /// Begins to end, or goes on to end faster.
    fn end(&mut self) {
        let grace = (self.life != Life::Open).then_some(Duration::ZERO);
        self.life = Life::Ending;
        let waiting: Vec<Launch> = self.queue.launches().collect();
        for process in waiting.into_iter().filter_map(|launch| self.queue.remove(launch)).collect::<Vec<_>>() {
            self.end_unstarted(&process, ExitKind::Stopped(StopReason::Drain), None);
        }
        let launches: Vec<Launch> = self.attempts.keys().copied().collect();
        for launch in launches {
            self.stop(launch, StopReason::Drain, grace);
        }
    }

    fn stop(&mut self, launch: Launch, reason: StopReason, grace: Option<Duration>) {
        // It may have ended by itself just now, and then that is how it ended.
        self.reap();
        if let Some(stop) = self.attempts.get(&launch).map(|found| found.stop(Why::Stopped(reason), grace)) {
            self.happened(launch, stop, Vec::new());
        }
    }

    fn take(&mut self, message: ToRunner) -> bool {
        match message {
            // Who is told nothing of it has never launched it, and launches it with the next runner.
            ToRunner::Launch(_) if self.life != Life::Open => {}
            ToRunner::Hello { epoch, oldest, newest, .. } => self.hello(epoch, version(oldest, newest)),
            // No engine draws such a number, and none could be told from what else the loop waits for.
            ToRunner::Launch(process) if process.launch > Launch::MAX => {
                print::talk(&format!("error: there is no launch {}", process.launch));
            }
            ToRunner::Launch(mut process) => {
                let launch = process.launch;
                process.env.insert(MARK.to_owned(), Value::Plain(format!("{}/{launch}", self.instance)));
                if launch > self.journal.highest() {
                    let cgroup = self.queue.group(launch).map(|group| group.path().to_owned());
                    self.journal.launched(launch, Marks::of_env(&process.env), process.log_path.clone(), cgroup);
                    match below(&self.state_dir, &process.log_path) {
                        Ok(_) => self.queue.push(process),
                        Err(why) => self.end_unstarted(&process, ExitKind::NotStarted, Some(why.to_string())),
                    }
                    return true;
                } else if let Some(exit) = self.journal.entries().get(&launch).and_then(|entry| entry.exit.clone()) {
                    self.out.push(FromRunner::Ended { launch, exit });
                }
            }
            ToRunner::Stop { launch, reason, grace } => {
                if let Some(process) = self.queue.remove(launch) {
                    self.end_unstarted(&process, ExitKind::Stopped(reason), None);
                    return false;
                }
                self.stop(launch, reason, grace);
            }
            ToRunner::Acknowledge(ended) => self.journal.acknowledged(&ended),
        }
        false
    }

    fn hello(&mut self, epoch: u64, version: Option<u32>) {
        // Whoever carries messages has refused a daemon whose words are not ours.
        let Some(version) = version else { return };
        self.heard.open(epoch);
        self.alone_since = None;
        let mut alive: Vec<Launch> = self.attempts.keys().copied().chain(self.queue.launches()).collect();
        alive.sort_unstable();
        let ended = self.journal.entries().iter().filter_map(|(launch, entry)| Some((*launch, entry.exit.clone()?)));
        let ended: Vec<FromRunner> = ended.map(|(launch, exit)| FromRunner::Ended { launch, exit }).collect();
        // What was to be reported is part of the picture.
        self.out.clear();
        self.out.push(FromRunner::Hello {
            epoch,
            version,
            instance: self.instance.clone(),
            boot_id: self.boot_id.clone(),
            highest: self.journal.highest(),
            alive,
            n_ended: ended.len(),
        });
        self.out.extend(ended);
    }

    fn spawn_some(&mut self) {
        // Who ends starts nothing more: the next runner would only kill it.
        let may_spawn = self.life == Life::Open && self.behind_until.is_none();
        for _ in 0..if may_spawn { SPAWNS } else { 0 } {
            match self.queue.turn(self.now) {
                Some(Turn::Spawned(process, spawned, with)) => self.spawned(*process, spawned, with),
                Some(Turn::Failed(process, why)) => self.end_unstarted(&process, ExitKind::NotStarted, Some(why)),
                None => break,
            }
        }
    }

    fn spawned(&mut self, mut process: Process, spawned: Spawned, with: Box<Surroundings>) {
        failpoint::pass("spawned");
        let (launch, at) = (process.launch, clock::wall());
        let first = Identity::of(spawned.pid).unwrap_or(Identity { pid: spawned.pid, start: 0 });
        self.journal.spawned(launch, first, at);
        let mut output = Output::new(self.state_dir.join(&process.log_path), process.max_output, &process.masked);
        output.open(spawned.stdin.zip(process.stdin.take()), spawned.stdout, spawned.stderr);
        for (pipe, fd) in output.fds() {
            self.waiter.watch(fd, launch, pipe);
        }
        let mut attempt = Attempt::started(&process, first, at, clock::boot_us(), output);
        (attempt.said, attempt.other) = (spawned.said, with.other.clone());
        attempt.group = self.queue.group(launch);
        attempt.asker = process.stop.take().map(|stop| Box::new(Asker { stop, surroundings: *with }));
        self.firsts.insert(first.pid, launch);
        if attempt.marks.tell() {
            self.by_marks.insert(attempt.marks.clone(), launch);
        }
        self.attempts.insert(launch, attempt);
        if self.held.is_empty() {
            self.held_until = self.now + HOLD_US;
        }
        self.held.push((launch, at));
    }

    fn end_unstarted(&mut self, process: &Process, kind: ExitKind, error: Option<String>) {
        let masker = Masker::new(&process.masked);
        let error = error.map(|error| masker.as_ref().map_or_else(|| error.clone(), |masker| masker.text(&error)));
        // It may repeat a name of any length.
        let error = error.map(|error| error[..error.floor_char_boundary(MAX_ERROR)].to_owned());
        let exit = Exit { error, ..Exit::bare(kind, clock::wall()) };
        self.ended(process.launch, exit);
    }

    fn report(&mut self) {
        // The exit is reported though it could not be written, because the daemon commits it before it acknowledges it.
        self.write_journal();
        if !self.held.is_empty() && self.now >= self.held_until {
            let started = self.held.drain(..).map(|(launch, at)| FromRunner::Started { launch, at });
            self.out.extend(started);
        }
        if self.out.is_empty() {
            return;
        }
        let said = std::mem::take(&mut self.out);
        if self.heard.anybody() {
            // A daemon that is gone is told everything when the next one says hello.
            let _ = self.outbox.send(said);
        }
    }
}
