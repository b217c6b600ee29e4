//! `http`: a request in place of a process.

use super::kind::Names;
use super::{Key, Kind, Table, hook, key, task};

/// `http`.
pub(super) static HTTP: Table = Table {
    intro: "One request, made by the daemon itself. Its output is the body of the answer. A status that is not expected, no \
            answer, or a longer one than allowed, fails the attempt; `Retry-After` is heeded. Every field may be a template.",
    must: &["url"],
    not_both: &[&["body", "json"]],
    ..Table::new("http", "HTTP requests", &[KEYS])
};

/// The most of an answer that is read: 64 MiB.
const MAX_RESPONSE: u64 = 64 << 20;

const KEYS: &[Key] = &[
    key("url", hook::URL, "Where it goes, without user name and password.", r#"url = "https://example.com/reports""#)
        .must(),
    key(
        "method",
        Kind::Word(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        "What is asked for.",
        r#"method = "PUT""#,
    )
    .or("`GET`, or `POST` where there is a `body` or `json`"),
    key(
        "headers",
        Kind::Map(Names::Header, &task::VALUE, 64),
        "Headers sent besides our own, which cannot be set.",
        r#"headers = { Authorization = { env = "KEY", prefix = "Bearer " } }"#,
    )
    .limit("64 headers"),
    key("body", Kind::Text, "What is sent, as it is.", r#"body = "{{ tasks.check.output }}""#)
        .interacts("`json`, beside which it cannot be given"),
    key(
        "json",
        Kind::Any,
        "What is sent as JSON, with its content type; each text in it is a template of its own, so that nothing needs quoting.",
        r#"json = { text = "{{ tasks.check.output }}" }"#,
    )
    .interacts("`body`, beside which it cannot be given"),
    key(
        "expect_status",
        Kind::Either(&[Kind::Status, Kind::List(&Kind::Status, 1, 64)]),
        "The statuses that are a success.",
        r#"expect_status = [200, "3xx"]"#,
    )
    .default(r#""2xx""#),
    key(
        "max_response",
        Kind::Size(MAX_RESPONSE),
        "Bytes of the answer that are read; a longer one fails the attempt.",
        r#"max_response = "1MiB""#,
    )
    .default(r#""1MiB""#)
    .limit("1 byte to 64MiB"),
    key(
        "idempotent",
        Kind::Bool,
        "Sending it twice does no harm: an attempt whose answer was lost is made again. Each attempt carries the same \
         `Idempotency-Key` either way.",
        "idempotent = true",
    )
    .or("`true` for `GET`, `HEAD`, `PUT`, `DELETE` and `OPTIONS`, otherwise `false`")
    .interacts("`on_interrupt`"),
    key("allow_private", Kind::Bool, "Link-local addresses may be called too.", "allow_private = true")
        .default("false")
        .no_effect("on other private addresses, which a job file may always name"),
];
