//! Which files were read before and are as they were, so that a change of one of ten thousand costs one look at each and
//! one parse. What was in them is not kept: the engine has it.
//!
//! A file is as it was if its path, device, inode, size, owner, mode and both of its times are, and nothing has changed in
//! who may write its folder. One that was changed less than a second
//! before it was read is not trusted, because the next change may fall into the same tick of the file system's clock. A
//! file that is wrong is read each time. A job that names calendars is as it was only if they are too.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::FoundJob;
use crate::model::definition::{JobName, ReadFile, ReadFiles};
use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// How long a file must have been left alone before its stamp says that it is the same.
const SETTLED: Duration = Duration::from_secs(1);

/// What was read, by the stem of its file.
#[derive(Debug, Default)]
pub struct Known {
    files: HashMap<Box<str>, Entry>,
    generation: u32,
    /// What is not told yet.
    changed: BTreeSet<Box<str>>,
    is_anew: bool,
}

#[derive(Debug)]
struct Entry {
    stamp: u64,
    /// When it was last seen.
    generation: u32,
    jobs: Box<[JobName]>,
    /// It has no warnings, which whoever starts wants to hear of.
    is_silent: bool,
    /// The calendars that they name, and what these were like.
    calendars: Box<[(Box<str>, u64)]>,
}

/// What each calendar is like, by name; nothing where that cannot be told.
pub(super) type Calendars<'a> = HashMap<&'a str, Option<u64>>;

impl Known {
    /// What somebody knew before, who told it as `take_news` does.
    pub fn recalled(files: Vec<ReadFile>) -> Known {
        let entry = |file: ReadFile| {
            let calendars = file.calendars.into_iter().map(|(name, stamp)| (name.into(), stamp)).collect();
            let (stamp, jobs) = (file.stamp, file.jobs.into());
            (file.stem.into(), Entry { stamp, generation: 0, jobs, is_silent: true, calendars })
        };
        Known { files: files.into_iter().map(entry).collect(), ..Known::default() }
    }

    /// What has changed since this was last asked, for whoever begins with what is known now; what they would miss a warning
    /// of, they are to read.
    pub fn take_news(&mut self, under: String) -> ReadFiles {
        let is_anew = std::mem::take(&mut self.is_anew);
        let mut news = ReadFiles { under, is_anew, ..ReadFiles::default() };
        for stem in std::mem::take(&mut self.changed) {
            match self.files.get(&stem).filter(|entry| entry.is_silent) {
                Some(entry) => news.read.push(entry.told(&stem)),
                None => news.gone.push(stem.into()),
            }
        }
        news
    }

    /// Nothing is known: everything is read.
    pub fn forget(&mut self) {
        self.files.clear();
        self.changed.clear();
        self.is_anew = true;
    }

    /// A look at all files begins.
    pub(super) fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// It has ended; what was not seen in it is not there any more.
    pub(super) fn end(&mut self) {
        for (stem, _) in self.files.extract_if(|_, entry| entry.generation != self.generation) {
            self.changed.insert(stem);
        }
    }

    /// The jobs of the file or files of that stem, if they are as they were.
    pub(super) fn recall(&mut self, stem: &str, stamp: Option<u64>, now: &Calendars<'_>) -> Option<&[JobName]> {
        let generation = self.generation;
        let entry = self.files.get_mut(stem).filter(|entry| Some(entry.stamp) == stamp)?;
        let is_same = |(name, stamp): &(Box<str>, u64)| now.get(&**name) == Some(&Some(*stamp));
        if !entry.calendars.iter().all(is_same) {
            return None;
        }
        entry.generation = generation;
        Some(&entry.jobs)
    }

    /// This is what they define.
    pub(super) fn learn(&mut self, stem: &str, stamp: Option<u64>, jobs: &[FoundJob], now: &Calendars<'_>) {
        let Some(stamp) = stamp else { return };
        let schedules = jobs.iter().flat_map(|job| &job.definition.schedules);
        let named: BTreeSet<&str> = schedules
            .flat_map(|schedule| schedule.exclude.iter().chain(&schedule.only))
            .map(|dates| dates.calendar.as_str())
            .collect();
        let like = |name: &str| Some((name.into(), now.get(name).copied().flatten()?));
        let Some(calendars) = named.into_iter().map(like).collect() else { return };
        let names = jobs.iter().map(|job| job.name.clone()).collect();
        let is_silent = jobs.iter().all(|job| job.warnings.is_empty());
        let entry = Entry { stamp, generation: self.generation, jobs: names, is_silent, calendars };
        self.files.insert(stem.into(), entry);
        self.changed.insert(stem.into());
    }
}

impl Entry {
    fn told(&self, stem: &str) -> ReadFile {
        let calendars = self.calendars.iter().map(|(name, stamp)| (name.to_string(), *stamp)).collect();
        ReadFile { stem: stem.to_owned(), stamp: self.stamp, jobs: self.jobs.to_vec(), calendars }
    }
}

/// Whose each folder is, and who may write there.
pub(super) type Folders<'a> = HashMap<&'a Path, Option<(u32, u32)>>;

/// The folders that these files are in; each is looked at once.
pub(super) fn folders<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Folders<'a> {
    let mut found = Folders::new();
    for folder in files.filter_map(|path| path.parent()) {
        found.entry(folder).or_insert_with(|| about(folder));
    }
    found
}

/// Whose the folder is, and who may write there.
pub(super) fn about(folder: &Path) -> Option<(u32, u32)> {
    std::fs::metadata(folder).ok().map(|about| (about.uid(), about.mode()))
}

/// What tells whether these files are the same; nothing if that cannot be told.
pub(super) fn stamp<'a>(
    folders: &Folders<'_>,
    paths: impl IntoIterator<Item = &'a (impl AsRef<Path> + 'a)>,
    now: Timestamp,
) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        let path = path.as_ref();
        path.parent().and_then(|folder| folders.get(folder)).hash(&mut hasher);
        let changed_at = hash(path, &mut hasher)?;
        if now.since(changed_at) < SETTLED {
            return None;
        }
    }
    Some(hasher.finish())
}

/// Hashes what tells whether the file at `path`, or the one it links to, is the same; says when that last changed.
pub(super) fn hash(path: &Path, hasher: &mut DefaultHasher) -> Option<Timestamp> {
    path.hash(hasher);
    let about = std::fs::metadata(path).ok()?;
    (about.dev(), about.ino(), about.size(), about.uid(), about.mode()).hash(hasher);
    (about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()).hash(hasher);
    let micros = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000);
    let changed = micros(about.mtime(), about.mtime_nsec()).max(micros(about.ctime(), about.ctime_nsec()));
    Some(Timestamp::from_micros(changed))
}

#[cfg(test)]
mod tests {
    use super::super::{Defaults, Found, Zones, load_changed};
    use super::*;
    use crate::tzdb::Tzdb;

    /// A folder of job files that is looked at again and again, long after whatever was written.
    struct Looked {
        folder: tempfile::TempDir,
        tzdb: Tzdb,
        known: Known,
    }

    impl Looked {
        fn new(files: &[(&str, &str)]) -> Looked {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let looked = Looked { folder, tzdb: Tzdb::bundled(), known: Known::default() };
            for (name, text) in files {
                looked.write(name, text);
            }
            looked
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
            std::fs::write(path, text).expect("a file can be written");
        }

        fn remove(&self, name: &str) {
            std::fs::remove_file(self.path(name)).expect("a file can be removed");
        }

        fn look_at(&mut self, now: Timestamp) -> Found {
            let zones = Zones { tzdb: &self.tzdb, default: "UTC" };
            let dirs = [self.folder.path().to_owned()];
            load_changed(&Defaults::default(), &dirs, None, zones, now, &mut self.known)
        }

        /// What was read, what was not, and for which jobs something is wrong.
        fn look(&mut self) -> [String; 3] {
            let found = self.look_at(crate::clock::wall().plus(Duration::from_secs(60)));
            let listed = |names: Vec<&JobName>| {
                let mut names: Vec<&str> = names.into_iter().map(|name| name.as_str()).collect();
                names.sort_unstable();
                names.join(" ")
            };
            [
                listed(found.jobs.iter().map(|job| &job.name).collect()),
                listed(found.unchanged.iter().collect()),
                listed(found.invalid.iter().filter_map(|file| file.job.as_ref()).collect()),
            ]
        }
    }

    const TRUE: &str = "shell = 'true'\n";

    #[test]
    fn a_file_is_read_again_only_when_it_has_changed() {
        let mut looked = Looked::new(&[("a.toml", TRUE), ("b.toml", TRUE), ("wrong.toml", "shel = 'true'\n")]);
        let now = crate::clock::wall();
        let found = looked.look_at(now);
        assert_eq!((found.jobs.len(), found.unchanged.len(), found.invalid.len()), (2, 0, 1));
        assert_eq!(looked.look(), ["a b", "", "wrong"], "what was just written may change again unseen");
        assert_eq!(looked.look(), ["", "a b", "wrong"]);
        looked.write("b.toml", "shell = 'false'\n");
        assert_eq!(looked.look(), ["b", "a", "wrong"]);
        looked.remove("b.toml");
        assert_eq!(looked.look(), ["", "a", "wrong"]);
    }

    #[test]
    fn a_drop_in_that_comes_changes_or_goes_makes_its_file_be_read_again() {
        let many = "[jobs.one]\nshell = 'true'\n[jobs.two]\nshell = 'true'\n";
        let mut looked = Looked::new(&[("a.toml", TRUE), ("a.d/10.toml", "priority = 2\n"), ("all.toml", many)]);
        assert_eq!(looked.look(), ["a all.one all.two", "", ""]);
        assert_eq!(looked.look(), ["", "a all.one all.two", ""]);
        looked.write("a.d/10.toml", "priority = 31\n");
        assert_eq!(looked.look(), ["", "all.one all.two", "a"], "and what is wrong with it is told");
        looked.write("a.d/10.toml", "priority = 3\n");
        looked.write("all.two.d/x.toml", "priority = 1\n");
        assert_eq!(looked.look(), ["a all.one all.two", "", ""]);
        assert_eq!(looked.look(), ["", "a all.one all.two", ""]);
        looked.remove("a.d/10.toml");
        assert_eq!(looked.look(), ["a", "all.one all.two", ""]);
        looked.remove("all.two.d/x.toml");
        assert_eq!(looked.look(), ["all.one all.two", "a", ""]);
    }

    #[test]
    fn a_calendar_that_comes_changes_or_goes_makes_the_jobs_that_name_it_be_read_again() {
        let closed = "cron = '@daily'\nshell = 'true'\nexclude = ['holidays']\n";
        let mut looked = Looked::new(&[("a.toml", TRUE), ("b.toml", closed)]);
        assert_eq!(looked.look(), ["a", "", "b"], "what is not there is named");
        looked.write("holidays.dates", "2027-12-25\n");
        assert_eq!(looked.look(), ["b", "a", ""]);
        assert_eq!(looked.look(), ["", "a b", ""]);
        looked.write("holidays.dates", "2027-12-24..2027-12-26\n");
        assert_eq!(looked.look(), ["b", "a", ""]);
        looked.write("business.dates", "2027-12-24\n");
        assert_eq!(looked.look(), ["", "a b", ""], "one that nobody names");
        looked.write("holidays.dates", "Christmas\n");
        assert_eq!(looked.look(), ["", "a", "b"]);
        looked.write("holidays.dates", "2027-12-25\n");
        assert_eq!(looked.look(), ["b", "a", ""]);
        looked.remove("holidays.dates");
        assert_eq!(looked.look(), ["", "a", "b"]);
    }

    #[test]
    fn of_two_files_with_one_job_both_are_told_also_if_one_was_known_and_either_heals_it() {
        let all = "[jobs.b]\nshell = 'true'\n[jobs.c]\nshell = 'true'\n";
        let mut looked = Looked::new(&[("a.toml", all), ("z.toml", TRUE)]);
        looked.look();
        assert_eq!(looked.look(), ["", "a.b a.c z", ""]);
        looked.write("a.b.toml", TRUE);
        assert_eq!(looked.look(), ["a.c z", "", "a.b a.b"]);
        assert_eq!(looked.look(), ["a.c z", "", "a.b a.b"], "for as long as it is so");
        looked.remove("a.b.toml");
        assert_eq!(looked.look(), ["a.b a.c z", "", ""]);
        assert_eq!(looked.look(), ["", "a.b a.c z", ""]);
        // One that is wrong may be the one that is meant.
        looked.write("a.b.toml", "shel = 'true'\n");
        assert_eq!(looked.look(), ["a.c z", "", "a.b a.b"]);
        looked.write("a.b.toml", TRUE);
        looked.write("a.toml", "[jobs.c]\nshell = 'true'\n");
        assert_eq!(looked.look(), ["a.b a.c z", "", ""]);
        assert_eq!(looked.look(), ["", "a.b a.c z", ""]);
    }

    #[test]
    fn what_is_told_to_the_next_daemon_is_what_this_one_knows() {
        let closed = "cron = '@daily'\nshell = 'true'\nexclude = ['holidays']\n";
        let odd = "every = '1h'\ncatch_up_max = 2\nshell = 'true'\n";
        let files = [("a.toml", TRUE), ("b.toml", closed), ("odd.toml", odd), ("holidays.dates", "2027-12-25\n")];
        let mut looked = Looked::new(&files);
        looked.look();
        let news = looked.known.take_news("this".to_owned());
        assert_eq!(news.gone, ["odd"], "its warning is to be heard again");
        let stems: Vec<&str> = news.read.iter().map(|file| file.stem.as_str()).collect();
        assert_eq!(stems, ["a", "b"]);
        looked.known = Known::recalled(news.read.clone());
        assert_eq!(looked.look(), ["odd", "a b", ""]);
        looked.known = Known::recalled(news.read);
        looked.write("holidays.dates", "2027-12-26\n");
        assert_eq!(looked.look(), ["b odd", "a", ""]);
        looked.known.take_news(String::new());
        looked.remove("a.toml");
        looked.look();
        let news = looked.known.take_news(String::new());
        assert_eq!((news.gone, news.read.len(), news.is_anew), (vec!["a".to_owned()], 0, false));
        looked.known.forget();
        assert!(looked.known.take_news(String::new()).is_anew);
    }

    #[test]
    fn what_is_masked_is_neither_read_nor_unchanged() {
        let all = "[jobs.b]\nshell = 'true'\n[jobs.c]\nshell = 'true'\n";
        let mut looked = Looked::new(&[("a.toml", all)]);
        looked.look();
        std::os::unix::fs::symlink("/dev/null", looked.path("a.b.toml")).expect("a link can be made");
        assert_eq!(looked.look(), ["", "a.c", ""]);
        looked.remove("a.b.toml");
        // The engine, which has retired it, says that it does not know it.
        assert_eq!(looked.look(), ["", "a.b a.c", ""]);
    }
}
