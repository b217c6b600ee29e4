//! Regular expressions and those of them that are kept compiled, because compiling one costs more than most searches,
//! and the same few are asked for again and again. The answer is the same without what is kept.
//!
//! They are automata without backtracking, so a search is linear in the text, whatever the expression. What one may
//! take is bounded when it is compiled, and what all that are kept may take is bounded here: who was not asked for
//! longest goes first.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

/// How much of a text or expression is repeated to people, in characters.
const MAX_SHOWN: usize = 80;
/// How large an expression may be when it is compiled, in bytes, first as most are, then at most; and what its searches
/// may keep to be fast.
const SIZES: [(usize, usize); 2] = [(64 << 10, 256 << 10), (1 << 20, 1 << 20)];
/// What all that are kept may take, in bytes.
const MAX_KEPT: usize = 32 << 20;

/// What an expression is matched with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// One value: `^` and `$` are its ends.
    Value,
    /// Lines: `^` and `$` are the ends of one.
    Lines {
        /// Small and capital letters are alike.
        any_case: bool,
    },
}

#[derive(Debug)]
struct Kept {
    regex: Regex,
    n_bytes: usize,
    asked: u64,
}

/// Matches expressions, and keeps those that it has compiled.
#[derive(Debug, Default)]
pub struct Expressions {
    kept: HashMap<(String, Mode), Kept>,
    n_bytes: usize,
    /// How often any was asked for.
    n_asked: u64,
    #[cfg(test)]
    n_compiled: u64,
}

impl Expressions {
    /// Whether the expression matches anywhere in `text`; or why it is none.
    pub fn matches(&mut self, expression: &str, mode: Mode, text: &str) -> Result<bool, String> {
        self.n_asked += 1;
        let key = (expression.to_owned(), mode);
        if let Some(kept) = self.kept.get_mut(&key) {
            kept.asked = self.n_asked;
            return Ok(kept.regex.is_match(text));
        }
        let (regex, n_bytes) = sized(expression, mode)?;
        #[cfg(test)]
        (self.n_compiled += 1);
        let is_match = regex.is_match(text);
        self.make_room(n_bytes);
        self.n_bytes += n_bytes;
        self.kept.insert(key, Kept { regex, n_bytes, asked: self.n_asked });
        Ok(is_match)
    }

    /// How often any was asked for.
    #[cfg(test)]
    pub(crate) fn n_asked(&self) -> u64 {
        self.n_asked
    }

    /// How often one was compiled.
    #[cfg(test)]
    pub(crate) fn n_compiled(&self) -> u64 {
        self.n_compiled
    }

    fn make_room(&mut self, n_bytes: usize) {
        while self.n_bytes + n_bytes > MAX_KEPT {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.asked).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.n_bytes -= self.kept.remove(&oldest).map_or(0, |kept| kept.n_bytes);
        }
    }
}

/// Whether the expression is one, and small enough; otherwise why not.
pub fn check(expression: &str, mode: Mode) -> Result<(), String> {
    sized(expression, mode).map(drop)
}

/// The expression, compiled, and the most that it takes.
fn sized(expression: &str, mode: Mode) -> Result<(Regex, usize), String> {
    for (size, cache) in SIZES {
        let mut builder = RegexBuilder::new(expression);
        match mode {
            Mode::Value => {}
            Mode::Lines { any_case } => drop(builder.multi_line(true).case_insensitive(any_case)),
        }
        match builder.size_limit(size).dfa_size_limit(cache).build() {
            Ok(regex) => return Ok((regex, size + cache + expression.len())),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => {
                // The crate draws the expression with a caret below it; the last line says what is wrong.
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                return Err(last.strip_prefix("error: ").unwrap_or(last).to_owned());
            }
        }
    }
    Err(format!("`{}` is too large when it is compiled", shown(expression)))
}

/// Enough of a text to know it by, on one line.
pub fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().map(plain).take(MAX_SHOWN).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Mode = Mode::Lines { any_case: false };

    #[test]
    fn no_expression_takes_long_or_much() {
        assert!(check(r"\w{5000}", LINES).is_err_and(|error| error.ends_with("is too large when it is compiled")));
        assert!(check("(a", LINES).is_err_and(|error| error == "unclosed group"));
        assert_eq!(check(r"\w{10}", Mode::Value), Ok(()));
        let mut expressions = Expressions::default();
        assert_eq!(expressions.matches("(x+x+)+y", LINES, &"x".repeat(64 << 10)), Ok(false));
    }

    #[test]
    fn the_mode_says_what_the_ends_are_and_which_letters_are_alike() {
        let mut expressions = Expressions::default();
        for (mode, expected) in
            [(Mode::Value, false), (LINES, false), (Mode::Lines { any_case: true }, true), (Mode::Value, false)]
        {
            assert_eq!(expressions.matches("^b$", mode, "a\nB"), Ok(expected), "{mode:?}");
        }
        assert_eq!(expressions.matches("^b$", LINES, "a\nb"), Ok(true));
        assert_eq!(expressions.matches("^b$", Mode::Value, "a\nb"), Ok(false));
    }

    #[test]
    fn what_is_asked_for_again_is_not_compiled_again() {
        let mut expressions = Expressions::default();
        for _ in 0..3 {
            for number in 0..64 {
                assert_eq!(expressions.matches(&format!("^{number}$"), LINES, &format!("{number}\n")), Ok(true));
            }
        }
        assert_eq!(expressions.n_compiled, 64);
    }

    #[test]
    fn what_is_kept_is_bounded_and_who_was_not_asked_for_longest_goes() {
        let mut expressions = Expressions::default();
        for number in 0..500 {
            for text in ["always", &number.to_string()] {
                assert_eq!(expressions.matches(text, LINES, text), Ok(true));
            }
            assert!(expressions.n_bytes <= MAX_KEPT, "after {number}");
        }
        assert_eq!(expressions.n_compiled, 501);
        assert!(expressions.kept.len() < 500);
    }
}
