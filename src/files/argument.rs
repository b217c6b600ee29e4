//! What may be handed to a process: texts of a shell, elements of argv, variables of the environment. Here is what the
//! kernel refuses, what would be no variable, and where a template is meant that this version would pass on literally.

use super::reading::{Fields, Reading};
use super::syntax::{Entry, Node, NodeValue, Span};
use crate::model::invalid::Fault;

/// The longest string that Linux takes as one argument or variable, its closing NUL not counted (`MAX_ARG_STRLEN`).
const MAX_ARGUMENT: usize = 131_071;
/// What begins a template of ours, after `{{`.
const SCOPES: &[&str] = &["params", "tasks", "trigger", "run", "item", "state", "scheduled_at"];

/// The text for `/bin/sh -c` in this entry; `way` is how it gets at values instead of by template.
pub(crate) fn shell(reading: &Reading<'_>, entry: &Entry, way: &str) -> Option<String> {
    let text = reading.full_text(&entry.key, &entry.node)?;
    whole(reading, &entry.key, &entry.node, text, 0)?;
    if let Some((part, scope)) = template(text) {
        let message =
            format!("values never reach a shell as text, so `{{{{ {scope}` has no meaning in `{}`", entry.key);
        reading.fault(Fault::new(reading.within(&entry.node, part), message).hint(way));
        return None;
    }
    Some(text.to_owned())
}

/// The program and its arguments in this entry.
pub(crate) fn command(reading: &Reading<'_>, entry: &Entry) -> Option<Vec<String>> {
    if let NodeValue::Text(line) = &entry.node.value {
        let words: Vec<String> = line.split_whitespace().map(|word| format!("{word:?}")).collect();
        let fault = Fault::new(entry.node.span, format!("`{}` must be a list, found a string", entry.key));
        let way = "for a command line use `shell`; a list is a program and its arguments";
        reading.fault(fault.hint(if words.len() > 8 {
            way.to_owned()
        } else {
            format!("{way}: [{}]", words.join(", "))
        }));
        return None;
    }
    let elements = reading.texts(&entry.key, &entry.node)?;
    match elements.first() {
        None => {
            let fault = Fault::new(entry.node.span, format!("`{}` names no program", entry.key));
            reading.fault(fault.hint("write the program and its arguments, as in [\"echo\", \"hello\"]"));
            return None;
        }
        Some((program, node)) if program.trim().is_empty() => {
            reading.fault(Fault::new(node.span, format!("the first element of `{}` names no program", entry.key)));
            return None;
        }
        Some(_) => {}
    }
    let checked = elements.iter().map(|(text, node)| {
        whole(reading, &entry.key, node, text, 0)?;
        templated(reading, &entry.key, node, text)?;
        Some((*text).to_owned())
    });
    let checked: Vec<_> = checked.collect();
    checked.into_iter().collect()
}

/// What is given on standard input.
pub(crate) fn stdin(fields: &Fields<'_>) -> Option<String> {
    fields.text("stdin").map(str::to_owned)
}

/// Reports what the kernel would refuse in `text`, whose variable's name takes `n_more` bytes more.
pub(crate) fn whole(reading: &Reading<'_>, name: &str, node: &Node, text: &str, n_more: usize) -> Option<()> {
    if let Some(at) = text.find('\0') {
        let message = format!("`{name}` holds a NUL byte, which no process can be given");
        reading.fault(Fault::new(reading.within(node, (at, at + 1)), message));
        return None;
    }
    if text.len() + n_more > MAX_ARGUMENT {
        let message = format!("`{name}` is longer than the {MAX_ARGUMENT} bytes that the kernel takes at once");
        reading.fault(Fault::new(node.span, message).hint("keep it in a file, or give it on `stdin`"));
        return None;
    }
    Some(())
}

/// Takes note of a template where one is allowed, and reports it elsewhere: passing it on literally would surprise whoever
/// wrote it.
pub(crate) fn templated(reading: &Reading<'_>, name: &str, node: &Node, text: &str) -> Option<()> {
    if reading.takes_template(name, node) {
        return Some(());
    }
    let Some((part, scope)) = template(text) else { return Some(()) };
    let message = format!("`{name}` takes no template in this version, found `{{{{ {scope}`");
    reading.fault(Fault::new(reading.within(node, part), message));
    None
}

/// Whether `name` is a variable that a file may set; otherwise why not.
pub(crate) fn variable(name: &str) -> Result<(), String> {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let plain =
        name.as_bytes().first().is_some_and(letter) && name.bytes().all(|byte| letter(&byte) || byte.is_ascii_digit());
    if !plain {
        return Err(format!("`{name}` is not a variable's name: letters, digits and `_`, no digit first"));
    }
    if name.starts_with("CAMPANILE_") {
        return Err(format!("`{name}` is set by Campanile itself"));
    }
    Ok(())
}

/// The first template in `text`: its opening bytes, and the scope that it begins with.
fn template(text: &str) -> Option<(Span, &'static str)> {
    text.match_indices("{{").find_map(|(at, _)| {
        let rest = &text[at + 2..];
        let inner = rest.trim_start_matches(['-', '+']).trim_start();
        let scope = SCOPES.iter().find(|scope| {
            inner
                .strip_prefix(**scope)
                .is_some_and(|after| !after.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
        })?;
        let end = text.len() - inner.len() + scope.len();
        Some(((at, end), *scope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_braces_before_a_scope_are_a_template() {
        for (text, expected) in [
            ("echo {{ params.day }}", Some(((5, 14), "params"))),
            ("{{run.id}}", Some(((0, 5), "run"))),
            ("{{-  scheduled_at | date }}", Some(((0, 17), "scheduled_at"))),
            ("docker ps --format '{{.State}}' {{ .run }}", None),
            ("{{ runs }} {{ state_x }} {{}} {{", None),
            ("{ params }", None),
            ("{{{ item }}}", None),
        ] {
            assert_eq!(template(text), expected, "{text}");
        }
    }

    #[test]
    fn a_variable_is_plain_and_not_ours() {
        for good in ["A", "_", "PATH", "a1_B"] {
            assert_eq!(variable(good), Ok(()));
        }
        for bad in ["", "1A", "A-B", "A=B", "Ä", "CAMPANILE_RUN_ID", "a\0"] {
            assert!(variable(bad).is_err(), "{bad}");
        }
    }
}
