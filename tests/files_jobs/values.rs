//! Parameters, outputs and templates: what a file may say of them, and where it is wrong.

use super::{check, job};
use campanile::model::definition::{Action, ParamType};
use serde_json::json;

#[test]
fn a_parameter_has_a_type_a_default_and_rules() {
    let job = job(r#"
cron = "30 2 * * *"
shell = "true"
[params.day]
description = "Which day"
default = "{{ scheduled_at | date }}"
pattern = '^\d{4}-'
[params.n]
type = "integer"
default = 3
minimum = 1
maximum = 10
[params.rate]
type = "number"
default = 0.5
[params.size]
default = "m"
enum = ["s", "m"]
[params.list]
type = "array"
default = ["a", 1]
max_length = 3
[params.map]
type = "object"
default = { a = 1 }
[params.on]
type = "boolean"
default = false
"#);
    let shown: Vec<_> =
        job.params.iter().map(|param| (param.name.as_str(), param.kind, param.default.clone())).collect();
    let expected = [
        ("day", ParamType::String, json!("{{ scheduled_at | date }}")),
        ("n", ParamType::Integer, json!(3)),
        ("rate", ParamType::Number, json!(0.5)),
        ("size", ParamType::String, json!("m")),
        ("list", ParamType::Array, json!(["a", 1])),
        ("map", ParamType::Object, json!({ "a": 1 })),
        ("on", ParamType::Boolean, json!(false)),
    ];
    assert_eq!(shown, expected.map(|(name, kind, default)| (name, kind, Some(default))));
    assert_eq!((job.params[1].minimum, job.params[1].maximum), (Some(1.0), Some(10.0)));
    assert_eq!((job.params[4].minimum, job.params[4].maximum), (None, Some(3.0)));
    assert_eq!(job.params[3].choices, [json!("s"), json!("m")]);
}

#[test]
fn every_fault_of_a_parameter_has_its_place() {
    check(
        r#"shell = "true"
[params]
plain = 3
Day = { }
n = { type = "integer", default = "3" }
m = { type = "integer", default = 30, maximum = 10 }
size = { enum = ["s", "s"], default = "l" }
day = { pattern = "(", default = "x" }
word = { minimum = 3, type = "strng" }
on = { type = "boolean", min_length = 2, required = true }
"#,
        &[
            "3:9: `plain` must be a table, found an integer (hint: write plain = { default = 3 })",
            "4:1: `Day` is not a parameter's name: 1 to 64 of a-z, 0-9, `_`, a letter first (hint: a task finds it as `PARAM_` and the name in capitals)",
            "5:35: `default` must be of type `integer`, found a string (hint: write type = \"string\", or another value)",
            "6:35: `default` breaks the parameter's own rule: `m` must be at most 10, found 30",
            "7:23: `s` is in `enum` twice",
            "7:39: `default` breaks the parameter's own rule: `size` must be one of `s`, `s`, found `l`",
            "8:19: `pattern` is no regular expression: unclosed group",
            "9:30: `type` must be `string`, `integer`, `number`, `boolean`, `array` or `object`, found `strng` (hint: did you mean `string`?)",
            "10:39: `min_length` has a meaning only where `type` is a string or an array",
            "10:42: unknown key `required` in a parameter (hint: a parameter without a `default` must be given)",
        ],
    );
}

#[test]
fn what_must_be_given_cannot_be_scheduled() {
    check(
        "cron = \"@daily\"\nshell = \"true\"\n[params.day]\n[params.n]\ntype = \"integer\"\ndefault = 1\n",
        &["3:9: `day` has no default, so the job's schedules could never start it (hint: give it a `default`)"],
    );
    check("shell = \"true\"\n[params.day]\n", &[]);
}

#[test]
fn templates_are_checked_where_they_stand() {
    check(
        r#"env = { SHARED = "{{ params.day }} {{ tasks.a.output }}" }
[params.day]
default = "{{ params.x }}"
[tasks.a]
command = ["echo", "{{ params.dya }}", "{{ run.id }}"]
[tasks.b-c]
after = ["a"]
command = ["echo", "{{ tasks.a.output }}", "{{ tasks.d.output }}", "{{ tasks.a.outputs.n | uper }}"]
[tasks.d]
after = ["b-c"]
env = { A = "{{ tasks.a.state }} {{ tasks['b-c'].exit_code }} {{ tasks.b-c.output }}", B = "{{ item }}" }
noop = true
[outputs]
n = "{{ tasks.d.outputs.n }} {{ run.attempt }}"
"bad name" = "x"
m = 3
"#,
        &[
            "1:39: task `a` does not come before every task (hint: a task sees what it comes `after`, and what those come after)",
            "3:15: `params` has no value in `default` (hint: it knows `run`, `scheduled_at`)",
            "5:24: the job has no parameter `dya` (hint: did you mean `day`?)",
            "8:48: task `d` does not come before `b-c` (hint: a task sees what it comes `after`, and what those come after)",
            "8:92: there is no filter `uper` (hint: did you mean `upper`?)",
            "11:66: there is no task `b` (hint: write `tasks[\"b-c\"]`)",
            "11:74: a template knows no `c` (hint: `A` knows `params`, `tasks`, `run`, `scheduled_at`; text that is no template is kept by `raw = true` in its task)",
            "11:96: `item` in a template is not supported by this version",
            "14:33: `run.attempt` has no value in `outputs` (hint: it knows `params`, `tasks`, `run`, `scheduled_at`)",
            "15:1: `bad name` is not an output's name: 1 to 64 letters, digits, `_`, `-`, a letter or `_` first",
            "16:5: `m` must be a string, found an integer (hint: write \"3\")",
        ],
    );
}

#[test]
fn raw_texts_are_no_templates_and_a_shell_is_never_one() {
    let raw = job("command = [\"docker\", \"ps\", \"--format\", \"{{.Names}}\"]\nraw = true\n");
    assert!(raw.tasks[0].raw);
    let Action::Command(argv) = &raw.tasks[0].action else { panic!("it is a command") };
    assert_eq!(argv[3], "{{.Names}}");
    check(
        "command = [\"docker\", \"ps\", \"--format\", \"{{.Names}}\"]\n",
        &[
            "1:43: the template in `command` cannot be read: unexpected `.` (hint: text that is no template is kept by `raw = true` in its task)",
        ],
    );
    check(
        "shell = \"echo {{ params.day }}\"\nraw = true\n[params.day]\n",
        &[
            "1:15: values never reach a shell as text, so `{{ params` has no meaning in `shell` (hint: put the value into `env` and write \"$NAME\" here)",
        ],
    );
}
