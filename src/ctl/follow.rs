//! Reads events as they come, and comes back when the daemon was away for a moment: a restart of the daemon ends nobody's
//! waiting. Where it left off is the number of the last event, so nothing is missed and nothing is seen twice.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;

use super::Session;
use super::client::Query;
use super::failure::Failure;
use crate::wire::{Event, code};

/// How often a daemon that went away is looked for, and how long apart.
const N_TRIES: u32 = 120;
const PAUSE: Duration = Duration::from_millis(250);

/// A stream of events.
pub(crate) struct Follow<'a> {
    session: &'a Session,
    query: Query<'a>,
    after: Option<u64>,
    response: Response,
    frames: Frames,
}

impl<'a> Follow<'a> {
    /// The events that fit `query` after the one numbered `after`, or from now on.
    pub(crate) async fn open(session: &'a Session, query: Query<'a>, after: Option<u64>) -> Result<Self, Failure> {
        let response = open(session, &query, after).await?;
        Ok(Follow { session, query, after, response, frames: Frames::default() })
    }

    /// The next event; `None` when the daemon was away meanwhile, so that who waits may look at where things stand.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some((id, data)) = self.frames.take() {
                self.after = id.or(self.after);
                if data.is_empty() {
                    continue;
                }
                let event = serde_json::from_str(&data)
                    .map_err(|error| Failure::new(code::FAILED, format!("an event cannot be read: {error}")))?;
                return Ok(Some(event));
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.frames.push(&bytes),
                Ok(None) | Err(_) => {
                    self.come_back().await?;
                    return Ok(None);
                }
            }
        }
    }

    async fn come_back(&mut self) -> Result<(), Failure> {
        self.response = patiently(async || open(self.session, &self.query, self.after).await).await?;
        self.frames = Frames::default();
        Ok(())
    }
}

/// What `ask` finds, asked again while nobody is there to answer: a daemon that restarts is back within moments.
pub(crate) async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut pause = tokio::time::interval(PAUSE);
    let mut n_tries = 0;
    loop {
        pause.tick().await;
        n_tries += 1;
        match ask().await {
            Err(failure) if failure.is_absence() && n_tries < N_TRIES => {}
            answer => return answer,
        }
    }
}

async fn open(session: &Session, query: &Query<'_>, after: Option<u64>) -> Result<Response, Failure> {
    let mut query = query.clone();
    query.extend(after.map(|after| ("after", after.to_string())));
    session.client.open(&["events", "stream"], query).await
}

/// Cuts a stream of Server-Sent Events into the number and the data of each.
#[derive(Default)]
struct Frames {
    unfinished: Vec<u8>,
    id: Option<u64>,
    data: String,
    ready: VecDeque<(Option<u64>, String)>,
}

impl Frames {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                self.unfinished.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&self.unfinished).into_owned();
            self.unfinished.clear();
            let line = line.trim_end_matches('\r');
            if let Some(data) = line.strip_prefix("data:") {
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            } else if let Some(id) = line.strip_prefix("id:") {
                self.id = id.trim().parse().ok();
            } else if line.is_empty() && (self.id.is_some() || !self.data.is_empty()) {
                self.ready.push_back((self.id.take(), std::mem::take(&mut self.data)));
            }
        }
    }

    fn take(&mut self) -> Option<(Option<u64>, String)> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_from_a_stream_wherever_it_is_torn() {
        let stream = "id: 0\n\nid: 1\nevent: a\ndata: {\"x\":1}\n\n: alive\n\nid: 2\r\ndata:{}\r\n\r\nid: 3\ndata: {";
        for size in 1..stream.len() {
            let mut frames = Frames::default();
            for part in stream.as_bytes().chunks(size) {
                frames.push(part);
            }
            let found: Vec<_> = std::iter::from_fn(|| frames.take()).collect();
            let expected = [(0, ""), (1, "{\"x\":1}"), (2, "{}")].map(|(id, data)| (Some(id), data.to_owned()));
            assert_eq!(found, expected, "in parts of {size}");
        }
    }
}
