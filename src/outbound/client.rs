//! The HTTP client: one request, one answer, within one time.
//!
//! Clients are built when they are first needed, one for each trust and scheme. Trusts do not share connections, since
//! a connection that is kept open is not resolved again and so is not checked again. Plain `http` has a client without
//! certificate roots, so that it works on a machine that has none and costs no memory for them.
//!
//! Nothing here tries twice: whether to try again is decided by who has the facts in rows. No error names the URL,
//! which may be a secret.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as StdDuration;

use http::{HeaderMap, Method};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::{Blocked, Trust, check_addresses, check_url};
use crate::model::duration::Duration;

/// The most of an answer's body that is worth reading where nobody wants it, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// Part of a request's time that a connection may take to be made.
const CONNECT_TIMEOUT: StdDuration = StdDuration::from_secs(10);
/// How long an idle connection is kept, so that a burst to one receiver is not a burst of handshakes.
const KEEP_IDLE: StdDuration = StdDuration::from_secs(15);
const KEPT_PER_HOST: usize = 4;
const USER_AGENT: &str = concat!("campanile/", env!("CARGO_PKG_VERSION"));

/// One request. It has no `Debug`: its URL, its headers and its body may be secret.
#[derive(Clone)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// How far the URL is trusted.
    pub trust: Trust,
    /// Sent besides `host`, `content-length`, `user-agent` and `accept`.
    pub headers: HeaderMap,
    /// Sent as it is.
    pub body: Vec<u8>,
    /// From the first packet to the last byte of the answer.
    pub timeout: Duration,
    /// Bytes of the answer's body to keep; the rest is not read.
    pub max_body: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, or the beginning of it.
    pub body: Vec<u8>,
    /// There was more of the body than was asked for, or it broke off.
    pub cut: bool,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The URL may not be called, or the name led to an address that may not be called.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// It took too long.
    #[error("no answer within {0}")]
    Timeout(Duration),
    /// There was no connection: name, network, or TLS.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// There was a connection, but no answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// No client could be made.
    #[error("cannot speak HTTP from here: {0}")]
    Unable(String),
}

/// Speaks HTTP; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Client {
    built: Arc<Mutex<HashMap<(Trust, Scheme), reqwest::Client>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Scheme {
    Plain,
    Tls,
}

impl Client {
    /// A client that has not spoken yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `request` and reads what comes back, as far as it was asked for.
    ///
    /// A body that breaks off after the status is an answer nevertheless: the receiver has seen the request.
    pub async fn send(&self, request: Request) -> Result<Answer, SendError> {
        let url = check_url(&request.url, request.trust)?;
        let scheme = if url.scheme() == "https" { Scheme::Tls } else { Scheme::Plain };
        let timeout = request.timeout;
        let mut response = self
            .client(request.trust, scheme)?
            .request(request.method, url)
            .headers(request.headers)
            .body(request.body)
            .timeout(timeout.to_std())
            .send()
            .await
            .map_err(|error| explained(&error, timeout))?;
        let mut body = Vec::new();
        let cut = loop {
            match response.chunk().await {
                Ok(None) => break false,
                Ok(Some(chunk)) => {
                    let room = request.max_body - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break true;
                    }
                }
                Err(_) => break true,
            }
        };
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body, cut })
    }

    fn client(&self, trust: Trust, scheme: Scheme) -> Result<reqwest::Client, SendError> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.get(&(trust, scheme)) {
            return Ok(client.clone());
        }
        let client = build(trust, scheme).map_err(|error| SendError::Unable(innermost(&error).to_string()))?;
        built.insert((trust, scheme), client.clone());
        Ok(client)
    }
}

fn build(trust: Trust, scheme: Scheme) -> reqwest::Result<reqwest::Client> {
    // The second and later calls find a provider there and change nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(KEEP_IDLE)
        .pool_max_idle_per_host(KEPT_PER_HOST)
        .dns_resolver(Resolver { trust });
    match scheme {
        Scheme::Plain => builder.tls_certs_only([]),
        Scheme::Tls => builder,
    }
    .build()
}

/// Resolves a name once and hands on only what was checked.
struct Resolver {
    trust: Trust,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trust = self.trust;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            check_addresses(found.iter().map(SocketAddr::ip), trust)?;
            let checked: Addrs = Box::new(found.into_iter());
            Ok(checked)
        })
    }
}

fn explained(error: &reqwest::Error, timeout: Duration) -> SendError {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(blocked) = inner.downcast_ref::<Blocked>() {
            return SendError::Blocked(blocked.clone());
        }
        cause = inner.source();
    }
    if error.is_timeout() && !error.is_connect() {
        SendError::Timeout(timeout)
    } else if error.is_connect() {
        SendError::Unreachable(innermost(error).to_string())
    } else {
        SendError::NoAnswer(innermost(error).to_string())
    }
}

/// The first cause. Those above it say the URL, or only that something went wrong.
fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
