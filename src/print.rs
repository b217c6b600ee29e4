//! The one file that prints: stdout is data, stderr is talk. A reader that has gone away (`| head`) ends the program
//! quietly, as SIGPIPE would; data that cannot be written for any other reason ends it with code 1, because nobody must take
//! half an answer for a whole one.
//!
//! Nothing that a task wrote or a file names steers a terminal: control characters are shown and not obeyed, but for line
//! ends, tabs and colours. Colours are for terminals only, and for none that `NO_COLOR` or `TERM=dumb` speaks for.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

/// How wide a terminal is taken to be that does not say.
const WIDTH: usize = 80;

/// When words are coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal that takes it, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Wherever it goes
    Always,
    /// Nowhere
    Never,
}

/// Decides for the whole program.
pub fn colour(choice: Colour) {
    match choice {
        Colour::Auto => ColorChoice::Auto.write_global(),
        Colour::Always => ColorChoice::Always.write_global(),
        Colour::Never => ColorChoice::Never.write_global(),
    }
}

/// Whether data may be coloured.
pub fn colours_data() -> bool {
    AutoStream::choice(&std::io::stdout()) != ColorChoice::Never
}

/// Writes data: to a terminal harmless, to anything else as it is, without colours.
pub fn data(text: &str) {
    let mut out = anstream::stdout().lock();
    let wrote = match shows_data_on_terminal() {
        true => out.write_all(harmless(text).as_bytes()),
        false => out.write_all(text.as_bytes()),
    };
    conclude(wrote.and_then(|()| out.flush()));
}

/// Writes what a task wrote: to a terminal without anything that it would obey, to anything else byte for byte.
pub fn output(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let wrote = match shows_data_on_terminal() {
        true => {
            let text = String::from_utf8_lossy(bytes);
            text.split_inclusive('\n').try_for_each(|line| match line.strip_suffix('\n') {
                Some(line) => writeln!(out, "{}", plain(line)),
                None => write!(out, "{}", plain(line)),
            })
        }
        false => out.write_all(bytes),
    };
    conclude(wrote.and_then(|()| out.flush()));
}

fn conclude(wrote: std::io::Result<()>) {
    match wrote {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(141),
        Err(error) => {
            talk(&format!("error: cannot write to stdout: {error}"));
            std::process::exit(1);
        }
    }
}

/// Writes data that is no text, to its end; an error is one of reading it.
pub fn stream(from: &mut impl std::io::Read) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        conclude(out.write_all(&buffer[..n]).and_then(|()| out.flush()));
    }
}

/// Writes one line of talk. Nobody reads an error about not being able to say an error.
pub fn talk(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", harmless(text));
}

/// Whether data goes to a terminal, where a person reads it.
pub fn shows_data_on_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether talk goes to a terminal, where a line may be drawn again.
pub fn talks_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// How many columns the terminal of the data has; nothing if it goes to none.
pub fn columns() -> Option<usize> {
    shows_data_on_terminal().then(|| match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        Ok(_) | Err(_) => WIDTH,
    })
}

/// Draws a line of talk over the one before, without ending it.
pub fn status_line(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "\r\x1b[2K{}", plain(text)).and_then(|()| err.flush());
}

/// Draws data over what the terminal shows: from the top, each line cleared, and what is below it too.
pub fn screen(text: &str) {
    let colours = colours_data();
    let mut out = std::io::stdout().lock();
    let lines = harmless(text).replace('\n', "\x1b[K\r\n");
    let lines = if colours { lines } else { without_colours(&lines) };
    conclude(write!(out, "\x1b[H{lines}\x1b[J").and_then(|()| out.flush()));
}

fn without_colours(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        left.push_str(&rest[..at]);
        let length = colour_at(&rest[at..]);
        left.push_str(if length == 0 { "\x1b" } else { "" });
        rest = &rest[at + length.max(1)..];
    }
    left.push_str(rest);
    left
}

/// `text` with everything escaped that a terminal would obey instead of show: control characters, and those that turn the
/// direction of writing. A tab stays.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| show(c, &mut shown));
    shown
}

/// The same, but line ends and colours stay too.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = colour_at(rest);
        if colour > 0 {
            shown.push_str(&rest[..colour]);
            rest = &rest[colour..];
            continue;
        }
        match c {
            '\n' => shown.push(c),
            _ => show(c, &mut shown),
        }
        rest = &rest[c.len_utf8()..];
    }
    shown
}

fn show(c: char, shown: &mut String) {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    if (c.is_control() && c != '\t') || turns {
        write!(shown, "{}", c.escape_unicode()).expect("because text takes text");
    } else {
        shown.push(c);
    }
}

/// How many bytes at the beginning of `text` are a change of colour, `ESC [ 1 ; 31 m`.
fn colour_at(text: &str) -> usize {
    let Some(numbers) = text.strip_prefix("\x1b[") else { return 0 };
    let n = numbers.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if numbers.as_bytes().get(n) == Some(&b'm') { n + 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        for (text, expected) in [
            ("plain ü 漢", "plain ü 漢"),
            ("a\tb", "a\tb"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\rb\0", "a\\u{d}b\\u{0}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn of_all_that_a_terminal_obeys_only_line_ends_and_colours_stay() {
        for (text, expected) in [
            ("a\n\u{1b}[31mred\u{1b}[0m\n", "a\n\u{1b}[31mred\u{1b}[0m\n"),
            ("\u{1b}[1;32mx\u{1b}[2J", "\u{1b}[1;32mx\\u{1b}[2J"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}", "\\u{1b}"),
        ] {
            assert_eq!(harmless(text), expected);
        }
        assert_eq!(without_colours("\u{1b}[1;32mx\u{1b}[0m\u{1b}[K"), "x\u{1b}[K");
    }
}
