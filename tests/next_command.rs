//! `campanile next` as a user meets it: what is on stdout, what on stderr, and the exit code.

use std::process::Output;

#[expect(clippy::disallowed_methods, reason = "a black-box test starts the real binary")]
fn next(words: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_campanile"))
        .arg("next")
        .args(words)
        .env("TZ", "America/New_York")
        .output()
        .expect("because the binary was built")
}

fn check(words: &[&str], code: i32, stdout: &str, stderr: &str) {
    let Output { status, stdout: data, stderr: talk } = next(words);
    let talk = String::from_utf8_lossy(&talk);
    assert_eq!(status.code(), Some(code), "{words:?}: {talk}");
    assert_eq!(String::from_utf8_lossy(&data), stdout, "{words:?}");
    if stderr.is_empty() {
        assert_eq!(talk, "", "{words:?}");
    } else {
        assert!(talk.contains(stderr), "{words:?}: {talk}");
    }
}

#[test]
fn due_times_are_lines_with_the_offset_of_the_zone() {
    let from = ["--from", "2027-03-27T12:00:00Z"];
    let with = |words: &[&'static str]| [words, &from].concat();
    check(
        &with(&["30 2 * * *", "--tz", "Europe/Berlin", "-n", "2"]),
        0,
        "2027-03-28T03:00:00+02:00\n2027-03-29T02:30:00+02:00\n",
        "",
    );
    check(
        &with(&["--quartz", "0 30 2 ? * SUN,MON", "--tz", "Europe/Berlin", "-n", "2"]),
        0,
        "2027-03-28T03:00:00+02:00\n2027-03-29T02:30:00+02:00\n",
        "",
    );
    check(&with(&["@daily", "-n", "1"]), 0, "2027-03-28T00:00:00-04:00\n", "");
    check(&with(&["every 15m", "--tz", "UTC", "-n", "1"]), 0, "2027-03-27T12:15:00+00:00\n", "");
    let five = next(&with(&["0 * * * *"]));
    assert_eq!(five.stdout.iter().filter(|byte| **byte == b'\n').count(), 5);
}

#[test]
fn json_is_an_array_of_objects() {
    let output = next(&["0 0 L * *", "--tz", "UTC", "--from", "2028-02-01T00:00:00Z", "-n", "1", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("because stdout is data");
    assert_eq!(found, serde_json::json!([{ "at": "2028-02-29T00:00:00+00:00", "utc": "2028-02-29T00:00:00Z" }]));
}

#[test]
fn an_explanation_is_comments_beside_the_same_data() {
    let words = ["30 2 * * *", "--tz", "Europe/Berlin", "--from", "2027-03-27T12:00:00Z", "-n", "2"];
    let told = next(&[&words[..], &["--explain"]].concat());
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let data: String = told
        .lines()
        .filter_map(|line| line.split('#').next().map(str::trim).filter(|data| !data.is_empty()))
        .map(|data| format!("{data}\n"))
        .collect();
    check(&words, 0, &data, "");
    assert!(told.contains("02:30:00 does not exist"), "{told}");
}

#[test]
fn an_explanation_has_a_normal_form_a_sentence_a_class_and_lints() {
    let told = |expression: &str, more: &[&str]| {
        let words = ["--tz", "Europe/Berlin", "--from", "2027-01-01T00:00:00Z", "-n", "1", "--explain"];
        let Output { status, stdout, stderr } = next(&[&[expression], &words[..], more].concat());
        assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""), "{expression}");
        String::from_utf8_lossy(&stdout).into_owned()
    };
    let check = |expression, more: &[&str], parts: &[&str]| {
        let told = told(expression, more);
        for part in parts {
            assert!(told.contains(part), "{expression}: `{part}` is not in\n{told}");
        }
        let lints = told.lines().filter(|line| line.starts_with("# lint: ")).count();
        let expected = parts.iter().filter(|part| part.starts_with('(')).count();
        assert_eq!(lints, expected, "{expression}: {told}");
    };
    let nightly =
        ["# normal form: 30 2 * * 1-5\n", "# meaning: at 02:30 on Monday to Friday, Europe/Berlin\n", ": fixed-time: "];
    check("30 2 * * mon-fri", &[], &nightly);
    check(
        "30 2 * * *",
        &[],
        &["02:30 does not exist on 2027-03-28 in Europe/Berlin: due once at 2027-03-28T03:00:00+02:00", "(gap)"],
    );
    check("*/35 * * * *", &[], &["wildcard: follows real time", "write `every = \"35m\"`", "(uneven_step)"]);
    check("0 4 13 * fri", &[], &["# normal form: 0 4 13 * 5\n", "one of them is enough", "(both_days)"]);
    check("@weekly", &[], &["# normal form: 0 0 * * 0\n", "at 00:00 on Sunday, Europe/Berlin"]);
    check("H 4 * * *", &["--job", "backup"], &["# normal form: 34 4 * * *\n"]);
    check("0 30 4 ? * MON-FRI", &["--quartz"], &["# normal form: 0 30 4 ? * 2-6\n", "# year: every\n"]);
    check("every 900s", &[], &["# normal form: every 15m\n", "# meaning: every 15m from 1970-01-01T00:00:00Z"]);
    check("every 1d", &[], &["(length_of_day)"]);
    let reboot = String::from_utf8_lossy(&next(&["@Reboot", "--explain"]).stdout).into_owned();
    assert!(reboot.starts_with("# normal form: @reboot\n# meaning: at the first start of the daemon"), "{reboot}");
}

#[test]
fn an_explanation_in_json_is_one_object_of_a_fixed_shape() {
    let words =
        ["*/35 2 * * *", "--tz", "Europe/Berlin", "--from", "2027-06-01T00:30:00Z", "-n", "1", "--explain", "--json"];
    let found: serde_json::Value = serde_json::from_slice(&next(&words).stdout).expect("because stdout is data");
    let gap = serde_json::json!({
        "code": "gap",
        "message": "02:00 does not exist on 2028-03-26 in Europe/Berlin: not due then, because a wildcard follows real time",
        "hint": "to be due once after the gap, write hour and minute without `*`",
    });
    let expected = serde_json::json!({
        "expression": "*/35 2 * * *",
        "timezone": "Europe/Berlin",
        "normal_form": "*/35 2 * * *",
        "sentence": "at 02:00 and 02:35 every day, Europe/Berlin",
        "fields": {
            "minute": "0, 35", "hour": "2", "day_of_month": "every", "month": "every", "day_of_week": "every",
        },
        "dst_class": "wildcard",
        "lints": [gap],
        "next": [{ "at": "2027-06-01T02:35:00+02:00", "utc": "2027-06-01T00:35:00Z" }],
    });
    assert_eq!(found, expected);
    let every: serde_json::Value =
        serde_json::from_slice(&next(&["every 15m", "--explain", "--json"]).stdout).expect("because stdout is data");
    assert_eq!((&every["dst_class"], &every["fields"]), (&serde_json::Value::Null, &serde_json::json!({})));
}

#[test]
fn what_is_wrong_is_said_with_its_exit_code() {
    check(&["*/61 * * * *"], 7, "", "\n  */61 * * * *\n  ^^^^\nhint: for this interval write `every = \"61m\"`");
    check(&["0 0 30 2 *"], 7, "", "never fires");
    check(&["61 25 * * *"], 7, "", "25 is no hour");
    check(&["@dayly"], 7, "", "did you mean `@daily`?");
    check(&["@daily", "--tz", "Europe/Berln"], 2, "", "did you mean `Europe/Berlin`?");
    check(&["@daily", "--from", "yesterday"], 2, "", "`yesterday` is not a time");
    check(&["@daily", "-n", "0"], 2, "", "'-n <N>'");
    check(&["@reboot"], 0, "", "no due times");
    check(&["--quartz", "30 2 * * *"], 7, "", "five fields are `cron = \"…\"`");
    check(&["--quartz", "0 0 8 ? * 2#1"], 7, "", "\n  0 0 8 ? * 2#1\n            ^^^\nhint: `cron` knows them");
    check(&["--quartz", "0 0 8 * * ? 2026", "--from", "2027-01-01T00:00:00Z"], 0, "", "no due times");
}
