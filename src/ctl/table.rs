//! Lays out what people read: columns under their heads, or one detail a line. A terminal gets columns that fit it, the
//! widest cut with `…`, and coloured states; anything else gets every cell whole, with a tab between cells. Ids are never
//! cut: half an id may mean another thing.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::view::View;
use crate::print::plain;

/// Between columns.
const GAP: usize = 2;
/// No column is cut below this.
const NARROW: usize = 6;

/// Columns without borders, under their heads.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, view: &View) -> String {
    let heads = header.iter().map(|head| head.to_uppercase()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(heads).chain(rows.map(|row| row.iter().map(|cell| one_line(cell)).collect())).collect();
    let Some(columns) = view.columns else {
        return rows.iter().map(|row| format!("{}\n", row.join("\t"))).collect();
    };
    let widths = fit(header, &rows, columns);
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        let mut behind = 0;
        for ((cell, width), head) in row.iter().zip(&widths).zip(header) {
            line.push_str(&" ".repeat(behind));
            let cell = cut(cell, *width);
            behind = width.saturating_sub(cell.width()) + GAP;
            line.push_str(&if index > 0 && is_state(head) { painted(&cell, view) } else { cell });
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// One line of a stream, whose other lines nobody knows yet: columns of these widths, the last as wide as it is.
pub(crate) fn line(cells: &[String], widths: &[usize], view: &View) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| one_line(cell)).collect();
    let Some(columns) = view.columns else { return format!("{}\n", cells.join("\t").trim_end_matches('\t')) };
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))));
    let line = padded.collect::<Vec<_>>().join(&" ".repeat(GAP));
    format!("{}\n", cut(line.trim_end(), columns))
}

/// One line for each detail; what has several lines goes on below, indented.
pub(crate) fn block(details: &[(&'static str, String)], view: &View) -> String {
    let width = details.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    let mut text = String::new();
    for (name, value) in details {
        let mut lines = value.trim_end_matches('\n').split('\n').map(plain);
        let first = lines.next().unwrap_or_default();
        let first = if is_state(name) { painted(&first, view) } else { first };
        text.push_str(format!("{:width$}{first}", format!("{name}:")).trim_end());
        text.push('\n');
        for line in lines {
            text.push_str(format!("{:width$}{line}", "").trim_end());
            text.push('\n');
        }
    }
    text
}

/// A cell is on one line and holds no tab, whatever it says.
fn one_line(cell: &str) -> String {
    plain(cell.trim_end()).replace("\\u{a}", " ").replace('\t', " ")
}

/// How wide each column may be, so that the table fits.
fn fit(header: &[&str], rows: &[Vec<String>], columns: usize) -> Vec<usize> {
    let width_of = |index: usize| rows.iter().map(|row| row[index].width()).max().unwrap_or_default();
    let mut widths: Vec<usize> = (0..header.len()).map(width_of).collect();
    let gaps = GAP * header.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > columns {
        let free = widths.iter_mut().zip(header).filter(|(width, head)| **head != "id" && **width > NARROW);
        match free.max_by_key(|(width, _)| **width) {
            Some((widest, _)) => *widest -= 1,
            None => break,
        }
    }
    widths
}

/// `text` within `width` columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        match left.checked_sub(c.width().unwrap_or_default()) {
            Some(rest) => left = rest,
            None => break,
        }
        shown.push(c);
    }
    shown.push('…');
    shown
}

fn is_state(head: &str) -> bool {
    matches!(head, "state" | "last run")
}

/// The text, its first word coloured as the state that it is.
fn painted(text: &str, view: &View) -> String {
    let word = text.split([' ', '…']).next().unwrap_or_default();
    let colour = match word {
        "completed" | "enabled" | "active" | "delivered" => AnsiColor::Green,
        "failed" | "dead" | "invalid" => AnsiColor::Red,
        "running" | "compensating" => AnsiColor::Cyan,
        "queued" | "blocked" | "waiting" | "retrying" | "cancelled" | "paused" | "disabled" => AnsiColor::Yellow,
        _ => return text.to_owned(),
    };
    if !view.colours {
        return text.to_owned();
    }
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{word}{style:#}{}", &text[word.len()..])
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::model::timestamp::Timestamp;

    fn check(columns: Option<usize>, colours: bool, expected: &str) {
        let view = View { columns, colours, ..View::of_a_program(Timestamp::from_micros(0), TimeZone::UTC) };
        let rows = [
            ["nightly", "0193a7c4", "failed (timeout)", "a long story\nin two lines"],
            ["漢字漢字", "00000001", "completed", "\u{1b}[2J\t"],
        ];
        let rows = rows.into_iter().map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["job", "id", "state", "error"], rows, &view), expected, "{columns:?}");
    }

    #[test]
    fn off_a_terminal_cells_are_whole_and_a_tab_is_between_them() {
        check(
            None,
            false,
            "JOB\tID\tSTATE\tERROR\nnightly\t0193a7c4\tfailed (timeout)\ta long story in two lines\n\
             漢字漢字\t00000001\tcompleted\t\\u{1b}[2J\n",
        );
    }

    #[test]
    fn on_a_terminal_the_widest_column_gives_way() {
        check(
            Some(80),
            false,
            "JOB       ID        STATE             ERROR\n\
             nightly   0193a7c4  failed (timeout)  a long story in two lines\n\
             漢字漢字  00000001  completed         \\u{1b}[2J\n",
        );
        check(
            Some(44),
            false,
            "JOB       ID        STATE        ERROR\n\
             nightly   0193a7c4  failed (ti…  a long sto…\n\
             漢字漢字  00000001  completed    \\u{1b}[2J\n",
        );
        check(
            Some(10),
            false,
            "JOB     ID        STATE   ERROR\nnight…  0193a7c4  faile…  a lon…\n漢字…   00000001  compl…  \\u{1b…\n",
        );
    }

    #[test]
    fn states_have_colours_and_columns_stay_in_line() {
        check(
            Some(80),
            true,
            "JOB       ID        STATE             ERROR\n\
             nightly   0193a7c4  \u{1b}[31mfailed\u{1b}[0m (timeout)  a long story in two lines\n\
             漢字漢字  00000001  \u{1b}[32mcompleted\u{1b}[0m         \\u{1b}[2J\n",
        );
    }

    #[test]
    fn a_detail_of_several_lines_stays_in_its_column() {
        let view = View::of_a_program(Timestamp::from_micros(0), TimeZone::UTC);
        let details = [("error", "first\nsecond\n".to_owned()), ("id", "7".to_owned())];
        assert_eq!(block(&details, &view), "error: first\n       second\nid:    7\n");
    }
}
