//! Whom processes run as. Only root can become somebody else, so a test that has no root holds what the others may.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use campanile::model::exit::ExitKind;
use campanile::model::process::Process;
use campanile::runner::{Config, Runner};

use super::world::{World, turn};

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A folder that everybody may pass, with a list in it.
fn place(list: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
    std::fs::write(folder.path().join("runner.toml"), list).unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    std::fs::set_permissions(folder.path().join("run"), PermissionsExt::from_mode(0o711)).unwrap();
    folder
}

fn world(place: &Path) -> World {
    World::told(|config| {
        config.default_dir = None;
        config.run_dir = Some(place.join("run"));
        config.users = Some(place.join("runner.toml"));
    })
}

fn error(world: &mut World, change: impl FnOnce(&mut Process)) -> String {
    let launch = world.launch(&["/bin/true"], change);
    let exit = world.exit(launch);
    assert_eq!(exit.kind, ExitKind::NotStarted, "{exit:?}");
    exit.error.unwrap()
}

#[test]
fn a_listed_user_is_become_wholly_and_for_good() {
    if !is_root() {
        return;
    }
    let place = place("users = [\"nobody\", \"daemon\"]\ngroups = [\"daemon\"]\n");
    let mut world = world(place.path());
    let script = "grep -E '^(Uid|Gid|Groups|Cap(Prm|Eff|Amb))' /proc/self/status | tr -s '\\t ' ' '
        echo $USER $LOGNAME $HOME $SHELL; pwd; cat /proc/1/environ 2> /dev/null || echo refused";
    for (user, group, uid, gid, surroundings) in [
        ("nobody", None, 65_534, 65_534, "nobody nobody /nonexistent /usr/sbin/nologin\n/"),
        ("nobody", Some("daemon"), 65_534, 1, "nobody nobody /nonexistent /usr/sbin/nologin\n/"),
        ("daemon", None, 1, 1, "daemon daemon /usr/sbin /usr/sbin/nologin\n/usr/sbin"),
    ] {
        let launch = world.launch(&["/bin/sh", "-c", script], |process| {
            process.user = Some(user.to_owned());
            process.group = group.map(str::to_owned);
        });
        let exit = world.exit(launch);
        let groups = if user == "nobody" { 65_534 } else { 1 };
        let none = "0000000000000000";
        assert_eq!(
            exit.output,
            format!(
                "Uid: {uid} {uid} {uid} {uid}\nGid: {gid} {gid} {gid} {gid}\nGroups: {groups} \nCapPrm: {none}\n\
                 CapEff: {none}\nCapAmb: {none}\n{surroundings}\nrefused\n"
            ),
            "{user} {group:?}: {exit:?}"
        );
    }
}

#[test]
fn who_is_on_no_list_starts_nothing() {
    if !is_root() {
        return;
    }
    let place = place("users = [\"nobody\", \"no-such-user\"]\n");
    let mut world = world(place.path());
    let list = place.path().join("runner.toml").display().to_string();
    let named = |user: &str, group: Option<&str>| {
        let (user, group) = (user.to_owned(), group.map(str::to_owned));
        move |process: &mut Process| (process.user, process.group) = (Some(user), group)
    };
    let refused = error(&mut world, named("daemon", None));
    assert_eq!(
        refused,
        format!(
            "no process may run as `daemon`: the runner's list `{list}` does not name them\nhint: root may add them to \
             `users` there, and start the runner anew"
        )
    );
    assert_eq!(error(&mut world, named("no-such-user", None)), "there is no user `no-such-user`");
    assert!(error(&mut world, named("nobody", Some("daemon"))).starts_with("`nobody` is not in group `daemon`, and "));
    assert_eq!(error(&mut world, named("nobody", Some("no-such-group"))), "there is no group `no-such-group`");
    assert!(error(&mut world, named("1", None)).starts_with("no process may run as `daemon`"), "also by number");
    assert_eq!(error(&mut world, named("4000000", None)), "no user has the number 4000000");
    let launch = world.launch(&["id", "-u"], named("65534", Some("65534")));
    assert_eq!(world.exit(launch).output, "65534\n");
}

#[test]
fn a_user_cannot_enter_what_is_closed_to_them() {
    if !is_root() {
        return;
    }
    let place = place("users = [\"nobody\"]\n");
    let mut world = world(place.path());
    let closed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::copy("/bin/true", closed.path().join("true")).unwrap();
    let dir = closed.path().display().to_string();
    let said = error(&mut world, |process| {
        (process.user, process.working_dir) = (Some("nobody".to_owned()), Some(dir.clone()));
    });
    assert_eq!(said, format!("the working directory `{dir}` may not be entered: permission denied"));
    let said = error(&mut world, |process| {
        (process.user, process.argv) = (Some("nobody".to_owned()), vec![format!("{dir}/true")]);
    });
    assert_eq!(said, format!("`{dir}/true` may not be executed: permission denied"));
}

#[test]
fn what_another_user_needs_is_theirs_and_goes_with_the_attempt() {
    if !is_root() {
        return;
    }
    let place = place("users = [\"nobody\"]\n");
    let mut world = world(place.path());
    let text = "#!/bin/sh\nstat -c '%a %U' \"$0\" \"$(dirname \"$0\")\"; echo a=1 > $CAMPANILE_OUTPUT.new
        mv $CAMPANILE_OUTPUT.new $CAMPANILE_OUTPUT\n";
    let script = |world: &mut World, text: &str| {
        let launch = world.launch(&[], |process| {
            (process.user, process.script) = (Some("nobody".to_owned()), Some(text.to_owned()));
            process.may_leave_outputs = true;
        });
        world.exit(launch)
    };
    let exit = script(&mut world, text);
    assert_eq!((exit.kind, exit.output.as_str()), (ExitKind::Code(0), "700 nobody\n700 nobody\n"), "{exit:?}");
    assert_eq!((exit.outputs["a"].as_str(), exit.outputs_error), ("1", None));
    // What only root may read stays so, whoever links to it.
    std::fs::write(place.path().join("secret"), "a=secret\n").unwrap();
    std::fs::set_permissions(place.path().join("secret"), PermissionsExt::from_mode(0o600)).unwrap();
    let exit = script(&mut world, &format!("#!/bin/sh\nln -s {}/secret $CAMPANILE_OUTPUT\n", place.path().display()));
    assert_eq!(exit.outputs_error.as_deref(), Some("`CAMPANILE_OUTPUT` is a link"));
    world.restart();
    // The remover has its own pace, and has ended with the runner or is about to.
    while std::fs::read_dir(place.path().join("run")).unwrap().count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn what_others_may_write_is_no_list_and_no_folder_of_a_root_runner() {
    if !is_root() {
        return;
    }
    let (place, state) = (place("users = [\"nobody\"]\n"), tempfile::tempdir().unwrap());
    let _turn = turn();
    let list = place.path().join("runner.toml");
    let start = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::of(state.path().to_owned());
        change(&mut config);
        Runner::start(config, |_| {}).err().expect("it is refused").to_string()
    };
    let with_list = |config: &mut Config| config.users = Some(list.clone());
    let shown = list.canonicalize().unwrap().display().to_string();
    let hint = "\nhint: a runner that is root uses only what root alone can write";
    std::fs::set_permissions(&list, PermissionsExt::from_mode(0o666)).unwrap();
    assert_eq!(start(&with_list), format!("`{shown}` may be written by others than its owner{hint}"));
    std::fs::set_permissions(&list, PermissionsExt::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&list, Some(65_534), None).unwrap();
    assert_eq!(start(&with_list), format!("`{shown}` belongs to user 65534{hint}"));
    std::os::unix::fs::chown(&list, Some(0), None).unwrap();
    std::fs::write(&list, "user = [\"nobody\"]\n").unwrap();
    assert!(start(&with_list).contains("unknown field `user`"));
    let open = place.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    assert!(start(&|config| config.own_dir = Some(open.clone())).contains("may be written by others"));
    assert!(start(&|config| config.run_dir = Some(open.clone())).contains("may be written by others"));
    std::os::unix::fs::chown(state.path(), Some(65_534), None).unwrap();
    assert!(start(&|_| {}).contains("\nhint: give `--own DIR`"));
}
