//! The loop: one thread, one `epoll`, one turn on one screen (`Server::run`).
//!
//! In every turn, in this order: children that ended are reaped, before anything else can signal them or call them
//! stopped; pipes that are ready are moved; messages are taken; what is due in boot time is done; a few launches are
//! spawned; and at last the journal is written and then, what it holds now, reported. Nothing in a turn waits, but for
//! the kernel to start a process. The journal is written twice: before the first spawn of a launch that it names, and
//! before the report of an exit.

mod ending;
mod wait;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use nix::sys::eventfd::EventFd;

use super::adopted::Adopted;
use super::attempt::{Asker, Attempt};
use super::base_env::Facts;
use super::journal::Journal;
use super::kill::Why;
use super::output::Output;
use super::protocol::{FromRunner, Heard, ToRunner};
use super::queue::{Queue, Turn};
use super::reaper::Reaper;
use super::scratch::Scratch;
use super::spawn::Spawned;
use super::tree::{Identity, MARK, Marks, Snapshot};
use super::{Config, RunnerError};
use crate::clock;
use crate::logs::Masker;
use crate::logs::retention::below;
use crate::model::definition::Value;
use crate::model::exit::{Exit, ExitKind};
use crate::model::id::Launch;
use crate::model::process::Process;
use crate::model::timestamp::Timestamp;
use wait::{Source, Waiter};

/// How many are spawned in one turn. A spawn takes about half a millisecond, and ends and pipes wait for it.
const SPAWNS: usize = 4;
/// How many messages are taken in one turn.
const MESSAGES: usize = 512;
/// How long the report of a start is held back, so that a process as short as that is reported once.
const HOLD_US: i64 = 2_000;
/// How much is read from a pipe at once.
const BUFFER: usize = 64 << 10;

/// A message and the epoch of the connection it came by.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) epoch: u64,
    pub(super) message: ToRunner,
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
    reaper: Reaper,
    waiter: Waiter,
    inbox: Receiver<Sent>,
    outbox: Sender<Vec<FromRunner>>,
    heard: Heard,
    queue: Queue,
    attempts: HashMap<Launch, Attempt>,
    firsts: HashMap<i32, Launch>,
    /// The stop commands that run.
    askers: HashMap<i32, Launch>,
    by_marks: HashMap<Marks, Launch>,
    adopted: Adopted,
    /// `/proc` as it was in this turn, if anybody had to look.
    snapshot: Option<Snapshot>,
    refreshed: bool,
    /// Pipes of what was left to live: read for ever, because a closed one would kill who writes.
    left: HashMap<u64, OwnedFd>,
    n_left: u64,
    held: Vec<(Launch, Timestamp)>,
    held_until: i64,
    out: Vec<FromRunner>,
    buffer: Vec<u8>,
    now: i64,
    more: bool,
    open: bool,
    _only: Only,
}

impl Server {
    /// Opens the journal and begins to end what it finds alive.
    pub(super) fn open(
        config: Config,
        wake: Arc<EventFd>,
        inbox: Receiver<Sent>,
        outbox: Sender<Vec<FromRunner>>,
    ) -> Result<Server, RunnerError> {
        let only = Only::claim()?;
        let boot = PathBuf::from("/proc/sys/kernel/random/boot_id");
        let boot_id = std::fs::read_to_string(&boot).map_err(|source| RunnerError::Io { path: boot, source })?;
        let boot_id = boot_id.trim().to_owned();
        let (journal, rebooted) = Journal::open(&config.state_dir.join("runner"), &boot_id)?;
        nix::sys::prctl::set_child_subreaper(true).map_err(std::io::Error::from)?;
        let reaper = Reaper::start()?;
        let waiter = Waiter::new(wake, reaper.fd())?;
        let at_run = |source| RunnerError::Io { path: config.state_dir.join("run"), source };
        let scratch = Scratch::open(&config.state_dir).map_err(at_run)?;
        let mut server = Server {
            state_dir: config.state_dir,
            instance: format!("{}-{}", std::process::id(), clock::boot_us()),
            boot_id,
            journal,
            reaper,
            waiter,
            inbox,
            outbox,
            heard: Heard::default(),
            queue: Queue::new(&Facts::gather(), config.default_dir, scratch),
            attempts: HashMap::new(),
            firsts: HashMap::new(),
            askers: HashMap::new(),
            by_marks: HashMap::new(),
            adopted: Adopted::default(),
            snapshot: None,
            refreshed: false,
            left: HashMap::new(),
            n_left: 0,
            held: Vec::new(),
            held_until: 0,
            out: Vec::new(),
            buffer: vec![0; BUFFER],
            now: clock::boot_us(),
            more: false,
            open: true,
            _only: only,
        };
        server.recover(rebooted);
        Ok(server)
    }

    /// Turns until it is told to end.
    pub(super) fn run(mut self) {
        while self.open {
            let ready = self.waiter.wait(self.wake_at());
            self.now = clock::boot_us();
            (self.snapshot, self.refreshed) = (None, false);
            self.reap();
            self.move_pipes(&ready);
            self.receive();
            self.do_what_is_due();
            self.spawn_some();
            self.report();
        }
    }

    /// When the next turn is due though nothing happens, in boot time.
    fn wake_at(&self) -> Option<i64> {
        if self.more {
            return Some(i64::MIN);
        }
        let held = (!self.held.is_empty()).then_some(self.held_until);
        let attempts = self.attempts.values().filter_map(Attempt::wake_at);
        attempts.chain(self.queue.next_at()).chain(held).min()
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
        let mut launches = Vec::new();
        self.more = true;
        for _ in 0..MESSAGES {
            match self.inbox.try_recv() {
                Ok(sent) => self.take(sent, &mut launches),
                Err(TryRecvError::Empty) => {
                    self.more = false;
                    break;
                }
                Err(TryRecvError::Disconnected) => {
                    (self.more, self.open) = (false, false);
                    break;
                }
            }
        }
        if launches.is_empty() {
            return;
        }
        if let Err(error) = self.journal.write() {
            for launch in launches {
                if let Some(process) = self.queue.remove(launch) {
                    let why = format!("the runner's journal cannot be written: {error}");
                    self.end_unstarted(&process, ExitKind::NotStarted, Some(why));
                }
            }
        }
    }

    fn take(&mut self, sent: Sent, launches: &mut Vec<Launch>) {
        if !self.heard.hears(sent.epoch) {
            return;
        }
        match sent.message {
            ToRunner::Hello { epoch } => self.hello(epoch),
            ToRunner::Launch(mut process) => {
                let launch = process.launch;
                process.env.insert(MARK.to_owned(), Value::Plain(format!("{}/{launch}", self.instance)));
                if launch > self.journal.highest() {
                    self.journal.launched(launch, Marks::of_env(&process.env), process.log_path.clone());
                    match below(&self.state_dir, &process.log_path) {
                        Ok(_) => self.queue.push(process),
                        Err(why) => self.end_unstarted(&process, ExitKind::NotStarted, Some(why.to_string())),
                    }
                    launches.push(launch);
                } else if let Some(exit) = self.journal.entries().get(&launch).and_then(|entry| entry.exit.clone()) {
                    self.out.push(FromRunner::Ended { launch, exit });
                }
            }
            ToRunner::Stop { launch, reason, grace } => {
                if let Some(process) = self.queue.remove(launch) {
                    self.end_unstarted(&process, ExitKind::Stopped(reason), None);
                    return;
                }
                // It may have ended by itself just now, and then that is how it ended.
                self.reap();
                if let Some(stop) = self.attempts.get(&launch).map(|found| found.stop(Why::Stopped(reason), grace)) {
                    self.happened(launch, stop, Vec::new());
                }
            }
            ToRunner::Acknowledge(ended) => self.journal.acknowledged(&ended),
            ToRunner::Shutdown => self.open = false,
        }
    }

    fn hello(&mut self, epoch: u64) {
        self.heard.open(epoch);
        let mut alive: Vec<Launch> = self.attempts.keys().copied().chain(self.queue.launches()).collect();
        alive.sort_unstable();
        let ended = self.journal.entries().iter();
        // What was to be reported is part of the picture.
        self.out.clear();
        self.out.push(FromRunner::Hello {
            instance: self.instance.clone(),
            boot_id: self.boot_id.clone(),
            highest: self.journal.highest(),
            alive,
            ended: ended.filter_map(|(launch, entry)| Some((*launch, entry.exit.clone()?))).collect(),
        });
    }

    fn spawn_some(&mut self) {
        // Who ends starts nothing more: the next runner would only kill it.
        for _ in 0..if self.open { SPAWNS } else { 0 } {
            match self.queue.turn(self.now) {
                Some(Turn::Spawned(process, spawned)) => self.spawned(*process, spawned),
                Some(Turn::Failed(process, why)) => self.end_unstarted(&process, ExitKind::NotStarted, Some(why)),
                None => break,
            }
        }
    }

    fn spawned(&mut self, mut process: Process, spawned: Spawned) {
        let (launch, at) = (process.launch, clock::wall());
        let first = Identity::of(spawned.pid).unwrap_or(Identity { pid: spawned.pid, start: 0 });
        self.journal.spawned(launch, first, at);
        let mut output = Output::new(self.state_dir.join(&process.log_path), process.max_output, &process.masked);
        output.open(spawned.stdin.zip(process.stdin.take()), spawned.stdout, spawned.stderr);
        for (pipe, fd) in output.fds() {
            self.waiter.watch(fd, launch, pipe);
        }
        let mut attempt = Attempt::started(&process, first, at, clock::boot_us(), output);
        if let Some(stop) = process.stop.take()
            && let Ok((env, dir)) = self.queue.surroundings(&process)
        {
            attempt.asker = Some(Box::new(Asker { stop, env, dir, umask: process.umask }));
        }
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
        let exit = Exit { error, ..Exit::bare(kind, clock::wall()) };
        self.ended(process.launch, exit);
    }

    /// An exit is a fact: written down, then reported.
    fn ended(&mut self, launch: Launch, exit: Exit) {
        self.held.retain(|(held, _)| *held != launch);
        self.journal.ended(launch, exit.clone());
        self.out.push(FromRunner::Ended { launch, exit });
    }

    fn report(&mut self) {
        // What cannot be written now is written with the next turn; the exit is reported all the same, because the
        // daemon commits it before it acknowledges it.
        let _ = self.journal.write();
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
