//! Events as they come, as Server-Sent Events (the WHATWG HTML standard). Each carries its number as `id`, so a client that
//! lost its connection says `Last-Event-ID` and misses nothing. A client too slow for what is pruned meanwhile is ended,
//! and is told so when it comes back.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::context::Shared;
use super::events::pruned;
use super::parameters::{Parameters, bad};
use super::problem::Refusal;
use crate::model::id::EventSeq;
use crate::query;
use crate::query::event::{Filter, Part};
use crate::wire::Event;

/// So many events are held for one client.
const MAX_PENDING: usize = 500;
/// After so long without an event a comment shows that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Which events.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Those after the event of this number; only what comes from now on without it.
    #[schemars(range(min = 0, max = 9_223_372_036_854_775_807_u64))]
    pub(super) after: Option<u64>,
    /// Those about this run.
    pub(super) run: Option<String>,
    /// Those about this job.
    pub(super) job: Option<String>,
    /// Those of this type; `*` stands for any run of characters.
    #[serde(rename = "type")]
    #[schemars(extend("pattern" = r"^[^?\[]*$"))]
    pub(super) kind: Option<String>,
}

pub(super) async fn events(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Refusal> {
    open(shared, &headers, asked).await
}

/// Opens a stream.
pub(super) async fn open(shared: Shared, headers: &HeaderMap, asked: Asked) -> Result<Response, Refusal> {
    let Asked { after, run, job, kind } = asked;
    let after = last_event_id(headers)?.or(after);
    let place = shared.stream()?;
    // Subscribed before anything is read, so that nothing falls in between.
    let mut committed = shared.context.handle.committed();
    let now = committed.borrow_and_update().0;
    let begin = after.unwrap_or(now);
    let (filter, first) = shared
        .read(move |reader| {
            let filter = query::event::filter(reader, run.as_deref(), job, kind)?;
            let first = query::event::after(reader, &filter, Some(begin), MAX_PENDING)?;
            Ok((filter, first))
        })
        .await?;
    let (items, after) = match first {
        Part::Events { items, upto, .. } => (items, upto),
        Part::Pruned { oldest } => return Err(pruned(oldest)),
    };
    let stopping = shared.stopping.clone();
    let begin = Some(begin);
    let follower = Follower { _place: place, shared, filter, begin, after, pending: items.into(), committed, stopping };
    let frames = stream::unfold(follower, Follower::next);
    let answer = Sse::new(frames).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, answer).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    match headers.get("last-event-id") {
        None => Ok(None),
        Some(text) => match text.to_str().ok().and_then(|text| text.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(bad("`Last-Event-ID` is not the number of an event")),
        },
    }
}

struct Follower {
    /// One of the streams that may be open at once.
    _place: OwnedSemaphorePermit,
    shared: Shared,
    filter: Filter,
    /// Where the stream begins, until that is said.
    begin: Option<u64>,
    /// Everything up to this number has been looked at.
    after: u64,
    pending: VecDeque<Event>,
    committed: watch::Receiver<EventSeq>,
    stopping: watch::Receiver<bool>,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Frame, Infallible>, Self)> {
        // A number without an event: who loses the connection before the first event still knows where to go on.
        if let Some(begin) = self.begin.take() {
            return Some((Ok(Frame::default().id(begin.to_string()).retry(RETRY)), self));
        }
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some((Ok(frame(&event)), self));
            }
            if *self.stopping.borrow() {
                return None;
            }
            if self.committed.borrow_and_update().0 > self.after {
                self.read_on().await?;
                continue;
            }
            tokio::select! {
                changed = self.committed.changed() => changed.ok()?,
                _ = self.stopping.changed() => return None,
            }
        }
    }

    /// Nothing if the stream is to end.
    async fn read_on(&mut self) -> Option<()> {
        let (filter, after) = (self.filter.clone(), self.after);
        let read = move |reader: &query::Reader| query::event::after(reader, &filter, Some(after), MAX_PENDING);
        match self.shared.read(read).await {
            Ok(Part::Events { items, upto, .. }) => {
                self.after = upto;
                self.pending.extend(items);
                Some(())
            }
            Ok(Part::Pruned { .. }) => None,
            Err(refused) => {
                tracing::warn!(%refused, "a stream of events ends");
                None
            }
        }
    }
}

fn frame(event: &Event) -> Frame {
    let data = serde_json::to_string(event).expect("because an event is plain data");
    Frame::default().id(event.seq.to_string()).event(&event.kind).data(data)
}
