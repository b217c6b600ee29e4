//! Somebody at two terminals: types what a page says in one, and has a daemon run in the other.

use std::process::Command;

use super::world::{Daemon, World, said};

/// How often something is looked at again.
const MANY: usize = 2_000;

/// A home with nothing in it, and what runs there.
pub(crate) struct Terminal {
    world: World,
    daemons: Vec<Daemon>,
}

impl Terminal {
    pub(crate) fn new() -> Terminal {
        let world = World::new();
        std::fs::create_dir(world.path("home")).unwrap();
        std::fs::create_dir(world.path("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_campanile"), world.path("bin/campanile")).unwrap();
        std::fs::write(world.path("variables"), "").unwrap();
        std::fs::write(world.path("folder"), world.path("home").display().to_string()).unwrap();
        Terminal { world, daemons: Vec::new() }
    }

    /// A shell at home, with what `script` says.
    fn shell(&self, script: &str) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a black-box test starts the binary")]
        let mut command = Command::new("/bin/sh");
        let home = self.world.path("home");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.world.path("bin").display());
        command.env_clear().env("PATH", path).env("TZ", "UTC").env("HOME", &home).env("TMPDIR", self.world.path(""));
        command.current_dir(home).args(["-c", script]);
        command
    }

    /// Saves a file below home.
    pub(crate) fn save(&self, path: &str, text: &str) {
        let path = self.world.path("home").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Starts a daemon in the other terminal and waits until it is ready.
    #[track_caller]
    pub(crate) fn daemon(&mut self, place: &str, line: &str) {
        assert_eq!(line.trim().lines().count(), 1, "{place}: one line for the other terminal");
        let mut daemon = Daemon::spawn(self.shell(&format!("exec {line}")));
        daemon.until(" ready ");
        self.daemons.push(daemon);
    }

    fn write(&self, text: &str) -> (i32, String) {
        let here = self.world.path("").display().to_string();
        std::fs::write(self.world.path("typed"), text).unwrap();
        let script = format!(
            "set -a; exec 2>&1; cd \"$(cat {here}/folder)\"; . {here}/variables; \
             trap 'code=$?; export -p > {here}/variables; pwd > {here}/folder; exit $code' EXIT; \
             set -e; . {here}/typed"
        );
        let said = said(self.shell(&script));
        (said.exit, said.out)
    }

    /// Types it; its exit and what it writes must be as shown.
    #[track_caller]
    pub(crate) fn typed(&self, place: &str, text: &str, shown: Option<&str>) {
        let (exit, written) = self.write(text);
        let (wanted_exit, wanted) = expected(shown);
        assert_eq!(exit, wanted_exit, "{place}: the exit code of\n{text}\nwhich wrote\n{written}");
        if shown.is_some() {
            assert!(fits(&wanted, &written), "{place}: written was\n{written}\nand not\n{wanted}");
        }
    }

    /// Types it again and again, until it writes what is shown.
    #[track_caller]
    pub(crate) fn typed_until(&self, place: &str, text: &str, shown: &str) {
        let (wanted_exit, wanted) = expected(Some(shown));
        let mut last = (0, String::new());
        for _ in 0..MANY {
            last = self.write(text);
            if last.0 == wanted_exit && fits(&wanted, &last.1) {
                return;
            }
        }
        panic!("{place}: written was still, with exit code {},\n{}\nand not\n{wanted}", last.0, last.1);
    }

    /// Leaves; daemons that still run are told to stop.
    #[track_caller]
    pub(crate) fn close(self) {
        for daemon in self.daemons {
            daemon.stop();
        }
    }
}

/// The exit code and the output that a block shows.
fn expected(shown: Option<&str>) -> (i32, String) {
    let shown = shown.unwrap_or_default();
    let (rest, last) = shown.trim_end().rsplit_once('\n').unwrap_or(("", shown.trim_end()));
    match last.strip_prefix("[exit ").and_then(|last| last.strip_suffix(']')) {
        Some(code) => (code.parse().unwrap(), format!("{rest}\n")),
        None => (0, shown.to_owned()),
    }
}

/// Whether what was written is what is shown.
pub(crate) fn fits(shown: &str, written: &str) -> bool {
    let plain = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut pattern = String::from("^");
    for line in shown.lines().map(plain) {
        match line.as_str() {
            "…" => pattern.push_str("(?:[^\n]*\n)*"),
            _ => pattern.push_str(&format!("{}\n", regex::escape(&line).replace('…', "[^\n]*"))),
        }
    }
    pattern.push('$');
    let written: String = written.lines().map(|line| format!("{}\n", plain(line))).collect();
    regex::Regex::new(&pattern).unwrap().is_match(&written)
}
