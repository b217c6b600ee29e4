//! Hooks: which events they wait for and what they call.

use campanile::model::definition::hook::Webhook;
use campanile::model::definition::{Target, Value};
use campanile::model::duration::Duration;

use super::{check, job, warned};

#[test]
fn hooks_name_events_and_call_one_thing() {
    check(
        r#"shell = "true"
[[hooks]]
on = ["task.faild", "custom.x", "*", "custom.", "job.*", "jobb.*", "approval.requested", "recovered", "still_failing:3"]
webhook = { url = "ftp://example.com" }
[[hooks]]
webhook = { url = "https://user:pw@example.com" }
[[hooks]]
on = []
webhook = { secret = "" }
[[hooks]]
on = "task.failed"
shell = "x"
command = ["x"]
[[hooks]]
on = ["*"]
jobs = ["x"]
[[hooks]]
on = ["*"]
timeout = "5s"
webhook = { url = "http://localhost", timeout = "3s", headers = { "Webhook-Id" = "x", "a b" = "x", X = "a\nb", x = "y" }, retry = { max_attempts = 0, delay = "1s" }, format = "slack" }
[[hooks]]
on = ["*"]
webhook = { url = { env = "A", file = "/x" }, secret = { file = "rel" }, headers = { A = { credential = "../x", prefx = "Bearer " } } }
[[hooks]]
on = ["*"]
webhook = { url = { vault = "A" } }
"#,
        &[
            "3:7: `task.faild` is not an event (hint: did you mean `task.failed`?)",
            "3:58: `jobb.*` matches no event",
            "3:68: event `approval.requested` is not supported by this version",
            "3:90: event `recovered` is not supported by this version",
            "3:103: event `still_failing:3` is not supported by this version",
            "4:19: `url` must begin with `http://` or `https://`, found `ftp:`",
            "5:1: a hook needs `on`: the events that it waits for (hint: write on = [\"task.failed\"])",
            "6:19: `url` holds a user name or password; give it as a header, by reference",
            "8:6: `on` is empty, so the hook never fires",
            "9:11: `webhook` needs a `url`",
            "9:22: `secret` is empty",
            "11:6: `on` must be a list, found a string (hint: write [\"task.failed\"])",
            "13:1: `shell` and `command` cannot both be given",
            "14:1: a hook needs something to call (hint: give one of `webhook`, `shell` or `command`)",
            "16:1: unknown key `jobs` in a hook (hint: a job's hooks hear of this job only; hooks about others belong into `campanile.toml`)",
            "20:11: `timeout` is given for the hook and for its webhook (hint: give it once)",
            "20:67: `Webhook-Id` is set by Campanile itself",
            "20:87: `a b` is not a header's name",
            "20:104: the value of `X` cannot be sent in a header (hint: headers hold visible text on one line)",
            "20:112: header `x` is given twice",
            "20:148: `max_attempts` must be 1 to 1000, found 0",
            "20:151: `delay` is not supported by this version",
            "20:167: `format` is not supported by this version",
            "23:32: `env` and `file` cannot both be given",
            "23:65: `rel` is not an absolute path",
            "23:105: `../x` is not the name of a credential: it is a file's name without a folder",
            "23:113: unknown key `prefx` in a secret reference (hint: did you mean `prefix`?)",
            "26:19: a secret reference needs a place (hint: give one of `env`, `file` or `credential`)",
            "26:21: unknown key `vault` in a secret reference (hint: it knows `env`, `file`, `credential` or `prefix`)",
        ],
    );
}

#[test]
fn a_hook_has_every_default_and_its_webhook_may_say_the_same() {
    let job = job(r#"
shell = "x"
[[hooks]]
on = ["task.failed", "custom.*", "*"]
webhook = { url = { env = "URL" }, headers = { Authorization = { env = "KEY", prefix = "Bearer " } } }
[[hooks]]
on = ["workflow.completed"]
name = "told"
webhook = { url = "http://localhost:1/x", secret = { credential = "key" }, timeout = "5s", retry = { max_attempts = 3 } }
[[hooks]]
on = ["job.*"]
command = ["logger", "{x}"]
timeout = "2s"
max_attempts = 1
"#);
    let [first, second, third] = job.hooks.as_slice() else { panic!("three hooks") };
    assert_eq!((first.timeout, first.max_attempts), (Duration::from_secs(30), 29));
    let Target::Webhook(Webhook { url, secret: None, headers, allow_private: false, public_only: false }) =
        &first.target
    else {
        panic!("a webhook without more: {first:?}")
    };
    assert_eq!((url.shown(), headers["Authorization"].shown()), ("(env URL)".into(), "Bearer (env KEY)".into()));
    assert_eq!((second.timeout, second.max_attempts), (Duration::from_secs(5), 3));
    assert_eq!(second.name.as_deref(), Some("told"));
    assert_eq!((third.timeout, third.max_attempts), (Duration::from_secs(2), 1));
    assert_eq!(third.target, Target::Command(vec!["logger".into(), "{x}".into()]));
}

#[test]
fn a_secret_in_the_clear_is_warned_about() {
    let text = "shell = 'x'\n[[hooks]]\non = ['*']\nwebhook = { url = 'https://a', secret = 'b' }";
    let warning = "4:41: `secret` is in the clear, so it is stored with the definition and shown with it \
                   (hint: refer to it, as in { file = \"/path\" })";
    warned(text, &[warning]);
    let Target::Webhook(webhook) = &job(text).hooks[0].target else { panic!("a webhook") };
    assert_eq!(webhook.secret, Some(Value::Plain("b".into())));
}
