//! Whether the captured output of an attempt is what its task's `success` asks for. Linear in the output, whatever the
//! expressions.

use crate::model::definition::Success;
use crate::model::expression::{Expressions, Mode, shown};

/// What `output` lacks, or has too much of; nothing if it will do.
pub fn unmet(success: &Success, output: &str, expressions: &mut Expressions) -> Option<String> {
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
    let mode = Mode::Lines { any_case };
    for text in &success.required_regex {
        match expressions.matches(text, mode, output) {
            Ok(true) => {}
            Ok(false) => return Some(format!("`{}` matches nothing in the output", shown(text))),
            Err(error) => return Some(error),
        }
    }
    for text in &success.forbidden_regex {
        match expressions.matches(text, mode, output) {
            Ok(false) => {}
            Ok(true) => return Some(format!("`{}`, which is forbidden, matches in the output", shown(text))),
            Err(error) => return Some(error),
        }
    }
    let least = success.min_word_count? as usize;
    let n_words = output.split_whitespace().take(least).count();
    (n_words < least).then(|| format!("the output has {n_words} words, and {least} are required"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn check(success: &Success, output: &str, expected: Option<&str>) {
        let found = unmet(success, output, &mut Expressions::default());
        assert_eq!(found.as_deref(), expected, "{success:?} of {output:?}");
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
    fn no_expression_takes_long() {
        let evil = Success { required_regex: texts(&["(a|aa)+$", "(x+x+)+y"]), ..Success::default() };
        check(&evil, &"a".repeat(64 << 10), Some("`(x+x+)+y` matches nothing in the output"));
    }
}
