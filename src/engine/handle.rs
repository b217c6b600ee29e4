//! The only way in: a bounded channel to the engine's thread. A command's answer is a future that the caller awaits, and
//! a full inbox refuses commands at once. Reports and demands are never refused: who makes them waits for room.

use std::sync::mpsc::{SyncSender, TrySendError};

use tokio::sync::{oneshot, watch};

use super::input::{Answer, Command, Report};
use crate::model::id::EventSeq;
use crate::model::refused::Refused;

/// What travels to the engine's thread.
#[derive(Debug)]
pub enum Message {
    /// Somebody wants something and waits.
    Command(Command, oneshot::Sender<Result<Answer, Refused>>),
    /// Something happened.
    Report(Report),
    /// The clock was set: look at it.
    Look,
    /// Whoever kept the files of the store from being tended has let go of them.
    Tend,
    /// End the thread; nothing else is owed.
    Stop,
}

/// Speaks to the engine; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: SyncSender<Message>,
    committed: watch::Receiver<EventSeq>,
}

impl Handle {
    /// A handle on an inbox whose engine shows its last committed event on `committed`.
    pub fn new(inbox: SyncSender<Message>, committed: watch::Receiver<EventSeq>) -> Self {
        Handle { inbox, committed }
    }

    /// Asks for something; the answer comes after it is committed.
    pub fn ask(&self, command: Command) -> Result<oneshot::Receiver<Result<Answer, Refused>>, Refused> {
        let (answer, answered) = oneshot::channel();
        match self.inbox.try_send(Message::Command(command, answer)) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(Refused::Unavailable { why: "too much is asked at once".to_owned() }),
            Err(TrySendError::Disconnected(_)) => Err(Refused::Stopping),
        }
    }

    /// Asks for something that may not be refused because much is asked: waits for room, so not for a future to call.
    pub fn demand(&self, command: Command) -> Result<oneshot::Receiver<Result<Answer, Refused>>, Refused> {
        let (answer, answered) = oneshot::channel();
        self.inbox.send(Message::Command(command, answer)).map_err(|_| Refused::Stopping)?;
        Ok(answered)
    }

    /// Says that something happened; waits for room, never loses it. `false` if the engine is gone.
    pub fn report(&self, report: Report) -> bool {
        self.inbox.send(Message::Report(report)).is_ok()
    }

    /// Makes the engine look at the clock. `false` if the engine is gone.
    pub fn look(&self) -> bool {
        self.inbox.send(Message::Look).is_ok()
    }

    /// Has the files of the store tended as soon as there is nothing else to do. `false` if the engine is gone.
    pub fn tend(&self) -> bool {
        self.inbox.send(Message::Tend).is_ok()
    }

    /// Makes the engine turn once if nothing else does: a full inbox makes it turn anyway. Never waits.
    pub fn poke(&self) {
        let _ = self.inbox.try_send(Message::Look);
    }

    /// Ends the engine's thread after what was sent before.
    pub fn stop(&self) {
        let _ = self.inbox.send(Message::Stop);
    }

    /// The number of the last committed event, and a way to wait for the next.
    pub fn committed(&self) -> watch::Receiver<EventSeq> {
        self.committed.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_full_inbox_refuses_who_asks_and_keeps_who_demands_waiting() {
        let (inbox, messages) = sync_channel(1);
        let handle = Handle::new(inbox, watch::channel(EventSeq(0)).1);
        assert!(handle.look());
        assert!(matches!(handle.ask(Command::Drain), Err(Refused::Unavailable { .. })));
        let demanding = std::thread::spawn(move || handle.demand(Command::Drain).map(drop));
        assert!(matches!(messages.recv(), Ok(Message::Look)));
        assert!(matches!(messages.recv(), Ok(Message::Command(Command::Drain, _))));
        assert_eq!(demanding.join().unwrap(), Ok(()));
    }
}
