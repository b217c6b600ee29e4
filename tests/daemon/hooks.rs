//! Who is told, and that they are told in the end, whatever was down meanwhile.

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::runtime::Runtime;

use crate::receiver::{Received, Receiver, Reply};
use crate::world::{LONG, World, read_pipe, text};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn job(url: &str, keys: &str) -> String {
    format!(
        "shell = 'echo the last word; exit 3'\n[[hooks]]\non = [\"task.failed\"]\n\
         webhook = {{ url = \"{url}\", secret = \"{SECRET}\"{keys} }}\n"
    )
}

#[track_caller]
fn next(runtime: &Runtime, receiver: &mut Receiver) -> Received {
    let received = runtime.block_on(async { tokio::time::timeout(LONG, receiver.requests.recv()).await });
    received.expect("because the hook is owed").expect("because the receiver listens")
}

/// Holds a request to what Standard Webhooks 1.0.0 asks for, and returns its body.
#[track_caller]
fn verified(received: &Received) -> Value {
    let header =
        |name: &str| received.headers.get(name).unwrap_or_else(|| panic!("no `{name}`: {received:#?}")).clone();
    let key = base64::engine::general_purpose::STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), received.body).as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{signature}"));
    serde_json::from_str(&received.body).unwrap()
}

#[test]
fn a_receiver_that_was_down_is_told_later_even_by_another_daemon() {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    // Bound and not listening: whoever connects is refused, and nobody else gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let world = World::new();
    world.job("nightly", &job(&format!("http://{}/hook", socket.local_addr().unwrap()), ""));
    let daemon = world.daemon();
    let run = world.start("nightly");
    world.ended(&run);
    let owed = world.until(&["deliveries"], |deliveries| deliveries[0]["error"].is_string());
    assert_eq!((&owed[0]["state"], &owed[0]["attempt"]), (&json!("pending"), &json!(1)), "{owed}");
    assert_eq!(daemon.stop(), 0);

    let mut receiver = Receiver::on(socket.listen(16).unwrap(), Reply::status("204 No Content", ""));
    let daemon = world.daemon();
    let received = next(&runtime, &mut receiver);
    assert_eq!(received.line, "POST /hook HTTP/1.1");
    assert_eq!(received.headers["webhook-id"], text(&owed[0], "id"));
    let body = verified(&received);
    assert_eq!(body["type"], "task.failed");
    let data = &body["data"];
    for (name, expected) in [("job", "nightly"), ("run_id", run.as_str()), ("outcome", "exit_code")] {
        let found = if data[name].is_null() { &data["data"][name] } else { &data[name] };
        assert_eq!(found, expected, "{body}");
    }
    let all = body.to_string();
    for word in ["\"exit_code\":3", "\"attempt\":1", "the last word", "campanile ctl logs"] {
        assert!(all.contains(word), "`{word}` is missing in {body:#}");
    }
    let told = world.until(&["deliveries"], |deliveries| deliveries[0]["state"] == "delivered");
    assert_eq!((told.as_array().unwrap().len(), &told[0]["status"]), (1, &json!(204)), "{told}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_delivery_that_was_given_up_is_tried_again_on_request() {
    let runtime = Runtime::new().unwrap();
    let mut receiver = runtime.block_on(Receiver::answering("500 Internal Server Error", ""));
    let world = World::new();
    world.job("nightly", &job(&receiver.origin, ", retry = { max_attempts = 1 }"));
    let daemon = world.daemon();
    world.start("nightly");
    let first = next(&runtime, &mut receiver);
    let dead = world.until(&["deliveries"], |deliveries| deliveries[0]["state"] == "dead");
    assert_eq!(dead[0]["status"], 500, "{dead}");
    world.ok(&["deliveries", "retry", text(&dead[0], "id")]);
    let second = next(&runtime, &mut receiver);
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(verified(&first), verified(&second));
    world.ctl(&["deliveries", "retry", "ffffffff"]).with(3);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_receiver_that_hangs_delays_no_run() {
    let runtime = Runtime::new().unwrap();
    let mut receiver = runtime.block_on(Receiver::start(Reply::Hang));
    let world = World::new();
    world.job("nightly", &job(&receiver.origin, ", timeout = \"1h\""));
    let daemon = world.daemon();
    world.start("nightly");
    next(&runtime, &mut receiver);
    for _ in 0..3 {
        world.ctl(&["start", "nightly", "--wait"]).with(1);
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_shell_hook_gets_the_event_on_its_input_and_in_its_environment() {
    let world = World::new();
    let pipe = world.pipe("pipe");
    world.settings(
        &"[[hooks]]\non = [\"workflow.*ed\"]\njobs = [\"night*\"]\n\
          shell = 'if [ \"$CAMPANILE_EVENT_TYPE\" = workflow.failed ]; then \
                   (echo \"$CAMPANILE_EVENT_JOB $CAMPANILE_EVENT_OUTCOME\"; cat) > {here}/pipe; fi'\n"
            .replace("{here}", &world.path("").display().to_string()),
    );
    world.job("nightly", "shell = 'exit 3'\n");
    world.job("other", "shell = 'exit 3'\n");
    let daemon = world.daemon();
    world.ctl(&["start", "other", "--wait"]).with(1);
    let run = world.start("nightly");
    let said = read_pipe(&pipe);
    let (line, input) = said.split_once('\n').unwrap();
    assert_eq!(line, "nightly exit_code");
    let event: Value = serde_json::from_str(input).unwrap();
    assert_eq!((&event["type"], &event["data"]["run_id"]), (&json!("workflow.failed"), &json!(run)), "{event}");
    let deliveries = world.until(&["deliveries"], |deliveries| {
        deliveries.as_array().unwrap().iter().all(|delivery| delivery["state"] == "delivered")
    });
    let told = deliveries.as_array().unwrap().iter().filter(|delivery| delivery["event_type"] == "workflow.failed");
    assert_eq!(told.map(|delivery| text(delivery, "job").to_owned()).collect::<Vec<_>>(), ["nightly"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_a_failed_shell_hook_said_last_is_told_and_no_log_of_a_hook_is_kept() {
    let world = World::new();
    world.settings(
        "[[hooks]]\nname = \"fails\"\non = [\"workflow.failed\"]\nmax_attempts = 1\n\
         shell = 'seq 10; echo no such list >&2; exit 4'\n\
         [[hooks]]\nname = \"works\"\non = [\"workflow.failed\"]\nshell = 'echo fine'\n",
    );
    world.job("nightly", "shell = 'exit 3'\n");
    let daemon = world.daemon();
    world.ctl(&["start", "nightly", "--wait"]).with(1);
    let told = world.until(&["deliveries"], |deliveries| {
        let ended = |delivery: &Value| delivery["state"] == "dead" || delivery["state"] == "delivered";
        deliveries.as_array().is_some_and(|all| all.len() == 2 && all.iter().all(ended))
    });
    let failed = told.as_array().unwrap().iter().find(|delivery| delivery["state"] == "dead").unwrap();
    let error = text(failed, "error");
    assert!(error.starts_with("the hook exited with code 4: ") && error.contains("no such list"), "{error}");
    assert!(!error.contains("\n1\n"), "{error}");
    // The effects of a step come before its answers, and files are deleted beside them.
    assert_eq!(daemon.stop(), 0);
    let daemon = world.daemon();
    assert_eq!(daemon.stop(), 0);
    let left = std::fs::read_dir(world.path("state/logs/hooks")).map_or(0, |folders| {
        folders.flatten().filter(|folder| std::fs::read_dir(folder.path()).unwrap().next().is_some()).count()
    });
    assert_eq!(left, 0);
}
