//! What the loop waits for: messages, children, pipes, and one deadline. The deadline is a timer on boot time, because
//! the timeout of `epoll` stands still while the machine is suspended.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::clock;
use crate::model::id::Launch;
use crate::runner::output::Pipe;

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Somebody sent a message, or the deadline has come; both are looked for in every turn.
    Wake,
    /// A child may have ended.
    Child,
    /// A pipe of an attempt can be moved.
    Pipe(Launch, Pipe),
    /// A pipe of what was left to live can be read.
    Left(u64),
}

const LEFT: u64 = 1 << 63;
const PIPE_BITS: u32 = 2;

impl Source {
    fn token(self) -> u64 {
        match self {
            Source::Wake => 0,
            Source::Child => 1,
            Source::Pipe(launch, pipe) => {
                let pipe = match pipe {
                    Pipe::Asker => 0,
                    Pipe::Stdin => 1,
                    Pipe::Stdout => 2,
                    Pipe::Stderr => 3,
                };
                // Launch 0 would be told apart too: its pipes are 4 to 7.
                ((launch.0 + 1) << PIPE_BITS) | pipe
            }
            Source::Left(number) => LEFT | number,
        }
    }

    fn of(token: u64) -> Source {
        if token & LEFT != 0 {
            return Source::Left(token & !LEFT);
        }
        let launch = || Launch((token >> PIPE_BITS) - 1);
        match token {
            0 => Source::Wake,
            1 => Source::Child,
            _ if token.is_multiple_of(4) => Source::Pipe(launch(), Pipe::Asker),
            _ if token % 4 == 1 => Source::Pipe(launch(), Pipe::Stdin),
            _ if token % 4 == 2 => Source::Pipe(launch(), Pipe::Stdout),
            _ => Source::Pipe(launch(), Pipe::Stderr),
        }
    }
}

/// Waits.
#[derive(Debug)]
pub(super) struct Waiter {
    epoll: Epoll,
    wake: Arc<EventFd>,
    timer: TimerFd,
    timer_at: Option<i64>,
    events: Vec<EpollEvent>,
}

impl Waiter {
    /// Waits for `wake` and for `child` from now on.
    pub(super) fn new(wake: Arc<EventFd>, child: impl AsFd) -> io::Result<Waiter> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        epoll.add(&*wake, EpollEvent::new(EpollFlags::EPOLLIN, Source::Wake.token()))?;
        // Edge-triggered: a timer that has fired is not read, it is set anew.
        epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, Source::Wake.token()))?;
        epoll.add(child, EpollEvent::new(EpollFlags::EPOLLIN, Source::Child.token()))?;
        Ok(Waiter { epoll, wake, timer, timer_at: None, events: vec![EpollEvent::empty(); 128] })
    }

    /// Watches a pipe of an attempt until it is closed.
    pub(super) fn watch(&self, fd: &OwnedFd, launch: Launch, pipe: Pipe) {
        let flags = if pipe == Pipe::Stdin { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        // Refused only beyond the kernel's limit of watched descriptors, which is far beyond that of open ones.
        let _ = self.epoll.add(fd, EpollEvent::new(flags, Source::Pipe(launch, pipe).token()));
    }

    /// Watches a pipe that was an attempt's as one of what was left.
    pub(super) fn watch_left(&self, fd: &OwnedFd, number: u64) {
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN, Source::Left(number).token());
        let _ = self.epoll.modify(fd, &mut event);
    }

    /// Waits until something happens or it is `until` in boot time. The messages that woke us are forgotten.
    pub(super) fn wait(&mut self, until: Option<i64>) -> Vec<Source> {
        let timeout = match until {
            Some(at) if at <= clock::boot_us() => EpollTimeout::ZERO,
            at => {
                self.set(at);
                EpollTimeout::NONE
            }
        };
        // Interrupted or not: the turn looks for everything that could have happened.
        let n_ready = self.epoll.wait(&mut self.events, timeout).unwrap_or(0);
        let ready: Vec<Source> = self.events[..n_ready].iter().map(|event| Source::of(event.data())).collect();
        if ready.contains(&Source::Wake) {
            let _ = self.wake.read();
        }
        ready
    }

    fn set(&mut self, at: Option<i64>) {
        if self.timer_at == at {
            return;
        }
        let set = match at {
            Some(at) => {
                let at = Expiration::OneShot(TimeSpec::microseconds(at.max(1)));
                self.timer.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)
            }
            None => self.timer.unset(),
        };
        self.timer_at = if set.is_ok() { at } else { None };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_own_token() {
        let mut sources = vec![Source::Wake, Source::Child, Source::Left(0), Source::Left(7)];
        for launch in [0, 1, 2, 1 << 60] {
            for pipe in [Pipe::Stdin, Pipe::Stdout, Pipe::Stderr, Pipe::Asker] {
                sources.push(Source::Pipe(Launch(launch), pipe));
            }
        }
        for source in sources {
            assert_eq!(Source::of(source.token()), source);
        }
    }
}
