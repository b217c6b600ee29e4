//! What is masked of what processes write.

use campanile::model::exit::ExitKind;

use super::world::World;

fn masked(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_secret_is_nowhere_however_it_is_written() {
    let mut world = World::new();
    let script = "printf 'one hunter2 two\\n'; printf 'hunter2 bad\\377\\n' >&2; printf hun; printf 'ter2\\n'
        for part in h u n t e r 2; do printf $part; done; echo; printf 'cut hunter'
        printf 'token=hunter2\\n' > \"$CAMPANILE_OUTPUT\"";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| {
        process.masked = masked(&["hunter2"]);
        process.may_leave_outputs = true;
    });
    let exit = world.exit(launch);
    assert_eq!(exit.output, "one *** two\n***\n***\ncut hunter");
    assert_eq!(exit.outputs["token"], "***");
    let log = world.log(&exit.log.unwrap().path);
    let stderr: Vec<_> = log.iter().filter(|line| line.0 == "stderr").collect();
    assert_eq!(stderr[0].2, b"*** bad\xff");
    assert!(!log.iter().any(|line| line.2.windows(7).any(|part| part == b"hunter2")));
}

#[test]
fn a_secret_is_masked_within_a_hundred_megabytes_on_one_line() {
    let mut world = World::new();
    let script = "head -c 50000001 /dev/zero | tr '\\0' h; printf hunter2; head -c 50000000 /dev/zero | tr '\\0' x; printf hunter2";
    let launch = world.launch(&["/bin/sh", "-c", script], |process| {
        process.masked = masked(&["hunter2", "hhhhhhhhhk"]);
        process.max_output = 1 << 20;
    });
    let exit = world.exit(launch);
    assert_eq!(exit.kind, ExitKind::Code(0));
    assert!(exit.output.ends_with("xxx***") && !exit.output.contains("hunter2"));
}

#[test]
fn an_error_shows_no_secret_either() {
    let mut world = World::new();
    let launch = world.launch(&["no-such-program"], |process| {
        process.env.insert("PATH".to_owned(), "/opt/hunter2/bin".into());
        process.masked = masked(&["hunter2"]);
    });
    assert_eq!(world.exit(launch).error.unwrap(), "`no-such-program` not found in PATH (`/opt/***/bin`)");
}

#[test]
fn terminal_escapes_and_other_bytes_are_kept_as_they_were() {
    let mut world = World::new();
    let launch = world.sh("printf '\\033[31mred\\033[0m\\007\\n\\377\\n'");
    let exit = world.exit(launch);
    assert_eq!(exit.output, "\u{1b}[31mred\u{1b}[0m\u{7}\n\u{fffd}\n");
    let log = world.log(&exit.log.unwrap().path);
    assert_eq!((log[0].2.as_slice(), log[1].2.as_slice()), (&b"\x1b[31mred\x1b[0m\x07"[..], &b"\xff"[..]));
}
