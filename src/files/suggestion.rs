//! What was probably meant: the nearest known word, the word of another scheduler, the place where a key belongs.

use super::keys::{Keys, NOTES, SYNONYMS};
use super::syntax::{Entry, Language};
use crate::model::invalid::Fault;
use crate::model::nearest::nearest;

/// The fault that `entry` is not among the known keys of its table.
pub(crate) fn unknown_key(entry: &Entry, keys: &Keys, language: Language) -> Fault {
    let key = entry.key.as_str();
    let known = keys.known;
    if keys.later.contains(&key) {
        return Fault::new(entry.key_span, format!("`{key}` is not supported by this version"));
    }
    if let Some(above) = keys.above.filter(|above| above.known.contains(&key)) {
        return Fault::new(entry.key_span, format!("`{key}` is a key of {}, not of {}", above.owner, keys.what)).hint(
            match language {
                Language::Toml => "move it above the first `[`-table",
                Language::Yaml => "indent it like the keys of the top level",
                Language::Json => "move it out of this object, to the top level",
            },
        );
    }
    let fault = Fault::new(entry.key_span, format!("unknown key `{key}` in {}", keys.what));
    if let Some((_, _, note)) = NOTES.iter().find(|(what, word, _)| *what == keys.what && *word == key) {
        return fault.hint(*note);
    }
    let synonym = SYNONYMS.iter().find(|(word, meant)| *word == key && known.contains(meant));
    match synonym {
        Some((_, meant)) => fault.hint(format!("did you mean `{meant}`?")),
        None if nearest(key, known).is_none() && known.len() <= 8 => fault.hint(format!("it knows {}", listed(known))),
        None => suggest(fault, key, known),
    }
}

/// The fault, with the nearest of `known` as its hint if one is near.
pub(crate) fn suggest(fault: Fault, word: &str, known: &[&str]) -> Fault {
    match nearest(word, known) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// Whether `entry` is most likely one of `keys`, misspelt or in the words of another scheduler.
pub(crate) fn was_meant(entry: &Entry, keys: &[&str]) -> bool {
    let synonym = SYNONYMS.iter().any(|(word, meant)| *word == entry.key && keys.contains(meant));
    synonym || nearest(&entry.key, keys).is_some()
}

/// The words as a sentence lists them: "`a`, `b` or `c`".
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
