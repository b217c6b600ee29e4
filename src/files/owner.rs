//! Who owns a file decides what it may ask for: to run as another user, with another group, or before others (`nice` below
//! 0). Root may ask for anything, a user for being that user, and whoever else is named may not.
//!
//! **Whose word a file is.** What its descriptor said when it was read: owner, mode, and which file it is. It is nobody's
//! word if others may write it; so it is if others may put another file into its place, which is to say, if they may write
//! its folder (without the sticky bit), or if folder or name belong to somebody else. The folder is opened and the name
//! looked up in it only for a file that asks for something, and what is there must be the file that was read.
//!
//! **Layers.** A job may come from several files. What one of them asks for holds for what the others say: a `shell` that
//! is laid over a `user` is run as that user. So each file that has a part in the job must be one that might have asked for
//! it itself. `[defaults]` are the exception, because they are meant for the files of others: whoever writes a `user` there
//! says whom everybody's tasks run as.
//!
//! Nothing is refused here. What a job may not ask for is told, and what becomes of it the caller decides: a daemon
//! refuses the job, `check` on another machine can only warn.

use std::collections::HashSet;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::Uid;

use super::source::Sources;
use super::syntax::{Entry, Node, NodeValue, Span};
use crate::account::name_of;
use crate::model::definition::PRECONDITION;
use crate::model::invalid::Fault;
use crate::plain_file::Content;

/// The bits of a mode by which others than the owner may write.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Where a text is from, as far as that says whose word it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Holder {
    /// It is in no file, and only looked at.
    #[default]
    Unknown,
    /// The daemon of this user, because somebody has asked for it by API.
    Daemon(u32),
    /// A file, as its descriptor said when it was read.
    File {
        /// The user whose it is.
        owner: u32,
        /// Who may do what with it.
        mode: u32,
        /// Its device and inode.
        identity: (u64, u64),
    },
}

impl From<&Content> for Holder {
    fn from(content: &Content) -> Self {
        Holder::File { owner: content.owner, mode: content.mode, identity: content.identity }
    }
}

/// Whose word a file is.
#[derive(Clone, Debug)]
pub(super) enum Speaker {
    /// Root's, or that of a text nobody has to believe.
    Root,
    User {
        uid: u32,
        name: String,
        is_daemon: bool,
    },
    /// Others may write it: how so, and what to do.
    Nobody {
        why: &'static str,
        way: String,
    },
}

impl Speaker {
    /// Whose word the file at `path` is.
    pub(super) fn of(holder: Holder, path: &Path) -> Speaker {
        let (owner, mode, identity) = match holder {
            Holder::Unknown => return Speaker::Root,
            Holder::Daemon(uid) => return Speaker::user(uid, true),
            Holder::File { owner, mode, identity } => (owner, mode, identity),
        };
        if mode & WRITABLE != 0 {
            let way = format!("chmod go-w {}", path.display());
            return Speaker::Nobody { why: "others than its owner may write this one", way };
        }
        match in_folder(path, owner, identity) {
            Err((why, way)) => Speaker::Nobody { why, way },
            Ok(()) if owner == 0 => Speaker::Root,
            Ok(()) => Speaker::user(owner, false),
        }
    }

    /// However many names a file makes up, they cost this one look.
    fn user(uid: u32, is_daemon: bool) -> Speaker {
        Speaker::User { uid, name: name_of(Uid::from_raw(uid)), is_daemon }
    }

    fn may(&self, ask: &Ask<'_>) -> bool {
        match self {
            Speaker::Root => true,
            Speaker::User { uid, name, .. } => {
                ask.what != What::Nice && ask.user.is_some_and(|user| user == name || user.parse() == Ok(*uid))
            }
            Speaker::Nobody { .. } => false,
        }
    }
}

/// Whether nobody but root and the owner of the file can have put it where it is.
fn in_folder(path: &Path, owner: u32, identity: (u64, u64)) -> Result<(), (&'static str, String)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let look = || -> nix::Result<(FileStat, FileStat, FileStat)> {
        let name = path.file_name().unwrap_or_default();
        let opened = open(folder, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let at = |flags| fstatat(opened.as_fd(), name, flags);
        Ok((fstat(&opened)?, at(AtFlags::AT_SYMLINK_NOFOLLOW)?, at(AtFlags::empty())?))
    };
    let Ok((about, name, file)) = look() else {
        return Err(("its folder cannot be looked at", format!("look at {}", folder.display())));
    };
    let is_theirs = |uid: u32| uid != 0 && uid != owner;
    if (file.st_dev, file.st_ino) != identity {
        return Err(("it was replaced while it was read", "read it again".to_owned()));
    }
    if is_theirs(about.st_uid) {
        return Err(("somebody else owns the folder of this one", format!("chown root {}", folder.display())));
    }
    if about.st_mode & WRITABLE != 0 && about.st_mode & STICKY == 0 {
        return Err(("others may write the folder of this one", format!("chmod go-w {}", folder.display())));
    }
    if is_theirs(name.st_uid) {
        return Err(("somebody else owns the link to this one", format!("chown -h root {}", path.display())));
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum What {
    User,
    Group,
    Nice,
}

/// Something that not everybody may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Ask<'a> {
    what: What,
    /// Where it is written.
    at: Span,
    /// Whom the task runs as.
    user: Option<&'a str>,
}

impl Ask<'_> {
    /// What it is, and whose a file is that may say so.
    fn words(&self) -> (String, String) {
        match self.what {
            What::User => {
                let user = self.user.unwrap_or_default();
                let whose = match user {
                    "root" => "that belongs to root".to_owned(),
                    _ => format!("that belongs to root or to `{user}`"),
                };
                (format!("`user = \"{user}\"`"), whose)
            }
            What::Group => ("`group`".to_owned(), "that belongs to root, or to the `user` beside it".to_owned()),
            What::Nice => ("`nice` below 0".to_owned(), "that belongs to root".to_owned()),
        }
    }
}

/// What a table of a job asks for.
#[derive(Clone, Copy, Default)]
struct Asking<'a> {
    user: Option<&'a Entry>,
    group: Option<&'a Entry>,
    nice: Option<&'a Entry>,
}

impl<'a> Asking<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        Asking { user: find("user"), group: find("group"), nice: find("nice") }
    }

    fn over(self, below: Self) -> Self {
        Asking { user: self.user.or(below.user), group: self.group.or(below.group), nice: self.nice.or(below.nice) }
    }

    fn asks(self) -> impl Iterator<Item = Ask<'a>> {
        let user = self
            .user
            .and_then(|entry| if let NodeValue::Text(text) = &entry.node.value { Some(text.as_str()) } else { None });
        let nice = self.nice.filter(|entry| matches!(entry.node.value, NodeValue::Integer(..0)));
        let all = [(What::User, self.user), (What::Group, self.group), (What::Nice, nice)];
        all.into_iter().filter_map(move |(what, entry)| Some(Ask { what, at: entry?.key_span, user }))
    }
}

/// What is in a table; nothing in anything else.
fn entries(node: &Node) -> &[Entry] {
    if let NodeValue::Table(entries) = &node.value { entries } else { &[] }
}

/// Everything that the tasks of a job ask for, each once.
fn asks(top: &[Entry]) -> Vec<Ask<'_>> {
    let above = Asking::of(top);
    let Some(tasks) = top.iter().find(|entry| entry.key == "tasks") else { return above.asks().collect() };
    let mut seen = HashSet::new();
    let of_tasks = entries(&tasks.node).iter().flat_map(|task| Asking::of(entries(&task.node)).over(above).asks());
    // What is asked first runs as the top level says, whatever each task says of itself.
    let is_asked = top.iter().any(|entry| entry.key == PRECONDITION);
    let of_top = is_asked.then(|| above.asks()).into_iter().flatten();
    of_tasks.chain(of_top).filter(|ask| seen.insert(*ask)).collect()
}

/// The texts that have a part in the tree, each with the first place that is from it.
fn layers(root: &Node, sources: &Sources) -> Vec<(usize, Span)> {
    fn note(at: Span, sources: &Sources, found: &mut Vec<(usize, Span)>) {
        let index = sources.index(at.0);
        match found.iter_mut().find(|(known, _)| *known == index) {
            Some((_, first)) if at.0 < first.0 => *first = at,
            Some(_) => {}
            None => found.push((index, at)),
        }
    }
    fn walk(node: &Node, sources: &Sources, found: &mut Vec<(usize, Span)>) {
        if let NodeValue::List(items) = &node.value {
            items.iter().for_each(|item| walk(item, sources, found));
        }
        for entry in entries(node) {
            note(entry.key_span, sources, found);
            walk(&entry.node, sources, found);
        }
    }
    let mut found = Vec::new();
    walk(root, sources, &mut found);
    found.sort_unstable();
    found
}

/// What the job at `root` asks for and the owners of its files may not. The text up to `defaults` lies under every job.
pub(super) fn check(root: &Node, sources: &Sources, defaults: Option<usize>) -> Vec<Fault> {
    let asks = asks(entries(root));
    if asks.is_empty() {
        return Vec::new();
    }
    let layers = layers(root, sources);
    let (mut faults, mut told) = (Vec::new(), HashSet::new());
    for ask in asks {
        let (what, whose) = ask.words();
        let writer = sources.index(ask.at.0);
        if let Some((found, way)) = denied(sources, writer, &ask) {
            let message = format!("{what} counts only in a file {whose}, and {found}");
            faults.push(Fault::new(ask.at, message).hint(way));
            continue;
        }
        if defaults.is_some_and(|end| ask.at.0 <= end) {
            continue;
        }
        for (layer, first) in layers.iter().filter(|(layer, _)| *layer != writer) {
            if let Some((found, way)) = denied(sources, *layer, &ask)
                && told.insert(*layer)
            {
                let place = sources.path(ask.at.0).display();
                let message =
                    format!("{what} in `{place}` counts only if each file of the job is one {whose}, and {found}");
                faults.push(Fault::new(*first, message).hint(way));
            }
        }
    }
    faults
}

/// Why the text of that number may not ask for it, and what to do; nothing if it may.
fn denied(sources: &Sources, index: usize, ask: &Ask<'_>) -> Option<(String, String)> {
    let speaker = sources.speaker(index);
    if speaker.may(ask) {
        return None;
    }
    Some(match speaker {
        Speaker::User { name, is_daemon: true, .. } => (
            format!("this job was put by API, so it is the daemon's own, `{name}`"),
            "as root, write it into a folder of `jobs_dirs`".to_owned(),
        ),
        Speaker::User { name, is_daemon: false, .. } => {
            (format!("this one belongs to `{name}`"), format!("chown root {}", sources.path_of(index).display()))
        }
        Speaker::Nobody { why, way } => ((*why).to_owned(), way.clone()),
        Speaker::Root => return None,
    })
}
