//! `http`: what a request may say, and what beside it means nothing.

use campanile::model::definition::value::{Place, Reference};
use campanile::model::definition::{Action, Body, Http, OnInterrupt, Value};
use campanile::model::duration::Duration;
use serde_json::json;

use super::{check, job, warned};

fn request(text: &str) -> Http {
    let action = job(text).tasks.remove(0).action;
    let Action::Http(request) = action else { panic!("{action:?} in\n{text}") };
    *request
}

#[test]
fn a_request_that_says_little_has_these_defaults() {
    let get = request("http = { url = 'https://a.example/x' }");
    let expected = Http {
        method: "GET".to_owned(),
        url: "https://a.example/x".into(),
        headers: Default::default(),
        body: None,
        expect_status: vec![(200, 299)],
        max_response: 1 << 20,
        idempotent: true,
        public_only: false,
        allow_private: false,
    };
    assert_eq!(get, expected);
    let post = request("http = { url = 'https://a.example/x', body = 'b' }");
    let body = Some(Body::Text("b".to_owned()));
    assert_eq!(post, Http { method: "POST".to_owned(), body, idempotent: false, ..expected });

    let task = job("http = { url = 'https://a.example/x' }").tasks.remove(0);
    assert_eq!((task.timeout, task.on_interrupt), (Some(Duration::from_secs(60)), OnInterrupt::Retry));
    let task = job("timeout = '2h'\nhttp = { url = 'https://a.example/x', method = 'patch' }").tasks.remove(0);
    assert_eq!((task.timeout, task.on_interrupt), (Some(Duration::from_secs(7_200)), OnInterrupt::Fail));
}

#[test]
fn a_request_can_say_all_of_this() {
    let text = r#"
[tasks.call]
on_interrupt = "retry"
[tasks.call.http]
method = "Post"
url = { env = "URL" }
headers = { Authorization = { file = "/t", prefix = "Bearer " }, X-Day = "1" }
json = { a = [1, 2.5, true, "x"], at = 2027-01-01T00:00:00Z }
expect_status = [200, "204", "3xx", "400-404"]
max_response = "64KiB"
idempotent = true
allow_private = true
"#;
    let token = Reference { place: Place::File("/t".to_owned()), prefix: "Bearer ".to_owned() };
    let url = Reference { place: Place::Env("URL".to_owned()), prefix: String::new() };
    let expected = Http {
        method: "POST".to_owned(),
        url: Value::Secret(url),
        headers: [("Authorization".to_owned(), Value::Secret(token)), ("X-Day".to_owned(), "1".into())].into(),
        body: Some(Body::Json(json!({ "a": [1, 2.5, true, "x"], "at": "2027-01-01T00:00:00Z" }))),
        expect_status: vec![(200, 200), (204, 204), (300, 399), (400, 404)],
        max_response: 65_536,
        idempotent: true,
        public_only: false,
        allow_private: true,
    };
    assert_eq!(request(text), expected);
    assert_eq!(request("http = { url = 'http://a', expect_status = 404 }").expect_status, [(404, 404)]);
}

#[test]
fn what_no_request_can_be_sent_with_is_told_with_its_place() {
    check(
        r#"[tasks.a.http]
method = "PSOT"
url = "ftp://example.com"
headers = { Host = "x", "a b" = "x", X = "a\nb", x = "y", Idempotency-Key = "1", Transfer-Encoding = "chunked" }
body = "x"
json = "y"
expect_status = [99, "6xx", "404-400", "2x", true]
max_response = "1GiB"
timeout = "1s"
idempotent = 1
[tasks.b.http]
method = "CONNECT"
url = "https://user:pw@example.com/"
body = { a = 1 }
expect_status = []
[tasks.c]
http = "https://example.com"
[tasks.d]
http = {}
"#,
        &[
            "2:10: `PSOT` is not a method that is sent from here (hint: there are GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS and those of WebDAV)",
            "3:7: `url` must begin with `http://` or `https://`, found `ftp:`",
            "4:13: `Host` is set by Campanile itself (hint: it is made from `url`)",
            "4:25: `a b` is not a header's name",
            "4:42: the value of `X` cannot be sent in a header (hint: headers hold visible text on one line)",
            "4:50: header `x` is given twice",
            "4:59: `Idempotency-Key` is set by Campanile itself (hint: it is the same for every attempt of the task, and `CAMPANILE_IDEMPOTENCY_KEY` elsewhere)",
            "4:82: `Transfer-Encoding` is set by Campanile itself (hint: it is for the connection and not for the receiver)",
            "6:1: `body` and `json` cannot both be given",
            "7:18: an item of `expect_status` must be a status from 200 to 599, or a range of them (hint: write it as 200, \"2xx\" or \"200-204\")",
            "7:22: an item of `expect_status` must be a status from 200 to 599, or a range of them (hint: write it as 200, \"2xx\" or \"200-204\")",
            "7:29: an item of `expect_status` must be a status from 200 to 599, or a range of them (hint: write it as 200, \"2xx\" or \"200-204\")",
            "7:40: an item of `expect_status` must be a status from 200 to 599, or a range of them (hint: write it as 200, \"2xx\" or \"200-204\")",
            "7:46: an item of `expect_status` must be a status from 200 to 599, or a range of them (hint: write it as 200, \"2xx\" or \"200-204\")",
            "8:16: `max_response` is at most 64 MiB (hint: an answer is in memory at once; fetch more with a program)",
            "9:1: unknown key `timeout` in `http` (hint: it is a key of the task, beside `http`)",
            "10:14: `idempotent` must be `true` or `false`, found an integer",
            "12:10: `CONNECT` is not a method that is sent from here (hint: there are GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS and those of WebDAV)",
            "13:7: `url` holds a user name or password; give it as a header, by reference",
            "14:8: `body` must be a string, found a table (hint: a value that is sent as JSON is `json = { ... }`)",
            "15:17: `expect_status` is empty, so no answer is a success",
            "17:8: `http` must be a table, found a string",
            "19:8: `http` needs a `url`",
        ],
    );
}

#[test]
fn words_about_processes_mean_nothing_beside_a_request() {
    check(
        r#"working_dir = "/tmp"
[tasks.a]
http = { url = "http://a" }
[tasks.b]
http = { url = "http://a" }
stdin = "x"
exit_codes = { ok = [1] }
env = { A = "b" }
"#,
        &[
            "6:1: `stdin` has no meaning beside `http` (hint: give what is sent as `body` or `json` in `http`)",
            "7:1: `exit_codes` has no meaning beside `http` (hint: say which statuses are a success with `expect_status` in `http`)",
            "8:1: `env` has no meaning beside `http` (hint: a request has headers and a body, no environment)",
        ],
    );
    warned(
        "http = { url = 'http://a', method = 'GET', body = 'x' }",
        &["1:37: a `GET` with a body is not understood everywhere"],
    );
}

#[test]
fn what_may_have_been_done_is_not_done_again_by_wish() {
    check(
        r#"on_interrupt = "retry"
http = { url = "http://a", body = "order" }
"#,
        &[
            "1:16: a `POST` whose answer was lost may have been done, so it is not made again (hint: write `idempotent = true` in `http` if the receiver heeds `Idempotency-Key`, else `on_interrupt = \"fail\"`)",
        ],
    );
    let tasks =
        job("on_interrupt = 'retry'\n[tasks.a]\nhttp = { url = 'http://a', body = 'x' }\n[tasks.b]\nnoop = true").tasks;
    let seen: Vec<_> = tasks.iter().map(|task| task.on_interrupt).collect();
    assert_eq!(seen, [OnInterrupt::Fail, OnInterrupt::Retry], "a default of the job is for those who can keep it");
    let on_interrupt = job("on_interrupt = 'fail'\nhttp = { url = 'http://a' }").tasks[0].on_interrupt;
    assert_eq!(on_interrupt, OnInterrupt::Fail);
}
