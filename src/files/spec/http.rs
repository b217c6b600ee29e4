//! `http`: a request in place of a process.

use super::kind::Names;
use super::{Key, Kind, Table, hook, key, task};
use crate::files::keys;

/// `http`.
pub(super) static HTTP: Table = Table {
    keys: &[&keys::HTTP],
    intro: "What `http` may say. [HTTP tasks](../concepts/http-tasks.md) tells what is sent besides, what an answer means and \
            when a request is made again. Its texts may be [templates](../concepts/templates.md).\n\n\
            ```toml\n\
            [tasks.publish]\n\
            timeout = \"30s\"\n\
            retry = { max_attempts = 4, delay = \"2s\" }\n\n\
            [tasks.publish.http]\n\
            method = \"PUT\"\n\
            url = \"https://example.com/reports/today\"\n\
            headers = { Authorization = { file = \"/etc/reports/token\", prefix = \"Bearer \" } }\n\
            json = { title = \"Today\", rows = 100 }\n\
            expect_status = [\"2xx\", 409]\n\
            ```",
    must: &["url"],
    not_both: &[&["body", "json"]],
    ..Table::new("http", "Requests", &[KEYS])
};

/// The most of an answer that is read: 64 MiB.
const MAX_RESPONSE: u64 = 64 << 20;

const STATUSES: Kind = Kind::Either(&[Kind::Status, Kind::List(&Kind::Status, 1, usize::MAX)]);

const KEYS: &[Key] = &[
    key("url", hook::URL, "Where it goes, without user name and password.", r#"url = "https://example.com/reports""#)
        .must(),
    key("method", Kind::Method, "What the request asks for.", r#"method = "PUT""#)
        .or("`GET`, with a body `POST`")
        .limit("the methods of HTTP and WebDAV and those of caches, but not `CONNECT`"),
    key(
        "headers",
        Kind::Map(Names::Header, &task::VALUE, 64),
        "Headers sent besides our own, which cannot be set.",
        r#"headers = { Authorization = { env = "KEY", prefix = "Bearer " } }"#,
    )
    .limit("64 headers"),
    key(
        "body",
        Kind::Text,
        "What is sent, as it is, as `text/plain; charset=utf-8` unless `headers` has a `Content-Type`. Cannot be given together \
         with `json`.",
        r#"body = "done""#,
    ),
    key(
        "json",
        Kind::Any,
        "What is sent as JSON, as `application/json` unless `headers` has a `Content-Type`; a date or time is sent as text, and \
         each text in it is a template of its own, so that nothing needs quoting. Cannot be given together with `body`.",
        "json = { ok = true }",
    ),
    key(
        "expect_status",
        STATUSES,
        "The answers that are a success; any other fails the attempt with outcome `provider_error`.",
        "expect_status = [200, 404]",
    )
    .default(r#""2xx""#)
    .limit("200 to 599"),
    key(
        "max_response",
        Kind::Size(1, MAX_RESPONSE),
        "How much of an answer's body is read; a longer one fails the task with outcome `invalid_request` and is not asked for \
         again.",
        r#"max_response = "16KiB""#,
    )
    .default(r#""1MiB""#)
    .limit("1 byte to 64MiB"),
    key(
        "idempotent",
        Kind::Bool,
        "Whether making the request twice does no harm, so that it is made again when nobody knows whether it was done. Write \
         `true` if the receiver heeds the header `Idempotency-Key`.",
        "idempotent = true",
    )
    .or("`true` for GET, HEAD, PUT, DELETE, OPTIONS and TRACE, else `false`")
    .interacts("`on_interrupt` and `retry`"),
    key("allow_private", Kind::Bool, "Link-local addresses may be called too.", "allow_private = true")
        .default("false")
        .no_effect("on other private addresses, which a job file may always name"),
];
