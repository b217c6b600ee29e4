//! Calendars: files `NAME.dates` beside the jobs that name them, one date or one range of dates a line. What is in them
//! becomes part of the definitions; here is only where they are, what they say and what is wrong with that.
//!
//! A calendar that is wrong is never half a calendar: whoever names it is told so, and is wrong too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::search::{self, Text};
use super::syntax::{Faults, MAX_LISTED, not_listed};
use super::{InvalidFile, diagnostics};
use crate::model::definition::{DateRange, Dates};
use crate::model::invalid::{Fault, Problem};
use crate::model::nearest::nearest;

/// How names of such files end.
pub(super) const END: &str = ".dates";
/// How many dates and ranges one calendar may have.
const MAX_DATES: usize = 10_000;

/// The calendars of some folders, by name.
#[derive(Debug, Default)]
pub(crate) struct Calendars {
    by_name: BTreeMap<String, Calendar>,
}

#[derive(Debug)]
struct Calendar {
    path: PathBuf,
    dates: Result<Dates, Vec<Problem>>,
}

impl Calendars {
    /// Reads the files of these names.
    pub(super) fn read(files: &BTreeMap<String, PathBuf>) -> Calendars {
        let read = |(name, path): (&String, &PathBuf)| {
            let dates = dates(name, path);
            (name.clone(), Calendar { path: path.clone(), dates })
        };
        Calendars { by_name: files.iter().map(read).collect() }
    }

    /// The dates of the calendar of that name; or what is wrong with naming it at `at`.
    pub(super) fn get(&self, name: &str, at: (usize, usize)) -> Result<&Dates, Fault> {
        match self.by_name.get(name) {
            Some(Calendar { dates: Ok(dates), .. }) => Ok(dates),
            Some(Calendar { path, .. }) => {
                let fault = Fault::new(at, format!("the calendar `{name}` cannot be read"));
                Err(fault.hint(format!("see what is wrong with `{}`", path.display())))
            }
            None => {
                let known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
                let fault = Fault::new(at, format!("there is no calendar `{name}`"));
                Err(match nearest(name, &known) {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => fault.hint(format!("write its dates into a file `{name}{END}` beside the jobs")),
                })
            }
        }
    }

    /// The files that cannot be read.
    pub(super) fn invalid(&self) -> impl Iterator<Item = InvalidFile> {
        self.by_name.values().filter_map(|Calendar { path, dates }| {
            let problems = dates.as_ref().err()?.clone();
            Some(InvalidFile { path: path.display().to_string(), job: None, problems })
        })
    }
}

fn dates(name: &str, path: &Path) -> Result<Dates, Vec<Problem>> {
    let Text { bytes, .. } = search::text(path, None).map_err(|fault| vec![diagnostics::problem(path, &[], &fault)])?;
    let (ranges, faults) = ranges(&bytes);
    if faults.is_empty() {
        return Ok(Dates::new(name, ranges));
    }
    let n_more = faults.n_more();
    let mut listed = faults.into_listed();
    listed.extend((n_more > 0).then(|| Fault::new((bytes.len(), bytes.len()), not_listed(n_more, "problem"))));
    Err(listed.iter().map(|fault| diagnostics::problem(path, &bytes, fault)).collect())
}

fn ranges(bytes: &[u8]) -> (Vec<DateRange>, Faults) {
    let (mut ranges, mut faults) = (Vec::new(), Faults::within(MAX_LISTED));
    let mut begin = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let from = begin;
        begin += line.len();
        let end = line.iter().position(|byte| *byte == b'#').unwrap_or(line.len());
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || (from == 0 && b"\xef\xbb\xbf".contains(byte));
        let Some(first) = line[..end].iter().position(|byte| !is_blank(byte)) else { continue };
        let last = line[..end].iter().rposition(|byte| !is_blank(byte)).unwrap_or(first);
        let at = (from + first, from + last + 1);
        if ranges.len() == MAX_DATES {
            faults.push(Fault::new(at, format!("a calendar has at most {MAX_DATES} dates and ranges")));
            break;
        }
        match String::from_utf8_lossy(&line[first..=last]).parse::<DateRange>() {
            Ok(range) => ranges.push(range),
            Err(error) => faults.push(Fault::new(at, error.to_string())),
        }
    }
    (ranges, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_date_a_range_a_remark_or_nothing() {
        let text = "\u{feff}# holidays\r\n2027-12-25  # Christmas\r\n\n  2027-12-31..2028-01-01\n2027-05-01";
        let (ranges, faults) = ranges(text.as_bytes());
        let shown: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["2027-12-25", "2027-12-31..2028-01-01", "2027-05-01"]);
        assert!(faults.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = b"2027-12-25\n 25.12.2027 # that way\n2027-02-29\n2027-02-02..2027-02-01\n\xff\n";
        let problems = ranges(text).1.into_listed();
        let path = Path::new("h.dates");
        let lines: Vec<String> =
            problems.iter().map(|fault| diagnostics::problem(path, text, fault).to_string()).collect();
        let wrong = "is not a date as in `2027-12-25`, nor a range as in `2027-12-24..2027-12-31`";
        assert_eq!(lines[0], format!("h.dates:2:2: `25.12.2027` {wrong}"));
        assert_eq!(lines[1], format!("h.dates:3:1: `2027-02-29` {wrong}"));
        assert_eq!(lines[2], "h.dates:4:1: `2027-02-02..2027-02-01` ends before it begins");
        assert_eq!(lines.len(), 4);
    }
}
