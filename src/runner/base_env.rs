//! The environment that every task has: a pure function of facts about the machine and its user, gathered once. What
//! the job file names is set over it. Nothing else is inherited, so no variable of a service manager
//! (`NOTIFY_SOCKET`, `LISTEN_*`, `WATCHDOG_*`, `CREDENTIALS_DIRECTORY`) can leak.

use std::collections::BTreeMap;

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
        let var = crate::environment::var;
        let uid = Uid::effective();
        let user = User::from_uid(uid).ok().flatten();
        let (name, home, shell) = match user {
            Some(user) => (user.name, user.dir.to_string_lossy().into_owned(), user.shell),
            None => (uid.to_string(), var("HOME").unwrap_or_default(), Default::default()),
        };
        let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
        let shell = or(shell.to_string_lossy().into_owned(), "/bin/sh");
        Facts { user: name, home: or(home, "/"), shell, lang: var("LANG"), tz: var("TZ") }
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
