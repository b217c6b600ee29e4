//! The daemon's side of a runner in another process: one connection at a time, made again whenever it ends.
//!
//! What is sent belongs to the connection whose picture the engine has committed last (`welcome`), and goes out on that
//! one or not at all. Otherwise a launch that was lost with the connection before could be overtaken by a later one, and the
//! runner, which has seen the higher number, would drop it for ever. What cannot be sent is dropped: the engine sends
//! again what the next picture lacks.

use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use super::current::Current;
use super::frame;
use super::picture::Pictures;
use super::protocol::{FromRunner, NEWEST, OLDEST, ToRunner, place};
use super::socket;
use crate::clock;
use crate::engine::RunnerReport;
use crate::failpoint;
use crate::model::exit::{Exit, ExitKind};

/// The first pause before another try to connect, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How much is sent at once; one message may be longer.
const BATCH: usize = 64 << 10;

/// How a runner is reached.
pub struct Address {
    /// Its socket.
    pub socket: PathBuf,
    /// The state folder that it serves.
    pub state_dir: PathBuf,
    /// Higher than any epoch that was used with this store before; the low `CONNECTION_BITS` are zero.
    pub epoch: u64,
    /// Starts a runner where nobody answers; nothing if that is somebody else's to do.
    pub start: Option<Start>,
}

/// Starts a runner, or says why there is none for long.
pub type Start = Box<dyn FnMut() -> io::Result<()> + Send>;

/// How many bits of an epoch count the connections of one daemon.
pub(crate) const CONNECTION_BITS: u32 = 20;

/// The connection, as those who send see it.
#[derive(Default)]
struct Wire {
    current: Current<UnixStream>,
    /// Why there is no connection, for people.
    why_none: Option<String>,
}

/// Sends to the runner.
#[derive(Clone)]
pub(super) struct Link {
    wire: Arc<Mutex<Wire>>,
    /// Each message with the connection that it belongs to.
    outbox: Sender<(u64, ToRunner)>,
}

type Report = Arc<dyn Fn(RunnerReport) + Send + Sync>;

impl Link {
    /// Keeps a connection to the runner at `address` until `stop` is dropped; `report` hears what it says, in order.
    pub(super) fn start(address: Address, report: Report, stop: Receiver<()>) -> io::Result<Link> {
        let why_none = Some("no runner has answered yet".to_owned());
        let wire = Arc::new(Mutex::new(Wire { why_none, ..Wire::default() }));
        let (outbox, to_send) = channel();
        let link = Link { wire, outbox };
        let (reader, writer, to_report) = (link.clone(), Arc::clone(&link.wire), Arc::clone(&report));
        Builder::new().name("runner-out".to_owned()).spawn(move || write(&writer, &to_send, &*to_report))?;
        Builder::new().name("runner-in".to_owned()).spawn(move || reader.run(address, &*report, &stop))?;
        Ok(link)
    }

    /// The picture of this connection is committed: what is sent from now on belongs to it.
    pub(super) fn welcome(&self, connection: u64) {
        self.wire().current.welcome(connection);
    }

    /// Why there is no connection; nothing while there is one.
    pub(super) fn why_none(&self) -> Option<String> {
        self.wire().why_none.clone()
    }

    /// Ends the connection; with `stop` dropped, for good.
    pub(super) fn close(&self) {
        if let Some(stream) = self.wire().current.stream() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Sends, or drops if nobody is there.
    pub(super) fn send(&self, message: ToRunner) {
        let connection = self.wire().current.stamp();
        let _ = self.outbox.send((connection, message));
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        lock(&self.wire)
    }

    fn run(&self, mut address: Address, report: &dyn Fn(RunnerReport), stop: &Receiver<()>) {
        let mut pause = FIRST_PAUSE;
        loop {
            address.epoch += 1;
            match self.live(&address, report, stop) {
                Ok(lived) if lived > LONGEST_PAUSE => pause = FIRST_PAUSE,
                Ok(_) => {}
                Err(error) => {
                    let why = format!("the runner at `{}` does not answer: {error}", address.socket.display());
                    let nobody = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
                    match address.start.as_mut().filter(|_| nobody).map(|start| start()) {
                        // It cannot have answered yet.
                        Some(Ok(())) => self.wire().why_none = Some(why),
                        Some(Err(error)) => self.complain(&error.to_string()),
                        None => self.complain(&why),
                    }
                }
            }
            match stop.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(LONGEST_PAUSE),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Says why there is no runner, once.
    fn complain(&self, why: &str) {
        let before = self.wire().why_none.replace(why.to_owned());
        if before.as_deref() != Some(why) {
            tracing::warn!("no runner is there, and nothing is started until one is: {why}");
        }
    }

    /// One connection from its picture to its end, and how long that was.
    fn live(&self, address: &Address, report: &dyn Fn(RunnerReport), stop: &Receiver<()>) -> io::Result<Duration> {
        let (mut stream, picture) = self.connect(address)?;
        let since = clock::boot_us();
        tracing::info!("a runner is there");
        report(picture);
        follow(&mut stream, report);
        let why_none = Some("the connection to the runner has ended".to_owned());
        let mut wire = self.wire();
        wire.current.closed();
        wire.why_none = why_none;
        drop(wire);
        if !matches!(stop.try_recv(), Err(TryRecvError::Disconnected)) {
            tracing::warn!("no runner is there: nothing is started until one is");
        }
        report(RunnerReport::Disconnected);
        Ok(Duration::from_micros(u64::try_from(clock::boot_us() - since).unwrap_or(0)))
    }

    /// Connects and hears the whole picture.
    fn connect(&self, address: &Address) -> io::Result<(BufReader<UnixStream>, RunnerReport)> {
        let epoch = address.epoch;
        let mut stream = socket::connect(&address.socket)?;
        let mut hello = Vec::new();
        let folder = place(&address.state_dir)?;
        frame::push(&mut hello, &ToRunner::Hello { epoch, oldest: OLDEST, newest: NEWEST, folder })?;
        stream.write_all(&hello)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut pictures = Pictures::default();
        let mut is_ours = false;
        loop {
            let message = frame::read(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            match &message {
                FromRunner::Refused { why } => return Err(io::Error::other(why.clone())),
                FromRunner::Hello { epoch: answers, .. } => is_ours = *answers == epoch,
                FromRunner::Started { .. } | FromRunner::Ended { .. } => {}
            }
            // What comes before the answer was said to the connection before this one.
            if let Some(picture @ RunnerReport::Connected { .. }) = is_ours.then(|| pictures.take(message)).flatten() {
                let mut wire = self.wire();
                wire.current.opened(epoch, stream);
                wire.why_none = None;
                drop(wire);
                return Ok((reader, picture));
            }
        }
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow(stream: &mut BufReader<UnixStream>, report: &dyn Fn(RunnerReport)) {
    let mut pictures = Pictures::default();
    loop {
        match frame::read(stream) {
            // There is one picture a connection.
            Ok(Some(FromRunner::Hello { .. } | FromRunner::Refused { .. }) | None) => return,
            Ok(Some(message)) => {
                failpoint::pass("link.heard");
                if let Some(said) = pictures.take(message) {
                    report(said);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the connection to the runner broke");
                return;
            }
        }
    }
}

/// Sends what is to be sent, as much at once as there is.
fn write(wire: &Mutex<Wire>, messages: &Receiver<(u64, ToRunner)>, report: &dyn Fn(RunnerReport)) {
    let mut bytes = Vec::new();
    while let Ok(first) = messages.recv() {
        let mut next = Some(first);
        while let Some((connection, message)) = next {
            bytes.clear();
            push(&mut bytes, message, report);
            next = None;
            while bytes.len() < BATCH
                && let Ok(another) = messages.try_recv()
            {
                if another.0 != connection {
                    next = Some(another);
                    break;
                }
                push(&mut bytes, another.1, report);
            }
            send(wire, connection, &bytes);
        }
    }
}

fn push(bytes: &mut Vec<u8>, message: ToRunner, report: &dyn Fn(RunnerReport)) {
    let Err(error) = frame::push(bytes, &message) else { return };
    if let ToRunner::Launch(process) = message {
        // It can never be sent, so it has ended without having been started.
        let error = Some(format!("it cannot be sent to the runner: {error}"));
        let exit = Exit { error, ..Exit::bare(ExitKind::NotStarted, clock::wall()) };
        report(RunnerReport::Ended { launch: process.launch, exit });
    }
}

fn send(wire: &Mutex<Wire>, connection: u64, bytes: &[u8]) {
    let open = lock(wire).current.way_of(connection).and_then(|stream| stream.try_clone().ok());
    let Some(mut stream) = open else { return };
    failpoint::pass("link.send");
    if stream.write_all(bytes).is_err() {
        // The reader sees the end, and says so.
        let _ = stream.shutdown(Shutdown::Both);
    }
    failpoint::pass("link.sent");
}
