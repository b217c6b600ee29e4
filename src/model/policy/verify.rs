//! Whether the captured output of an attempt is what its task's `success` asks for. Linear in the output, whatever the
//! expressions: they are automata without backtracking, bounded in size when the file is read and again here.
//!
//! Compiling an expression costs more than most searches, and the same few are asked for again and again, so the last
//! ones are kept, per thread. That is a memory of this file and no state: the answer is the same without it.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use crate::model::definition::Success;

/// The most memory that one compiled expression may take, in bytes.
const MAX_COMPILED: usize = 1 << 20;
/// How many compiled expressions are kept.
const MAX_KEPT: usize = 32;
/// How much of a text or expression is repeated to people, in characters.
const MAX_SHOWN: usize = 80;

thread_local! {
    static KEPT: RefCell<HashMap<(String, bool), Regex>> = RefCell::new(HashMap::new());
}

/// The expression, compiled; `^` and `$` are the ends of a line.
pub fn compile(text: &str, case_insensitive: bool) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(text);
    builder.multi_line(true).case_insensitive(case_insensitive).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED);
    builder.build().map_err(|error| {
        if let regex::Error::CompiledTooBig(_) = error {
            return format!("`{}` is too large when it is compiled", shown(text));
        }
        // The crate draws the expression with a caret below it; the last line says what is wrong.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        last.strip_prefix("error: ").unwrap_or(last).to_owned()
    })
}

/// What `output` lacks, or has too much of; nothing if it will do.
pub fn unmet(success: &Success, output: &str) -> Option<String> {
    if success.is_empty() {
        return None;
    }
    let any_case = success.case_insensitive;
    let folded = any_case.then(|| output.to_lowercase());
    let lacks = |text: &&String| match &folded {
        Some(folded) => !folded.contains(&text.to_lowercase()),
        None => !output.contains(text.as_str()),
    };
    if let Some(text) = success.required_substrings.iter().find(lacks) {
        return Some(format!("`{}` is not in the output", shown(text)));
    }
    for text in &success.required_regex {
        match matches(text, any_case, output) {
            Ok(true) => {}
            Ok(false) => return Some(format!("`{}` matches nothing in the output", shown(text))),
            Err(error) => return Some(error),
        }
    }
    for text in &success.forbidden_regex {
        match matches(text, any_case, output) {
            Ok(false) => {}
            Ok(true) => return Some(format!("`{}`, which is forbidden, matches in the output", shown(text))),
            Err(error) => return Some(error),
        }
    }
    let least = success.min_word_count? as usize;
    let n_words = output.split_whitespace().take(least).count();
    (n_words < least).then(|| format!("the output has {n_words} words, and {least} are required"))
}

fn matches(text: &str, case_insensitive: bool, output: &str) -> Result<bool, String> {
    KEPT.with_borrow_mut(|kept| {
        let key = (text.to_owned(), case_insensitive);
        if let Some(regex) = kept.get(&key) {
            return Ok(regex.is_match(output));
        }
        let regex = compile(text, case_insensitive)?;
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        Ok(kept.entry(key).or_insert(regex).is_match(output))
    })
}

fn shown(text: &str) -> String {
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

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn check(success: &Success, output: &str, expected: Option<&str>) {
        for _ in 0..2 {
            assert_eq!(unmet(success, output).as_deref(), expected, "{success:?} of {output:?}");
        }
    }

    #[test]
    fn every_criterion_is_asked_and_the_first_that_is_not_met_is_named() {
        let any = Success::default();
        check(&any, "", None);
        let substrings = Success { required_substrings: texts(&["rows", "done"]), ..any.clone() };
        check(&substrings, "12 rows\ndone\n", None);
        check(&substrings, "12 rows\nDone\n", Some("`done` is not in the output"));
        let required = Success { required_regex: texts(&[r"^\s*[1-9]\d*$"]), ..any.clone() };
        check(&required, "begin\n 12\nend", None);
        check(&required, "begin\n 0\nend 12 x", Some(r"`^\s*[1-9]\d*$` matches nothing in the output"));
        let forbidden = Success { forbidden_regex: texts(&["(?i)error"]), ..any.clone() };
        check(&forbidden, "all well", None);
        check(&forbidden, "ERROR: no", Some("`(?i)error`, which is forbidden, matches in the output"));
        let words = Success { min_word_count: Some(3), ..any };
        check(&words, " a b\n c d", None);
        check(&words, " a b\n", Some("the output has 2 words, and 3 are required"));
    }

    #[test]
    fn case_is_looked_at_unless_it_is_not_to_be() {
        let mut success = Success {
            required_substrings: texts(&["ÄHRE"]),
            required_regex: texts(&["^ok$"]),
            forbidden_regex: texts(&["fail"]),
            ..Success::default()
        };
        check(&success, "ähre\nOK\nFAIL", Some("`ÄHRE` is not in the output"));
        success.case_insensitive = true;
        check(&success, "ähre\nOK\n", None);
        check(&success, "ähre\nOK\nFAIL", Some("`fail`, which is forbidden, matches in the output"));
    }

    #[test]
    fn no_expression_takes_long_or_much() {
        assert!(compile(r"\w{5000}", false).is_err_and(|error| error.ends_with("is too large when it is compiled")));
        assert!(compile("(a", false).is_err_and(|error| error == "unclosed group"));
        let evil = Success { required_regex: texts(&["(a|aa)+$", "(x+x+)+y"]), ..Success::default() };
        check(&evil, &"a".repeat(64 << 10), Some("`(x+x+)+y` matches nothing in the output"));
    }

    #[test]
    fn more_expressions_than_are_kept_are_answered_all_the_same() {
        for round in 0..3 {
            for number in 0..MAX_KEPT * 2 {
                let success = Success { required_regex: vec![format!("^{number}$")], ..Success::default() };
                assert_eq!(unmet(&success, &format!("{number}\n")), None, "{round}");
            }
        }
    }
}
