//! The API over TCP, as those find it who mean no good: without a token, with too small a one, from a foreign page, with
//! requests that are none.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use sha2::{Digest, Sha256};
use world::{Daemon, LONG, World, said};

const EYE: &str = "the-token-that-may-only-look";
const HAND: &str = "the-token-that-may-do-things";

/// A daemon on a port of its own.
struct Place {
    world: World,
    daemon: Daemon,
    address: SocketAddr,
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn place(tokens: &[(&str, &str, &str)]) -> Place {
    let world = World::new();
    let mut text = "timezone = 'UTC'\nreload = 'manual'\n".to_owned();
    for (name, token, scope) in tokens {
        let hash: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("[tokens.{name}]\nsha256 = '{hash}'\nscope = '{scope}'\n"));
    }
    world.settings(&text);
    world.job("nightly", "shell = 'true'\n");
    let address = free();
    let mut words = world.daemon_words();
    words.args(["--listen", &address.to_string()]);
    let mut daemon = Daemon::spawn(words);
    daemon.until(" ready ");
    Place { world, daemon, address }
}

impl Place {
    fn guarded() -> Place {
        place(&[("eye", EYE, "read"), ("hand", HAND, "operate")])
    }

    /// Sends these bytes, and returns all that comes back until the other end closes.
    #[track_caller]
    fn sends(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // What is refused halfway is not taken to its end.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
            _ => String::from_utf8_lossy(&answer).into_owned(),
        }
    }

    /// The status and the code of one request with these headers, each with its line end.
    #[track_caller]
    fn asks(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let host = if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let length = body.len();
        let answer = self.sends(
            format!(
                "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{method} {path}: {answer:?}")).parse().unwrap();
        let problem: serde_json::Value =
            answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok()).unwrap_or_default();
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Nothing of what was sent did anything, and the daemon is as well as ever.
    #[track_caller]
    fn ends_unharmed(self) {
        assert_eq!(self.world.json(&["runs"]), serde_json::json!([]));
        assert_eq!(self.world.json(&["status"])["paused"], false);
        assert_eq!(self.asks("GET", "/livez", "", "").0, 200);
        assert_eq!(self.daemon.stop(), 0);
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn a_token_is_needed_and_allows_what_its_scope_says() {
    let place = Place::guarded();
    let (eye, hand) = (bearer(EYE), bearer(HAND));
    let run = "/api/v1/jobs/nightly/runs";
    for (method, path, headers, expected) in [
        ("GET", "/api/v1/status", "", (401, "unauthorized")),
        ("GET", "/metrics", "", (401, "unauthorized")),
        ("POST", run, "", (401, "unauthorized")),
        ("GET", "/api/v1/status", "Authorization: Bearer wrong\r\n", (401, "unauthorized")),
        ("GET", "/api/v1/status", "Authorization: Bearer \r\n", (401, "unauthorized")),
        ("GET", "/api/v1/status", "Authorization: Basic ZXllOmV5ZQ==\r\n", (401, "unauthorized")),
        ("GET", &format!("/api/v1/status?token={EYE}"), "", (401, "unauthorized")),
        ("GET", "/api/v1/status", &eye, (200, "")),
        ("POST", run, &eye, (403, "not_allowed")),
        ("POST", "/api/v1/tasks", &eye, (403, "not_allowed")),
        ("PUT", "/api/v1/jobs/mine", &eye, (403, "not_allowed")),
        ("PUT", "/api/v1/jobs/mine", &hand, (403, "not_allowed")),
        ("DELETE", "/api/v1/jobs/nightly", &hand, (403, "not_allowed")),
        ("POST", "/api/v1/pause", &hand, (403, "not_allowed")),
        ("POST", "/api/v1/reload", &hand, (403, "not_allowed")),
        ("POST", "/api/v1/jobs/none/runs", &hand, (404, "not_found")),
        ("GET", "/readyz", "", (200, "")),
    ] {
        let (status, code) = place.asks(method, path, headers, "");
        assert_eq!((status, code.as_str()), expected, "{method} {path} {headers}");
    }
    place.ends_unharmed();
}

#[test]
fn without_tokens_whoever_reaches_the_loopback_is_told_only_that_it_lives() {
    let place = place(&[]);
    assert_eq!(place.asks("GET", "/readyz", "", ""), (200, String::new()));
    for (method, path) in [
        ("GET", "/api/v1/status"),
        ("GET", "/metrics"),
        ("POST", "/api/v1/jobs/nightly/runs"),
        ("POST", "/api/v1/pause"),
        ("PUT", "/api/v1/jobs/mine"),
    ] {
        assert_eq!(place.asks(method, path, "", ""), (401, "unauthorized".to_owned()), "{method} {path}");
    }
    place.ends_unharmed();
}

#[test]
fn a_foreign_page_or_a_foreign_name_has_nothing_done() {
    let place = Place::guarded();
    let hand = bearer(HAND);
    let run = "/api/v1/jobs/nightly/runs";
    for headers in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Host: evil.example\r\n",
        "Host: localhost.evil.example:80\r\n",
        "Host: \r\n",
    ] {
        let (status, code) = place.asks("POST", run, &format!("{headers}{hand}"), "");
        assert_eq!((status, code.as_str()), (403, "foreign_origin"), "{headers}");
    }
    let (status, code) = place.asks("GET", "/api/v1/status", &format!("Host: evil.example\r\n{hand}"), "");
    assert_eq!((status, code.as_str()), (403, "foreign_origin"), "a page that rebinds its name learns nothing");
    place.ends_unharmed();
}

#[test]
fn beyond_this_machine_nobody_listens_without_a_token() {
    let world = World::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7000"] {
        let mut words = world.daemon_words();
        words.args(["--listen", address]);
        let refused = said(words).with(1);
        assert!(refused.err.contains(address) && refused.err.contains("[tokens.NAME]"), "{refused:#?}");
    }
    assert!(!world.path("socket").exists());
}

#[test]
fn what_is_no_request_is_refused_and_harms_nobody() {
    let place = Place::guarded();
    let host = format!("Host: {}\r\n", place.address);
    let hand = bearer(HAND);
    let run = "POST /api/v1/jobs/nightly/runs HTTP/1.1\r\n";
    for (what, bytes, statuses) in [
        ("a large header", format!("GET /livez HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(2 << 20)), &["431"][..]),
        ("many headers", format!("GET /livez HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(500)), &["431"]),
        ("a long address", format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(1 << 20)), &["414", "431"]),
        ("garbage", "\u{1}\u{2}garbage\r\n\r\n".to_owned(), &["400"]),
        ("no host", "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), &["403"]),
        ("two lengths", format!("{run}{host}{hand}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x"), &["400"]),
        (
            "a length and chunks, so that what follows could be taken for a request",
            format!(
                "{run}{host}{hand}Content-Length: 4\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"
            ),
            &["400"],
        ),
        ("a length that is none", format!("{run}{host}{hand}Content-Length: -1\r\n\r\n"), &["400"]),
        ("another version", format!("GET /livez HTTP/3.0\r\n{host}\r\n"), &["400", "505"]),
    ] {
        let answer = place.sends(bytes.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or("none");
        assert!(statuses.contains(&status), "{what}: {answer:?}");
    }
    // What follows a good request is no request: the first is answered, and the connection is closed.
    let answer =
        place.sends(format!("GET /livez HTTP/1.1\r\n{host}\r\n\u{0}\u{0}\u{7f}ELF POST / \r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 400"), "{answer:?}");
    // Two good ones in one go are both answered, each by its own token.
    let both = format!(
        "GET /api/v1/status HTTP/1.1\r\n{host}{}\r\nGET /api/v1/status HTTP/1.1\r\n{host}Connection: close\r\n\r\n",
        bearer(EYE)
    );
    let answer = place.sends(both.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 401"), "{answer:?}");
    place.ends_unharmed();
}

#[test]
fn who_sends_a_head_slowly_holds_up_nobody_and_is_let_go() {
    let place = Place::guarded();
    let mut slow: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(place.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /livez HTTP/1.1\r\nX-Slow: ").unwrap();
    }
    assert_eq!(place.asks("GET", "/livez", "", "").0, 200, "others are answered meanwhile");
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_secs(45))).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("because the daemon closes it by itself");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    }
    place.ends_unharmed();
}
