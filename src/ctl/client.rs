//! Speaks HTTP over the daemon's socket. Answers are shapes of `wire`, refusals are failures with their exit code.

use std::error::Error;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::model::timestamp::Timestamp;
use crate::wire::list::MAX_LIMIT;
use crate::wire::{Job, Next, Page, ProblemDetails, code};

/// The longest path that the address of a socket holds on Linux (108 bytes, the last of them 0).
const MAX_SOCKET_PATH: usize = 107;
/// How alike two names are that may be confused.
const ALIKE: f64 = 0.8;

/// What stands behind the `?`.
pub(crate) type Query<'a> = Vec<(&'a str, String)>;

/// Speaks to one daemon.
pub(crate) struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon at `socket`; nothing is connected yet.
    pub(crate) fn new(socket: PathBuf) -> Result<Self, Failure> {
        let length = socket.as_os_str().len();
        if length > MAX_SOCKET_PATH {
            return Err(Failure::usage(format!(
                "the path of the socket is {length} bytes long, and the system takes at most {MAX_SOCKET_PATH}"
            ))
            .hint("name a shorter one with `--socket PATH`, to the daemon too"));
        }
        let unusable = |error: String| Failure::new(code::FAILED, format!("no HTTP client could be made: {error}"));
        // A Unix socket needs no TLS, and this spares reading the machine's certificates.
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .unix_socket(socket.clone())
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Client { http, socket })
    }

    /// Asks for one thing.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: Query<'_>) -> Result<T, Failure> {
        let response = self.open(path, query).await?;
        self.shape(response).await
    }

    /// Asks for something whose answer is read as it comes.
    pub(crate) async fn open(&self, path: &[&str], query: Query<'_>) -> Result<Response, Failure> {
        self.send(self.http.request(Method::GET, address(path)).query(&query)).await
    }

    /// Asks for a list, page by page, until `limit` things are there or the list is at its end.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Query<'_>,
        limit: Option<usize>,
    ) -> Result<Vec<T>, Failure> {
        let mut items: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let wanted = limit.map_or(MAX_LIMIT, |limit| limit - items.len()).clamp(1, MAX_LIMIT);
            let mut query = query.clone();
            query.push(("limit", wanted.to_string()));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: Page<T> = self.get(path, query).await?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || limit.is_some_and(|limit| items.len() >= limit) {
                items.truncate(limit.unwrap_or(usize::MAX));
                return Ok(items);
            }
        }
    }

    /// Wants something done that has an answer.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Failure> {
        let response = self.send(self.http.request(Method::POST, address(path)).json(body)).await?;
        self.shape(response).await
    }

    /// Hands over a text as it is, and reads the answer.
    pub(crate) async fn give<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        kind: &str,
        text: Vec<u8>,
    ) -> Result<T, Failure> {
        let response = self.hand(method, path, kind, text).await?;
        self.shape(response).await
    }

    /// The same, and whatever it answers is well.
    pub(crate) async fn hand(
        &self,
        method: Method,
        path: &[&str],
        kind: &str,
        text: Vec<u8>,
    ) -> Result<Response, Failure> {
        self.send(self.http.request(method, address(path)).header(CONTENT_TYPE, kind).body(text)).await
    }

    /// Wants something done.
    pub(crate) async fn tell(&self, path: &[&str]) -> Result<(), Failure> {
        self.send(self.http.request(Method::POST, address(path))).await.map(drop)
    }

    /// Wants something done, and says how.
    pub(crate) async fn tell_how(&self, path: &[&str], how: &impl Serialize) -> Result<(), Failure> {
        self.send(self.http.request(Method::POST, address(path)).json(how)).await.map(drop)
    }

    /// The failure to find `name`, with the job that may have been meant.
    pub(crate) async fn suggest(&self, failure: Failure, name: &str) -> Failure {
        if !failure.is_not_found() {
            return failure;
        }
        // `JOB#N` and `JOB@-1` are named by their job.
        let (job, rest) = name.split_at(name.find(['#', '@']).unwrap_or(name.len()));
        let Ok(jobs) = self.jobs().await else { return failure };
        match nearest(job, jobs.iter().map(String::as_str)) {
            Some(near) => failure.hint(format!("did you mean `{near}{rest}`?")),
            None => failure,
        }
    }

    /// The next due time of the job that is not skipped.
    pub(crate) async fn next_of(&self, job: &str) -> Result<Timestamp, Failure> {
        let query = vec![("job", job.to_owned()), ("n", "100".to_owned())];
        let page: Page<Next> = match self.get(&["next"], query).await {
            Ok(page) => page,
            Err(failure) => return Err(self.suggest(failure, job).await),
        };
        let next = page
            .items
            .iter()
            .find(|next| !next.skipped)
            .ok_or_else(|| Failure::new(code::CONFLICT, format!("`{job}` has no due time ahead")));
        next.map(|next| next.due_at)
    }

    /// The names of all jobs.
    pub(crate) async fn jobs(&self) -> Result<Vec<String>, Failure> {
        let jobs: Vec<Job> = self.list(&["jobs"], Vec::new(), None).await?;
        Ok(jobs.into_iter().map(|job| job.name).collect())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.absent(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.bytes().await.map_err(|error| self.absent(&error))?;
        match serde_json::from_slice::<ProblemDetails>(&text) {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(Failure::new(code::FAILED, format!("what answers at {} says {status}", self.place()))),
        }
    }

    async fn shape<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let text = response.bytes().await.map_err(|error| self.absent(&error))?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::new(code::FAILED, format!("the daemon's answer cannot be read: {error}"))
                .hint("`campanile --version` and `campanile ctl status` say whether both are of one version")
        })
    }

    /// What it means that no answer came.
    pub(crate) fn absent(&self, error: &reqwest::Error) -> Failure {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>()
                && error.kind() == io::ErrorKind::PermissionDenied
            {
                return Failure::new(code::NOT_ALLOWED, format!("you may not use the socket {}", self.place()))
                    .hint("ask as root, as the daemon's user or as one of its group");
            }
            cause = error.source();
        }
        if error.is_connect() {
            let kind = self.socket.metadata().ok().map(|metadata| metadata.file_type());
            if kind.is_some_and(|kind| !kind.is_socket()) {
                return Failure::new(code::NO_DAEMON, format!("{} is no socket", self.place()))
                    .hint("`--socket PATH` or `CAMPANILE_SOCKET` names that of the daemon");
            }
            return Failure::new(code::NO_DAEMON, format!("no daemon answers at {}", self.place()))
                .hint("start one with `campanile daemon`, or say where it is with `--socket PATH`");
        }
        Failure::new(code::NO_DAEMON, format!("the daemon at {} went away", self.place()))
    }

    fn place(&self) -> String {
        format!("`{}`", self.socket.display())
    }
}

fn address(path: &[&str]) -> Url {
    let mut address = Url::parse("http://campanile/api/v1").expect("because this is an address");
    address.path_segments_mut().expect("because this address has a path").extend(path);
    address
}

/// The name most like `name`, if it is like enough to be meant.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, candidate)| *likeness >= ALIKE && *candidate != name)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_travel_in_addresses_whatever_they_hold() {
        for (path, expected) in [
            (vec!["runs", "nightly#3"], "http://campanile/api/v1/runs/nightly%233"),
            (vec!["jobs", "a/b?c"], "http://campanile/api/v1/jobs/a%2Fb%3Fc"),
        ] {
            assert_eq!(address(&path).as_str(), expected);
        }
    }

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let jobs = ["nightly-report", "backup", "cleanup"];
        for (name, expected) in [("nigthly-report", Some("nightly-report")), ("backp", Some("backup")), ("xyz", None)] {
            assert_eq!(nearest(name, jobs.into_iter()), expected, "{name}");
        }
    }
}
