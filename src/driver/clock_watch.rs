//! Notices when somebody sets the clock, without ever waking up to look: a timer on wall time that is due in the far
//! future and is cancelled by the kernel when the clock is set (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`). The engine's
//! thread, which may be waiting for an instant that has come nearer or gone away, is then told to look at the clock.

use std::io;

use nix::errno::Errno;
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::engine::Handle;

/// Later than any clock is set to: 2200-01-01.
const FAR_FUTURE_SECS: i64 = 7_258_118_400;

/// Starts the watch. Its thread sleeps in the kernel, so it sees that the engine has gone only when the clock is set; a
/// process starts one engine and ends with it, and ends the watch too.
pub(super) fn start(handle: Handle) -> io::Result<()> {
    let timer = TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_CLOEXEC)?;
    arm(&timer)?;
    std::thread::Builder::new().name("clock-watch".to_owned()).spawn(move || watch(&timer, &handle))?;
    Ok(())
}

fn arm(timer: &TimerFd) -> io::Result<()> {
    let at = Expiration::OneShot(TimeSpec::seconds(FAR_FUTURE_SECS));
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    Ok(timer.set(at, flags)?)
}

fn watch(timer: &TimerFd, handle: &Handle) {
    loop {
        match timer.wait() {
            Err(Errno::EINTR) => continue,
            Ok(()) | Err(Errno::ECANCELED) => {}
            Err(error) => {
                tracing::warn!(%error, "the clock is not watched; steps are noticed at the next due time");
                return;
            }
        }
        if !handle.look() {
            return;
        }
        if let Err(error) = arm(timer) {
            tracing::warn!(%error, "the clock is not watched; steps are noticed at the next due time");
            return;
        }
    }
}
