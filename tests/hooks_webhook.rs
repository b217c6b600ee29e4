//! Webhooks against a real receiver on loopback: what arrives, and what is made of what comes back.

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "receiver/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration as StdDuration;

use base64::Engine as _;
use campanile::engine::input::DeliveryResult;
use campanile::engine::{Delivery, Handle, Message, Report};
use campanile::hooks::{Sender, sender, webhook};
use campanile::model::definition::hook::Webhook;
use campanile::model::definition::value::{Place, Reference};
use campanile::model::definition::{Hook, Target, Value};
use campanile::model::event::Event;
use campanile::model::id::{EventSeq, Launch};
use campanile::outbound::Client;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use server::{Receiver, Reply};
use sha2::Sha256;

const NOW: i64 = 1_614_265_330;
const ID: &str = "0193a7c4-0000-7000-8000-000000000009";

fn to(url: impl Into<String>) -> Webhook {
    Webhook {
        url: Value::Plain(url.into()),
        secret: None,
        headers: BTreeMap::new(),
        allow_private: false,
        public_only: false,
    }
}

fn delivery(launch: u64, webhook: Webhook, timeout: &str) -> Delivery {
    Delivery {
        launch: Launch(launch),
        id: ID.parse().expect("because the id is valid"),
        hook: Hook {
            name: None,
            on: vec!["task.failed".into()],
            jobs: vec![],
            target: Target::Webhook(webhook),
            timeout: timeout.parse().expect("because the timeout is valid"),
            max_attempts: 3,
        },
        event: Event {
            seq: EventSeq(42),
            at: "2026-11-20T12:00:00Z".parse().expect("because the time is valid"),
            kind: "task.failed".parse().expect("because the type is valid"),
            job: Some("nightly".into()),
            run: None,
            task: None,
            data: json!({ "error": "no disk" }),
        },
        log_path: Some("logs/x.log".into()),
    }
}

async fn send(webhook: Webhook, timeout: &str) -> DeliveryResult {
    webhook::send(&delivery(1, webhook, timeout), NOW, &Client::new(), &["last line".to_owned()]).await
}

fn refused(error: &str) -> DeliveryResult {
    DeliveryResult { accepted: false, status: None, error: Some(error.into()), permanent: false, retry_after: None }
}

fn file(folder: &tempfile::TempDir, name: &str, content: &str) -> Value {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("because the folder is ours");
    Value::Secret(Reference { place: Place::File(path.display().to_string()), prefix: String::new() })
}

#[tokio::test]
async fn a_receiver_can_verify_what_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::answering("204 No Content", "").await;
    let mut webhook = to(format!("{}/hook?to=ops", receiver.origin));
    webhook.secret = Some(file(&folder, "secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"));
    webhook.headers.insert("Authorization".into(), file(&folder, "token", "Bearer s3cret"));
    let result = send(webhook, "30s").await;
    let accepted =
        DeliveryResult { accepted: true, status: Some(204), error: None, permanent: false, retry_after: None };
    assert_eq!(result, accepted);

    let found = receiver.requests.recv().await.unwrap();
    assert_eq!(found.line, "POST /hook?to=ops HTTP/1.1");
    let header = |name: &str| found.headers.get(name).map(String::as_str);
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("user-agent"), Some(concat!("campanile/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(header("authorization"), Some("Bearer s3cret"));
    assert_eq!(header("webhook-id"), Some(ID));
    assert_eq!(header("webhook-timestamp"), Some("1614265330"));

    let key = base64::prelude::BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{ID}.{NOW}.{}", found.body).as_bytes());
    let signature = header("webhook-signature").unwrap().strip_prefix("v1,").unwrap();
    mac.verify_slice(&base64::prelude::BASE64_STANDARD.decode(signature).unwrap()).unwrap();

    let message: serde_json::Value = serde_json::from_str(&found.body).unwrap();
    assert_eq!(message["type"], "task.failed");
    assert_eq!(message["timestamp"], "2026-11-20T12:00:00.000000Z");
    assert_eq!(message["data"]["error"], "no disk");
    assert_eq!(message["data"]["log_tail"], json!(["last line"]));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let mut elsewhere = Receiver::answering("200 OK", "").await;
    let receiver = Receiver::answering("307 Temporary Redirect", &format!("Location: {}/\r\n", elsewhere.origin)).await;
    let result = send(to(&receiver.origin), "30s").await;
    assert_eq!((result.accepted, result.status, result.permanent), (false, Some(307), false));
    assert_eq!(result.error.as_deref(), Some("answered 307 Temporary Redirect; redirects are not followed"));
    assert!(elsewhere.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_refusal_says_whether_and_when_to_come_again() {
    let date = "Retry-After: Thu, 25 Feb 2021 15:03:10 GMT\r\n"; // a minute after NOW
    for (status, headers, permanent, retry_after) in [
        ("410 Gone", "", true, None),
        ("429 Too Many Requests", "Retry-After: 120\r\n", false, Some("2m")),
        ("503 Service Unavailable", date, false, Some("1m")),
        ("503 Service Unavailable", "Retry-After: later\r\n", false, None),
        ("404 Not Found", "", false, None),
    ] {
        let receiver = Receiver::answering(status, headers).await;
        let result = send(to(&receiver.origin), "30s").await;
        assert!(!result.accepted && result.error.is_some(), "{status}");
        assert_eq!(result.permanent, permanent, "{status}");
        assert_eq!(result.retry_after.map(|asked| asked.to_string()).as_deref(), retry_after, "{status} {headers}");
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_left_in_time() {
    let receiver = Receiver::start(Reply::Hang).await;
    assert_eq!(send(to(&receiver.origin), "200ms").await, refused("no answer within 200ms"));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let mut receiver = Receiver::start(Reply::Flood).await;
    let result = send(to(&receiver.origin), "30s").await;
    assert_eq!((result.accepted, result.status), (true, Some(200)));
    let n_bytes = receiver.flooded.recv().await.unwrap();
    assert!(n_bytes < 32 * 1024 * 1024, "{n_bytes} bytes went into buffers and us");
}

#[tokio::test]
async fn nobody_there_is_said_without_the_url() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let result = send(to(format!("http://127.0.0.1:{port}/?token=s3cret")), "30s").await;
    assert_eq!(result, refused("cannot connect: Connection refused (os error 111)"));
}

#[tokio::test]
async fn a_url_that_may_not_be_called_is_not_called() {
    let permanent = |error: &str| DeliveryResult { permanent: true, ..refused(error) };
    for (url, expected) in [
        ("http://169.254.169.254/", permanent("the address is link-local, which needs `allow_private`")),
        ("http://0.0.0.0:1/", permanent("the address is reserved and has no receiver")),
        ("http://user:s3cret@localhost/", permanent("the URL has a user name or password; give them in a header")),
        ("file:///etc/passwd", permanent("the URL is neither `http` nor `https`")),
    ] {
        assert_eq!(send(to(url), "30s").await, expected, "{url}");
    }
}

#[tokio::test]
async fn a_result_never_shows_what_a_reference_was_resolved_to() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut webhook = to("");
    webhook.url = file(&folder, "url", &format!("http://127.0.0.1:{port}/s3cret?s3cret"));
    webhook.headers.insert("X-Token".into(), file(&folder, "token", "s3cret"));
    for secret in ["s3cret", "whsec_s3cret!"] {
        webhook.secret = Some(file(&folder, "secret", secret));
        let result = send(webhook.clone(), "30s").await;
        assert!(!result.accepted && !result.permanent, "{result:?}");
        assert!(!format!("{result:?}").contains("s3cret"), "{result:?}");
    }
    let gone = Value::Secret(Reference { place: Place::Env("CAMPANILE_NOT_SET".into()), prefix: String::new() });
    let expected = refused("environment variable `CAMPANILE_NOT_SET` is not set, is empty or is not UTF-8");
    assert_eq!(send(Webhook { url: gone, ..to("") }, "30s").await, expected);
}

/// A sender on a runtime of its own, and the engine's end of its reports.
struct World {
    runtime: tokio::runtime::Runtime,
    sender: Sender,
    reports: mpsc::Receiver<Message>,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("because this machine can run two threads");
        let (inbox, reports) = mpsc::sync_channel(1);
        let (_, committed) = tokio::sync::watch::channel(EventSeq(0));
        let read_tail = Box::new(|path: &str| vec![format!("tail of {path}")]);
        let engine = Handle::new(inbox, committed);
        let sender = Sender::start(engine, runtime.handle().clone(), Client::new(), read_tail);
        World { runtime, sender, reports }
    }

    fn receiver(&self, reply: Reply) -> Receiver {
        self.runtime.block_on(Receiver::start(reply))
    }

    fn good(&self) -> Receiver {
        self.runtime.block_on(Receiver::answering("200 OK", ""))
    }

    fn deliver(&self, launch: u64, receiver: &Receiver) {
        self.sender.deliver(Box::new(delivery(launch, to(&receiver.origin), "5m")));
    }

    /// The next report; a test that would wait for ever fails instead.
    fn report(&self) -> (u64, DeliveryResult) {
        match self.reports.recv_timeout(StdDuration::from_secs(60)) {
            Ok(Message::Report(Report::Delivered { launch, result })) => (launch.0, result),
            other => panic!("not a delivery's report: {other:?}"),
        }
    }

    fn end(self) {
        self.runtime.shutdown_background();
    }
}

#[test]
fn a_receiver_that_hangs_delays_no_other() {
    let world = World::new();
    let mut hanging = world.receiver(Reply::Hang);
    let mut good = world.good();
    for launch in 0..100 {
        world.deliver(launch, &hanging);
    }
    world.deliver(100, &good);
    let (launch, result) = world.report();
    assert_eq!((launch, result.accepted), (100, true));
    let message = good.requests.blocking_recv().unwrap().body;
    assert!(message.contains(r#""log_tail":["tail of logs/x.log"]"#), "{message}");
    let n_under_way = std::iter::from_fn(|| hanging.requests.try_recv().ok()).count();
    assert!(n_under_way <= sender::PER_RECEIVER, "{n_under_way} requests at once to one receiver");
    world.end();
}

#[test]
fn a_try_that_is_asked_for_twice_is_made_once() {
    let world = World::new();
    let mut hanging = world.receiver(Reply::Hang);
    let mut good = world.good();
    world.deliver(1, &hanging);
    hanging.requests.blocking_recv().unwrap();
    world.deliver(1, &good);
    world.deliver(2, &good);
    assert_eq!(world.report().0, 2);
    good.requests.blocking_recv().unwrap();
    assert!(good.requests.try_recv().is_err());
    world.end();
}

#[test]
fn more_than_can_be_held_fails_at_once_and_is_due_again() {
    let world = World::new();
    let hanging = world.receiver(Reply::Hang);
    for launch in 0..=sender::MAX_HELD as u64 {
        world.deliver(launch, &hanging);
    }
    let expected = (sender::MAX_HELD as u64, refused("too many deliveries wait to be sent"));
    assert_eq!(world.report(), expected);
    world.end();
}

#[test]
fn a_shell_hook_does_not_go_over_the_wire() {
    let world = World::new();
    let mut delivery = delivery(1, to(""), "30s");
    delivery.hook.target = Target::Shell("true".into());
    world.sender.deliver(Box::new(delivery));
    let expected = DeliveryResult { permanent: true, ..refused("the hook is a command, not a webhook") };
    assert_eq!(world.report(), (1, expected));
    world.end();
}
