//! The runner's socket. One daemon is heard at a time, the one whose hello had the highest epoch; what the runner says
//! goes to it and to nobody else.
//!
//! Three kinds of threads, none of which the runner waits for: one accepts, one for each connection reads, one writes. A
//! daemon that does not read holds up the writer alone, until another daemon takes its place.

use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use nix::sys::eventfd::EventFd;

use super::link::CONNECTION_BITS;
use super::protocol::{FromRunner, NEWEST, OLDEST, ToRunner, version};
use super::server::Inbound;
use super::{frame, socket};
use crate::{clock, failpoint, print};

/// The threads read and write messages and call nothing deep.
const STACK: usize = 128 << 10;
/// How long a connection may take to say hello.
const HELLO: Duration = Duration::from_secs(10);
/// How many connections are read at once; there is one daemon, and perhaps the one that it replaces.
const MAX_CONNECTIONS: usize = 8;
/// How long until one more is let in, where one could not be.
const AGAIN: Duration = Duration::from_millis(100);
/// How much is written at once; one message may be longer.
const BATCH: usize = 256 << 10;

/// The daemon that is heard.
#[derive(Default)]
struct Guest {
    epoch: u64,
    stream: Option<UnixStream>,
    n_connections: usize,
}

/// What all threads of the door share.
#[derive(Clone)]
struct Door {
    guest: Arc<Mutex<Guest>>,
    inbox: Sender<Inbound>,
    wake: Arc<EventFd>,
    /// Who may speak besides root and ourselves.
    owner: u32,
    /// The one state folder that daemons may speak for.
    folder: String,
}

/// Opens the door: what daemons say goes to `inbox`, what comes out of `said` goes to the daemon that is heard. `owner`
/// is the user whose daemon this is, `folder` its state folder. What is returned hangs up when all that was said is with
/// the daemon.
pub(super) fn open(
    listener: UnixListener,
    inbox: Sender<Inbound>,
    wake: Arc<EventFd>,
    said: Receiver<Vec<FromRunner>>,
    (owner, folder): (u32, String),
) -> io::Result<Receiver<()>> {
    let (last, all_said) = channel();
    let door = Door { guest: Arc::default(), inbox, wake, owner, folder };
    let speaker = door.clone();
    Builder::new().name("door-out".to_owned()).stack_size(STACK).spawn(move || {
        speaker.say(&said);
        drop(last);
    })?;
    Builder::new().name("door".to_owned()).stack_size(STACK).spawn(move || door.accept(&listener))?;
    Ok(all_said)
}

/// The highest epoch that a daemon can have by now, its clock ten years ahead: a higher one would lock out all others.
fn furthest_epoch() -> u64 {
    let seconds = u64::try_from(clock::wall().as_micros() / 1_000_000).unwrap_or(0);
    (seconds + 10 * 366 * 86_400) << CONNECTION_BITS
}

impl Door {
    fn lock(&self) -> MutexGuard<'_, Guest> {
        self.guest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self, listener: &UnixListener) {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                // Out of descriptors, most likely, and it would fail again at once.
                std::thread::park_timeout(AGAIN);
                continue;
            };
            if !socket::may_be_daemon(&stream, self.owner) || self.lock().n_connections >= MAX_CONNECTIONS {
                continue;
            }
            self.lock().n_connections += 1;
            let door = self.clone();
            let reader = Builder::new().name("door-in".to_owned()).stack_size(STACK);
            let spawned = reader.spawn(move || {
                door.listen(stream);
                door.lock().n_connections -= 1;
            });
            if spawned.is_err() {
                self.lock().n_connections -= 1;
            }
        }
    }

    /// Reads one connection to its end.
    fn listen(&self, stream: UnixStream) {
        let Ok(Some((epoch, mut stream))) = self.greet(stream) else { return };
        // An error is an end too: whoever wrote it will connect again.
        loop {
            match frame::read::<ToRunner>(&mut stream) {
                Ok(None | Some(ToRunner::Hello { .. })) => break,
                Ok(Some(message)) => {
                    failpoint::pass("door.heard");
                    self.pass_on(Inbound::Said { epoch, message });
                }
                Err(error) => {
                    print::talk(&format!("error: the daemon is not heard any more, until it connects again: {error}"));
                    break;
                }
            }
        }
        let mut guest = self.lock();
        if guest.epoch == epoch {
            guest.stream = None;
        }
        drop(guest);
        self.pass_on(Inbound::Gone { epoch });
    }

    /// The epoch of a connection that said hello and is heard from now on.
    fn greet(&self, mut stream: UnixStream) -> io::Result<Option<(u64, BufReader<UnixStream>)>> {
        stream.set_read_timeout(Some(HELLO))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let Some(ToRunner::Hello { epoch, oldest, newest, folder }) = frame::read(&mut reader)? else {
            return Ok(None);
        };
        stream.set_read_timeout(None)?;
        let refusal = match version(oldest, newest) {
            None => Some(format!("the daemon speaks versions {oldest} to {newest}, the runner {OLDEST} to {NEWEST}")),
            Some(_) if folder != self.folder => {
                Some("the runner serves another state folder\nhint: each needs a runner of its own".to_owned())
            }
            Some(_) if epoch > furthest_epoch() => Some(format!("epoch {epoch} is of a time far from now")),
            Some(_) => self.replace(epoch, stream.try_clone()?),
        };
        if let Some(why) = refusal {
            let mut bytes = Vec::new();
            frame::push(&mut bytes, &FromRunner::Refused { why })?;
            stream.write_all(&bytes)?;
            return Ok(None);
        }
        self.pass_on(Inbound::Said { epoch, message: ToRunner::Hello { epoch, oldest, newest, folder } });
        Ok(Some((epoch, reader)))
    }

    /// Makes this connection the one that is heard, or says why not.
    fn replace(&self, epoch: u64, stream: UnixStream) -> Option<String> {
        let mut guest = self.lock();
        if epoch <= guest.epoch {
            return Some(
                "another daemon was heard since: two have one state folder, or the clock went back".to_owned(),
            );
        }
        guest.epoch = epoch;
        if let Some(before) = guest.stream.replace(stream) {
            // Whoever waits for it to read goes on at once.
            let _ = before.shutdown(Shutdown::Both);
        }
        None
    }

    fn pass_on(&self, inbound: Inbound) {
        let _ = self.inbox.send(inbound);
        let _ = self.wake.write(1);
    }

    fn say(&self, said: &Receiver<Vec<FromRunner>>) {
        let mut bytes = Vec::new();
        for messages in said {
            let stream = self.lock().stream.as_ref().and_then(|stream| stream.try_clone().ok());
            // Without a daemon, or with one that is gone, nothing is lost: the next hello is answered with everything.
            let Some(mut stream) = stream else { continue };
            let mut messages = messages.iter().peekable();
            while messages.peek().is_some() {
                bytes.clear();
                while bytes.len() < BATCH
                    && let Some(message) = messages.next()
                {
                    if let Err(error) = frame::push(&mut bytes, message) {
                        // The next hello meets it again, and somebody must know why.
                        print::talk(&format!("error: something cannot be told to the daemon: {error}"));
                    }
                }
                failpoint::pass("door.send");
                if stream.write_all(&bytes).is_err() {
                    break;
                }
                failpoint::pass("door.sent");
            }
        }
    }
}
