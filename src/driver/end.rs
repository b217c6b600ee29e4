//! Ends what runs before the wheel stops: the one place that knows how, for all who have started one.

use super::open::{Live, Running};
use crate::engine::Command;
use crate::model::duration::Duration;
use crate::model::refused::Refused;

/// How long is waited for what was killed: the runner gives up on what cannot be killed before this.
const KILLED_WITHIN: Duration = Duration::from_secs(40);
/// How long until a store that could not be written is asked again.
const AGAIN: Duration = Duration::from_secs(1);

impl Running {
    /// Says `command`, whatever it takes: waits for room, and for a store that cannot be written just now. Returns
    /// when it is so, or the engine has ended.
    pub async fn insist(&self, command: Command) {
        loop {
            let (handle, again) = (self.handle.clone(), command.clone());
            let Ok(Ok(answered)) = tokio::task::spawn_blocking(move || handle.demand(again)).await else { return };
            let Ok(Err(Refused::Unavailable { why })) = answered.await else { return };
            tracing::warn!(why, "the engine cannot be told to stop yet");
            // Whatever changes meanwhile is worth another try.
            let mut live = self.live.clone();
            live.mark_unchanged();
            let _ = tokio::time::timeout(AGAIN.to_std(), live.changed()).await;
        }
    }

    /// Returns when nothing is live, or the engine has ended.
    pub async fn idle(&self) {
        self.until(|live| live == Live::default()).await;
    }

    /// Returns when nothing is live that would end with us, or the engine has ended.
    pub async fn requests_done(&self) {
        self.until(|live| live.requests == 0).await;
    }

    async fn until(&self, is_so: impl Fn(Live) -> bool) {
        let _ = self.live.clone().wait_for(|live| is_so(*live)).await;
    }

    /// Kills what is live and waits until it is gone. Returns how many are not.
    pub async fn kill(&self) -> usize {
        let killed = async {
            self.insist(Command::Interrupt { grace: Some(Duration::ZERO) }).await;
            self.idle().await;
        };
        let _ = tokio::time::timeout(KILLED_WITHIN.to_std(), killed).await;
        let Live { processes, requests } = *self.live.borrow();
        processes + requests
    }
}
