//! The environment that every task has: a pure function of facts about the machine and its user, gathered once. What
//! the job file names is set over it. Nothing else is inherited, so no variable of a service manager
//! (`NOTIFY_SOCKET`, `LISTEN_*`, `WATCHDOG_*`, `CREDENTIALS_DIRECTORY`) can leak.

use std::collections::BTreeMap;
use std::path::Path;

use nix::unistd::{Uid, User};

/// Where programs are looked for, unless the task says otherwise; under every surface the same.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the base environment is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The user's name.
    pub user: String,
    /// The user's home folder.
    pub home: String,
    /// The user's shell.
    pub shell: String,
    /// The daemon's own LANG.
    pub lang: Option<String>,
    /// The daemon's own TZ.
    pub tz: Option<String>,
}

impl Facts {
    /// Asks the user database and our own environment.
    pub fn gather() -> Facts {
        let uid = Uid::effective();
        match User::from_uid(uid).ok().flatten() {
            Some(user) => Facts::about(&user),
            None => {
                let unknown = Facts::unknown(uid.as_raw());
                Facts { home: crate::environment::var("HOME").unwrap_or(unknown.home), ..unknown }
            }
        }
    }

    /// What the user database says of somebody.
    pub(super) fn about(user: &User) -> Facts {
        let or = |path: &Path, otherwise: &str| {
            if path.as_os_str().is_empty() { otherwise.to_owned() } else { path.to_string_lossy().into_owned() }
        };
        let (home, shell) = (or(&user.dir, "/"), or(&user.shell, "/bin/sh"));
        Facts { user: user.name.clone(), home, shell, ..Facts::unknown(user.uid.as_raw()) }
    }

    /// Of somebody whom it does not know.
    pub(super) fn unknown(uid: u32) -> Facts {
        let var = crate::environment::var;
        let (home, shell) = ("/".to_owned(), "/bin/sh".to_owned());
        Facts { user: uid.to_string(), home, shell, lang: var("LANG"), tz: var("TZ") }
    }
}

/// The variables that every task has. Without a zone of its own, TZ stays unset: the system's zone holds.
pub fn base_env(facts: &Facts) -> BTreeMap<String, String> {
    let fixed = [
        ("PATH", PATH),
        ("HOME", &facts.home),
        ("USER", &facts.user),
        ("LOGNAME", &facts.user),
        ("SHELL", &facts.shell),
        ("LANG", facts.lang.as_deref().unwrap_or("C.UTF-8")),
    ];
    let zone = facts.tz.as_deref().map(|tz| ("TZ", tz));
    fixed.into_iter().chain(zone).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_environment_is_exactly_this() {
        let facts = Facts {
            user: "bell".to_owned(),
            home: "/home/bell".to_owned(),
            shell: "/bin/zsh".to_owned(),
            lang: None,
            tz: Some("Europe/Berlin".to_owned()),
        };
        let shown: Vec<String> = base_env(&facts).iter().map(|(name, value)| format!("{name}={value}")).collect();
        let path = format!("PATH={PATH}");
        let rest = ["SHELL=/bin/zsh", "TZ=Europe/Berlin", "USER=bell"];
        assert_eq!(shown[..4], ["HOME=/home/bell", "LANG=C.UTF-8", "LOGNAME=bell", &path]);
        assert_eq!(shown[4..], rest);
    }
}
