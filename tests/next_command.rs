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
