//! How processes begin, and what they are given.

use campanile::model::definition::Value;
use campanile::model::definition::value::{Place, Reference};
use campanile::model::exit::ExitKind;
use campanile::runner::base_env::{Facts, PATH, base_env};

use super::world::World;

#[test]
fn what_cannot_be_started_says_why_and_names_it() {
    let mut world = World::new();
    std::fs::write(world.dir().join("plain"), "").unwrap();
    std::fs::write(world.dir().join("script"), "#!/no/such/interpreter\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.dir().join("script"), executable).unwrap();
    std::fs::write(world.dir().join("dos"), "#!/bin/sh\r\necho\n").unwrap();
    std::fs::set_permissions(world.dir().join("dos"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(world.dir().join("text"), "hello\n").unwrap();
    std::fs::set_permissions(world.dir().join("text"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let file = world.dir().join("plain").display().to_string();
    let cases = [
        (["/usr/bin/no-such-program"], None, "`/usr/bin/no-such-program` not found"),
        (["no-such-program"], None, "`no-such-program` not found in PATH"),
        (["/bin/true"], Some("/no/such/dir"), "the working directory `/no/such/dir` does not exist"),
        (["true"], Some("/no/such/dir"), "the working directory `/no/such/dir` does not exist"),
        (["/bin/true"], Some(file.as_str()), "plain` is not a folder"),
        (["./plain"], None, "`./plain` may not be executed: permission denied"),
        (["/"], None, "`/` is a folder and no program"),
        (
            ["./script"],
            None,
            "`./script` is to be run by the interpreter \"/no/such/interpreter\", which does not exist",
        ),
        (["./dos"], None, "`./dos` is to be run by the interpreter \"/bin/sh\\r\", which does not exist"),
        ([""], None, "there is no program to start"),
        (["/a\0b"], None, "the program's name holds a NUL byte, which no process can be given"),
    ];
    let masks = [None, Some(0o022)];
    for ((argv, dir, expected), umask) in cases.iter().flat_map(|case| masks.map(|mask| (*case, mask))) {
        let launch = world.launch(&argv, |process| {
            process.working_dir = dir.map(str::to_owned);
            process.umask = umask;
        });
        let exit = world.exit(launch);
        assert_eq!(exit.kind, ExitKind::NotStarted, "{argv:?}");
        assert_eq!((exit.started_at, &exit.log), (None, &None));
        let error = exit.error.unwrap();
        assert!(error.contains(expected), "{argv:?}: {error}");
    }
}

#[test]
fn a_secret_that_was_not_resolved_starts_nothing_and_is_not_shown() {
    let mut world = World::new();
    let secret = Value::Secret(Reference { place: Place::Env("TOKEN".to_owned()), prefix: String::new() });
    let launch = world.launch(&["/bin/true"], |process| drop(process.env.insert("A".to_owned(), secret)));
    let exit = world.exit(launch);
    assert_eq!(exit.kind, ExitKind::NotStarted);
    assert!(exit.error.unwrap().starts_with("the secret in `A`"));
}

#[test]
fn a_name_without_a_slash_is_found_in_the_path_of_the_task() {
    let mut world = World::new();
    let launch = world.launch(&["true"], |_| {});
    assert_eq!(world.exit(launch).kind, ExitKind::Code(0));
    std::fs::create_dir(world.dir().join("tools")).unwrap();
    std::os::unix::fs::symlink("/bin/echo", world.dir().join("tools/say")).unwrap();
    let launch = world.launch(&["say", "hello"], |process| {
        process.env.insert("PATH".to_owned(), "/nowhere:tools".into());
    });
    assert_eq!(world.exit(launch).output, "hello\n");
}

#[test]
fn the_environment_is_exactly_the_base_the_mark_and_what_the_process_says() {
    let mut world = World::new();
    let mut process = world.process(&["/usr/bin/env"]);
    process.env.insert("A".to_owned(), "b c".into());
    process.env.insert("LANG".to_owned(), "de_DE.UTF-8".into());
    let mut expected = base_env(&Facts::gather());
    assert_eq!(expected["PATH"], PATH);
    expected.extend(process.env.iter().map(|(name, value)| (name.clone(), value.shown())));
    let launch = process.launch;
    world.client().launch(process);
    let mut lines: Vec<String> = world.exit(launch).output.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    let is_mark = |line: &String| line.starts_with("CAMPANILE_LAUNCH=") && line.ends_with(&format!("/{launch}"));
    let mark = lines.iter().position(is_mark).map(|at| lines.remove(at));
    assert!(mark.is_some(), "{lines:?}");
    let expected: Vec<String> = expected.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_process_has_its_own_group_its_folder_and_no_descriptor_of_ours() {
    let mut world = World::new();
    // Whoever started these tests may have left descriptors open for every process.
    let inherited = |fd: &str| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).map_or("", str::trim);
        u32::from_str_radix(flags, 8).is_ok_and(|flags| flags & 0o2_000_000 == 0)
    };
    let launch = world.sh("cut -d' ' -f5 /proc/$$/stat; echo $$; pwd; ls /proc/$$/fd");
    let output = world.exit(launch).output;
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[2], world.dir().to_str().unwrap());
    let fds: Vec<&str> =
        lines[3..].iter().copied().filter(|fd| !inherited(fd) || fd.parse::<u8>().unwrap() < 3).collect();
    assert_eq!(fds, ["0", "1", "2"]);
}

#[test]
fn many_at_once_all_end_and_in_order_are_started() {
    let mut world = World::new();
    let launches: Vec<_> = (0..200).map(|number| world.sh(&format!("echo {number}; exit {}", number % 7))).collect();
    for (number, launch) in launches.into_iter().enumerate() {
        let exit = world.exit(launch);
        assert_eq!(exit.kind, ExitKind::Code(number as i32 % 7));
        assert_eq!(exit.output, format!("{number}\n"));
        assert!(exit.started_at.unwrap() <= exit.ended_at);
    }
}

#[test]
fn what_no_process_can_be_given_is_named_and_not_shown() {
    let mut world = World::new();
    let launch = world.launch(&["/bin/echo", "a", "hid\0den"], |_| {});
    assert_eq!(world.exit(launch).error.unwrap(), "argument 2 holds a NUL byte, which no process can be given");
    let launch = world.launch(&["/bin/true"], |process| drop(process.env.insert("A".to_owned(), "hid\0den".into())));
    assert_eq!(world.exit(launch).error.unwrap(), "the variable `A` holds a NUL byte, which no process can be given");
    let long = "x".repeat(200_000);
    let launch = world.launch(&["/bin/echo", &long], |_| {});
    let error = world.exit(launch).error.unwrap();
    assert_eq!(error, "`/bin/echo` cannot be given so many arguments and variables");
}

#[test]
fn a_file_without_an_interpreter_is_no_program() {
    let mut world = World::new();
    std::fs::write(world.dir().join("text"), "hello\n").unwrap();
    std::fs::set_permissions(world.dir().join("text"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let launch = world.launch(&["./text"], |_| {});
    let error = world.exit(launch).error.unwrap();
    assert_eq!(error, "`./text` is no program, and names no interpreter with `#!`");
}

#[test]
fn a_script_is_a_file_of_its_own_while_it_runs() {
    let mut world = World::new();
    let text = "#!/bin/sh -u\nstat -c %a \"$0\" \"$(dirname \"$0\")\"; echo \"$1\"; cat; exit 3\n";
    let launch = world.launch(&["one two"], |process| {
        process.script = Some(text.to_owned());
        process.stdin = Some("given\n".to_owned());
    });
    let exit = world.exit(launch);
    assert_eq!((exit.kind, exit.output.as_str()), (ExitKind::Code(3), "700\n700\none two\ngiven\n"));
    let scripts = world.state_dir().join("run/scripts");
    assert_eq!(std::fs::read_dir(&scripts).unwrap().count(), 0, "it goes with the attempt");
    for (text, expected) in [
        (
            "#!/no/such/interpreter\n",
            "the script is to be run by the interpreter \"/no/such/interpreter\", which does not exist",
        ),
        ("#!\n", "the script is no program, and names no interpreter with `#!`"),
    ] {
        let launch = world.launch(&[], |process| process.script = Some(text.to_owned()));
        let exit = world.exit(launch);
        assert_eq!((exit.kind, exit.error.as_deref()), (ExitKind::NotStarted, Some(expected)));
    }
    assert_eq!(std::fs::read_dir(&scripts).unwrap().count(), 0);
}

#[test]
fn a_script_that_the_runner_died_over_goes_with_the_next() {
    let mut world = World::new();
    world.pipe("ready");
    world.launch(&[], |process| process.script = Some("#!/bin/sh\necho > ready; sleep 1000\n".to_owned()));
    world.pids("ready");
    let scripts = world.state_dir().join("run/scripts");
    assert_eq!(std::fs::read_dir(&scripts).unwrap().count(), 1);
    world.restart();
    assert_eq!(std::fs::read_dir(&scripts).unwrap().count(), 0);
}

#[test]
fn a_mask_is_set_for_the_one_who_asks_and_the_program_is_the_first_process() {
    let mut world = World::new();
    let text = "umask; : > made; stat -c %a made; rm made; cut -d' ' -f5 /proc/$$/stat; echo $$";
    for (mask, expected) in [(0o027, "0027\n640\n"), (0o077, "0077\n600\n"), (0, "0000\n666\n")] {
        let launch = world.launch(&["/bin/sh", "-c", text], |process| process.umask = Some(mask));
        let output = world.exit(launch).output;
        let ids = output.strip_prefix(expected).unwrap_or_else(|| panic!("{mask:o}: {output}"));
        let ids: Vec<&str> = ids.lines().collect();
        assert_eq!(ids[0], ids[1], "it leads its own group");
    }
    let launch = world.launch(&["true"], |process| process.umask = Some(0o022));
    assert_eq!(world.exit(launch).kind, ExitKind::Code(0), "found in PATH");
}
