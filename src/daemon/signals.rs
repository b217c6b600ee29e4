//! Signals, as words: TERM and INT ask to stop (the second time: at once), HUP asks to reload.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What somebody wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    Stop,
    Reload,
}

/// Begins to listen, on a thread that lives as long as the process.
pub(super) fn listen() -> std::io::Result<UnboundedReceiver<Wish>> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (wishes, heard) = unbounded_channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let wish = if signal == SIGHUP { Wish::Reload } else { Wish::Stop };
            if wishes.send(wish).is_err() {
                return;
            }
        }
    })?;
    Ok(heard)
}
