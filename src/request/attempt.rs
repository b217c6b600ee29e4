//! One request, from its references to what was seen of its end.
//!
//! Order: resolve the references, build the request, say in the log what is asked, send, read, log the answer. All of it
//! within the call's time, and given up when somebody wants that. What is known to have sent nothing is told apart from
//! what may have been done: the one may be repeated, the other only where that is harmless.

use std::path::Path;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use tokio::sync::watch;

use super::masks::Masks;
use super::record::Record;
use crate::clock;
use crate::logs::Capture;
use crate::model::call::Call;
use crate::model::definition::{Body, Http, Value};
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::timestamp::Timestamp;
use crate::outbound::guard::check_url;
use crate::outbound::{Answer, Blocked, Client, Request, SendError, Trust, retry_after};
use crate::secret::{self, Secret, SecretError};

/// The longest part of an answer that an error repeats, in bytes.
const MAX_WORDS: usize = 300;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Somebody may want the request given up, and says why.
pub(super) type Stopped = watch::Receiver<Option<StopReason>>;

/// Why nothing more is awaited.
enum Cut {
    Stopped(StopReason),
    Timeout,
}

/// Why nothing was sent: what kind of end that is, in words.
struct Unsent(ExitKind, String);

/// A request that can be sent, and what of it may not be shown.
struct Ready {
    request: Request,
    masks: Masks,
}

/// Makes the request of `call`. `started` hears when it is about to be sent.
pub(super) async fn make(
    call: &Call,
    client: &Client,
    state_dir: &Path,
    mut stopped: Stopped,
    started: impl FnOnce(Timestamp),
) -> Exit {
    let timeout = call.timeout.unwrap_or(Http::TIMEOUT);
    let until = clock::boot_us().saturating_add(timeout.as_micros());
    let left = || Duration::from_micros((until - clock::boot_us()).max(0));
    let record = Record::new(state_dir, call);
    let ready = match unless_cut(&mut stopped, left(), prepare(call)).await {
        Ok(Ok(ready)) => ready,
        Ok(Err(Unsent(kind, why))) => return unsent(record, kind, Some(why)).await,
        Err(Cut::Stopped(reason)) => return unsent(record, ExitKind::Stopped(reason), None).await,
        Err(Cut::Timeout) => {
            let why = format!("a secret could not be read within {timeout}");
            return unsent(record, ExitKind::NotStarted, Some(why)).await;
        }
    };
    let Ready { request, masks } = ready;
    let started_at = clock::wall();
    started(started_at);
    let record = record.say(&format!("{} {}", call.request.method, call.request.url.shown())).await;
    // The client is given more time than there is, so that it is always we who give up.
    let (left, sent) = (left(), Request { timeout: timeout.times(2.0), ..request });
    let seen = match unless_cut(&mut stopped, left, client.send(sent)).await {
        Ok(Ok(answer)) => answered(&call.request, answer, &masks),
        Ok(Err(error)) => unanswered(&call.request, &error, &masks),
        Err(Cut::Stopped(reason)) => Seen::without_answer(ExitKind::Stopped(reason), None),
        Err(Cut::Timeout) => Seen::without_answer(ExitKind::Timeout, None),
    };
    let record = record.say(&seen.words(timeout)).await;
    let mut output = Capture::default();
    output.push(&seen.body);
    let record = record.body(seen.body).await;
    Exit {
        started_at: Some(started_at),
        output: output.into_text(),
        outputs: seen.outputs,
        retry_after: seen.retry_after,
        error: seen.error,
        log: record.finish().await,
        ..Exit::bare(seen.kind, clock::wall())
    }
}

async fn unless_cut<T>(stopped: &mut Stopped, left: Duration, work: impl Future<Output = T>) -> Result<T, Cut> {
    let told = async {
        let reason = stopped.wait_for(Option::is_some).await.map(|reason| *reason);
        match reason {
            Ok(reason) => reason.unwrap_or(StopReason::Cancel),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        reason = told => Err(Cut::Stopped(reason)),
        done = tokio::time::timeout(left.to_std(), work) => done.map_err(|_| Cut::Timeout),
    }
}

async fn unsent(record: Record, kind: ExitKind, why: Option<String>) -> Exit {
    let record = match &why {
        Some(why) => record.say(&format!("not sent: {why}")).await,
        None => record,
    };
    Exit { error: why, log: record.finish().await, ..Exit::bare(kind, clock::wall()) }
}

/// Resolves and builds, without a word to anybody.
async fn prepare(call: &Call) -> Result<Ready, Unsent> {
    let wanted = call.request.clone();
    // A secret's file may be on a file system that does not answer.
    let resolving = tokio::task::spawn_blocking(move || {
        let headers = wanted.headers.iter().map(|(name, value)| Ok((name.clone(), secret::resolve(value)?)));
        Ok::<_, SecretError>((secret::resolve(&wanted.url)?, headers.collect::<Result<Vec<_>, SecretError>>()?))
    });
    let not_started = |why: String| Unsent(ExitKind::NotStarted, why);
    let resolved = resolving.await.map_err(|_| not_started("the daemon is stopping".to_owned()))?;
    let (url, headers) = resolved.map_err(|error| not_started(error.to_string()))?;
    let request = &call.request;
    let masks = Masks::of((&request.url, &url), request.headers.values().zip(headers.iter().map(|(_, value)| value)));
    let trust = match request.public_only {
        true => Trust::Api,
        false => Trust::Files { allow_private: request.allow_private },
    };
    check_url(url.expose(), trust).map_err(|blocked| Unsent(unfit(&request.url), blocked.to_string()))?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| Unsent(ExitKind::Invalid, format!("`{}` is not a method", request.method)))?;
    let built = Request {
        method,
        url: url.expose().to_owned(),
        trust,
        headers: header_map(call, &headers)?,
        body: body(request),
        timeout: Duration::ZERO,
        max_body: usize::try_from(request.max_response).unwrap_or(usize::MAX),
    };
    Ok(Ready { request: built, masks })
}

/// What stands in the definition is the same at the next try; what a reference points to may be mended.
fn unfit(value: &Value) -> ExitKind {
    match value {
        Value::Plain(_) => ExitKind::Invalid,
        Value::Secret(_) => ExitKind::NotStarted,
    }
}

fn header_map(call: &Call, resolved: &[(String, Secret)]) -> Result<HeaderMap, Unsent> {
    let mut headers = HeaderMap::new();
    for ((name, written), (_, value)) in call.request.headers.iter().zip(resolved) {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Unsent(ExitKind::Invalid, format!("`{name}` is not a header's name")))?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
            let why = format!("the value of header `{name}` has characters that HTTP does not allow");
            Unsent(unfit(written), why)
        })?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    let kind = match &call.request.body {
        Some(Body::Text(_)) => Some("text/plain; charset=utf-8"),
        Some(Body::Json(_)) => Some("application/json"),
        None => None,
    };
    if let Some(kind) = kind {
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    }
    let key = HeaderValue::from_str(&call.idempotency_key)
        .map_err(|_| Unsent(ExitKind::Invalid, "the idempotency key cannot be sent in a header".to_owned()))?;
    headers.insert(IDEMPOTENCY_KEY, key);
    Ok(headers)
}

fn body(request: &Http) -> Vec<u8> {
    match &request.body {
        Some(Body::Text(text)) => text.as_bytes().to_vec(),
        Some(Body::Json(json)) => json.to_string().into_bytes(),
        None => Vec::new(),
    }
}

/// What is known after a request was begun; masked.
struct Seen {
    kind: ExitKind,
    body: Vec<u8>,
    outputs: std::collections::BTreeMap<String, String>,
    retry_after: Option<Duration>,
    error: Option<String>,
    /// What came back, for the log.
    summary: Option<String>,
}

impl Seen {
    fn without_answer(kind: ExitKind, error: Option<String>) -> Self {
        Seen { kind, body: Vec::new(), outputs: Default::default(), retry_after: None, error, summary: None }
    }

    /// What the log says about it.
    fn words(&self, timeout: Duration) -> String {
        match self.kind {
            ExitKind::Timeout => format!("no answer within {timeout}"),
            ExitKind::Stopped(StopReason::Cancel) => "given up: it was cancelled".to_owned(),
            ExitKind::Stopped(StopReason::Drain) => "given up: the daemon is stopping".to_owned(),
            ExitKind::Code(_)
            | ExitKind::Signal(_)
            | ExitKind::Lost
            | ExitKind::NotStarted
            | ExitKind::Status(_)
            | ExitKind::Unreached
            | ExitKind::Unanswered
            | ExitKind::Invalid => {
                let parts = [self.summary.as_deref(), self.error.as_deref()];
                parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
        }
    }
}

fn answered(request: &Http, answer: Answer, masks: &Masks) -> Seen {
    let Answer { status, headers, body, cut } = answer;
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let content_type = text(header::CONTENT_TYPE).map(|kind| masks.words(kind));
    let is_full = body.len() as u64 >= request.max_response;
    let (kind, error) = if !request.expects(status) {
        let location = text(header::LOCATION).map(|place| masks.words(place));
        (ExitKind::Status(status), Some(refusal(status, location, content_type.as_deref(), &masks.bytes(body.clone()))))
    } else if cut && is_full {
        let why = format!("the answer is longer than `max_response`, which is {} bytes", request.max_response);
        (ExitKind::Invalid, Some(why))
    } else if cut {
        (ExitKind::Unanswered, Some(format!("the answer broke off after {} bytes", body.len())))
    } else {
        (ExitKind::Status(status), None)
    };
    let now = clock::wall().as_micros().div_euclid(1_000_000);
    let asked = text(header::RETRY_AFTER).filter(|_| matches!(status, 429 | 503) && error.is_some());
    let mut outputs = std::collections::BTreeMap::from([("status".to_owned(), status.to_string())]);
    let of = content_type.as_ref().map(|kind| format!(" of {kind}")).unwrap_or_default();
    let more = if cut { " and more" } else { "" };
    let summary = format!("{}: {} bytes{more}{of}", phrase(status), body.len());
    outputs.extend(content_type.map(|kind| ("content_type".to_owned(), kind)));
    Seen {
        kind,
        outputs,
        retry_after: asked.and_then(|asked| retry_after(asked, now)),
        error,
        summary: Some(summary),
        body: masks.bytes(body),
    }
}

fn phrase(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// Why a status that was not expected may have come: what the answer says first, unless it is a page for browsers.
fn refusal(status: u16, location: Option<String>, content_type: Option<&str>, body: &[u8]) -> String {
    if let (300..=399, Some(place)) = (status, location) {
        return format!("redirects are not followed, this one leads to {}", short(&place));
    }
    let text = String::from_utf8_lossy(body);
    let is_page = content_type.is_some_and(|kind| kind.contains("html"));
    match text.lines().map(str::trim).find(|line| !line.is_empty()).filter(|_| !is_page) {
        Some(line) => short(line),
        None => StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("nothing more is said")
            .to_owned(),
    }
}

/// A line without what would move a terminal's cursor, and not too long.
fn short(line: &str) -> String {
    let plain: String = line.chars().filter(|letter| !letter.is_control()).collect();
    let end = plain.floor_char_boundary(MAX_WORDS);
    if end < plain.len() { format!("{}…", &plain[..end]) } else { plain }
}

fn unanswered(request: &Http, error: &SendError, masks: &Masks) -> Seen {
    let kind = match error {
        SendError::Blocked(Blocked::NoAddress) | SendError::Unreachable(_) | SendError::Unable(_) => {
            ExitKind::Unreached
        }
        SendError::Blocked(_) => unfit(&request.url),
        SendError::Timeout(_) => ExitKind::Timeout,
        SendError::NoAnswer(_) => ExitKind::Unanswered,
    };
    Seen::without_answer(kind, Some(masks.words(&error.to_string())))
}
