//! Who asks over TCP, where no kernel tells: a token says so. Tokens are compared as hashes, in a time that does not
//! depend on where they differ. Without any token nobody is answered but by the few addresses that are
//! open: a loopback address is reached by every user of the machine, and the socket asks who they are.
//!
//! A browser asks for whatever page is open in it. A page of another origin may not have anything done, and a name that
//! is not ours is not answered, so that no page can lend us its own (DNS rebinding).

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, header};
use sha2::{Digest, Sha256};

use super::problem::Refusal;
use super::routes::ROUTES;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;

/// What a token allows; each allows what is before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Questions.
    Read,
    /// Starting, stopping, pausing jobs and runs.
    Operate,
    /// What concerns all of them.
    Admin,
}

/// One token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Whose it is: what commands remember.
    pub name: String,
    /// SHA-256 of its text.
    pub sha256: [u8; 32],
    /// What it allows.
    pub scope: Scope,
}

/// Who may ask.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The tokens.
    pub tokens: Vec<Token>,
}

/// What is asked, as far as it matters here.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    /// The path of the table that fits, if any does.
    pub(super) path: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

impl Access {
    /// The name of who asks, if they may.
    pub(super) fn admit(&self, asked: &Asked<'_>) -> Result<String, Refusal> {
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(asked.method);
        is_ours(asked.headers)?;
        if !is_safe {
            is_same_origin(asked.headers)?;
        }
        let method = if *asked.method == Method::HEAD { &Method::GET } else { asked.method };
        let route = ROUTES.iter().find(|route| Some(route.path) == asked.path && route.method == *method);
        if route.is_some_and(|route| route.is_open) {
            return Ok("anybody".to_owned());
        }
        let needed = match route {
            _ if is_safe => Scope::Read,
            Some(route) if route.method == Method::POST && !OF_ALL.contains(&route.id) => Scope::Operate,
            Some(_) | None => Scope::Admin,
        };
        let (name, scope) = self.known(asked.headers)?;
        if scope < needed {
            let detail = format!("`{name}` may {scope:?}, and this needs {needed:?}").to_ascii_lowercase();
            return Err(ProblemDetails::new(Code::NotAllowed, detail).hint("use a token of a wider `scope`").into());
        }
        Ok(name)
    }

    fn known(&self, headers: &HeaderMap) -> Result<(String, Scope), Refusal> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let hash: [u8; 32] = Sha256::digest(given.map_or("", |(_, token)| token.trim())).into();
        let mut found = None;
        // All of them, so that the time says nothing of which.
        for token in &self.tokens {
            let differs = token.sha256.iter().zip(hash).fold(0, |differs, (one, other)| differs | (one ^ other));
            if std::hint::black_box(differs) == 0 {
                found = Some((token.name.clone(), token.scope));
            }
        }
        found.filter(|_| given.is_some()).ok_or_else(|| {
            ProblemDetails::new(Code::Unauthorized, "the token is missing or unknown")
                .hint("send `Authorization: Bearer TOKEN`")
                .into()
        })
    }
}

/// What concerns every job.
const OF_ALL: &[&str] = &["pause_all", "resume_all", "reload"];

fn foreign(detail: String) -> Refusal {
    ProblemDetails::new(Code::ForeignOrigin, detail).into()
}

/// An address cannot be lent by anybody's DNS; of names only `localhost` is ours.
fn is_ours(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return Err(foreign("the request names no host".to_owned()));
    };
    let name = bare(host);
    let is_name = name.eq_ignore_ascii_case("localhost");
    if is_name || name.parse::<IpAddr>().is_ok() {
        Ok(())
    } else {
        Err(foreign(format!("`{host}` is not this daemon")))
    }
}

/// The host without its port and brackets.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// A browser says by itself whether the page that asks is ours; what says nothing is no browser.
fn is_same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin" | "none"), _) | (None, None) => Ok(()),
        (Some(site), _) => Err(foreign(format!("a page asks whose site is `{site}`"))),
        (None, Some(origin)) => {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            match text("host").is_some_and(|ours| ours.eq_ignore_ascii_case(host)) {
                true => Ok(()),
                false => Err(foreign(format!("a page of `{origin}` asks"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, path: &str, headers: &[(&'static str, &str)], expected: Result<&str, &str>) {
        let token = |name: &str, scope| Token { name: name.into(), sha256: Sha256::digest(name).into(), scope };
        let access = Access { tokens: vec![token("eye", Scope::Read), token("hand", Scope::Operate)] };
        let mut all = HeaderMap::new();
        all.insert(header::HOST, "127.0.0.1:7000".parse().expect("because it is a header"));
        for (name, value) in headers {
            all.insert(*name, value.parse().expect("because it is a header"));
        }
        let said = access.admit(&Asked { method, path: Some(path), headers: &all });
        let said = said.map_err(|Refusal(problem)| problem.code);
        assert_eq!(said.as_deref().map_err(String::as_str), expected, "{method} {path} {headers:?}");
    }

    #[test]
    fn a_token_is_asked_for_and_allows_what_it_says() {
        let (eye, hand) = (("authorization", "Bearer eye"), ("authorization", "bearer hand"));
        check(&Method::GET, "/api/v1/status", &[eye], Ok("eye"));
        check(&Method::HEAD, "/api/v1/status", &[eye], Ok("eye"));
        check(&Method::GET, "/api/v1/status", &[], Err("unauthorized"));
        check(&Method::GET, "/api/v1/status", &[("authorization", "Bearer ")], Err("unauthorized"));
        check(&Method::GET, "/api/v1/status", &[("authorization", "Basic eye")], Err("unauthorized"));
        check(&Method::POST, "/api/v1/tasks", &[eye], Err("not_allowed"));
        check(&Method::POST, "/api/v1/tasks", &[hand], Ok("hand"));
        check(&Method::POST, "/api/v1/reload", &[hand], Err("not_allowed"));
        check(&Method::GET, "/livez", &[], Ok("anybody"));
        check(&Method::GET, "/metrics", &[], Err("unauthorized"));
    }

    #[test]
    fn a_page_of_another_origin_may_have_nothing_done() {
        let hand = ("authorization", "Bearer hand");
        for (headers, expected) in [
            (&[hand, ("origin", "http://127.0.0.1:7000")][..], Ok("hand")),
            (&[hand, ("origin", "http://evil.example")], Err("foreign_origin")),
            (&[hand, ("origin", "null")], Err("foreign_origin")),
            (&[hand, ("sec-fetch-site", "same-origin")], Ok("hand")),
            (&[hand, ("sec-fetch-site", "none")], Ok("hand")),
            (&[hand, ("sec-fetch-site", "cross-site")], Err("foreign_origin")),
            (&[hand, ("sec-fetch-site", "same-site")], Err("foreign_origin")),
            (&[hand, ("host", "evil.example:7000")], Err("foreign_origin")),
            (&[hand, ("host", "localhost:7000")], Ok("hand")),
            (&[hand, ("host", "[::1]:7000")], Ok("hand")),
        ] {
            check(&Method::POST, "/api/v1/tasks", headers, expected);
        }
    }

    #[test]
    fn without_tokens_only_what_is_open_is_answered() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().expect("because it is a header"));
        let asked = |method: &Method, path| {
            let asked = Asked { method, path: Some(path), headers: &headers };
            Access::default().admit(&asked).map_err(|Refusal(problem)| problem.code)
        };
        assert_eq!(asked(&Method::GET, "/readyz").as_deref(), Ok("anybody"));
        assert_eq!(asked(&Method::GET, "/api/v1/tasks"), Err("unauthorized".to_owned()));
        assert_eq!(asked(&Method::POST, "/api/v1/tasks"), Err("unauthorized".to_owned()));
    }
}
