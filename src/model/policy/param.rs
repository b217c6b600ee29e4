//! Whether a value fits its parameter, and which values a run begins with. One set of rules for files, for surfaces and
//! for the engine: whoever asks first gets the same answer.
//!
//! A text is taken for a value of another type where it can be nothing else: a command line has only texts.

use serde_json::{Map, Number, Value as Json};

use crate::model::definition::{Param, ParamType};
use crate::model::expression::{Expressions, Mode};
use crate::model::nearest::did_you_mean;

/// The longest value as a process is given it, with its name: what Linux takes as one variable (`MAX_ARG_STRLEN`).
const MAX_TEXT: usize = 131_000;

/// The given values as their parameters want them, or everything that is wrong with them.
pub fn accept(
    params: &[Param],
    given: &Map<String, Json>,
    expressions: &mut Expressions,
) -> Result<Map<String, Json>, Vec<String>> {
    let mut accepted = Map::new();
    let mut problems = Vec::new();
    let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
    for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
        let hint = did_you_mean(name, &names).map(|hint| format!(", {hint}")).unwrap_or_default();
        problems.push(format!("there is no parameter `{name}`{hint}"));
    }
    for param in params {
        match given.get(&param.name) {
            Some(value) => match read(param, value, expressions) {
                Ok(value) => drop(accepted.insert(param.name.clone(), value)),
                Err(problem) => problems.push(problem),
            },
            None if param.default.is_none() => problems.push(format!("`{}` must be given", param.name)),
            None => {}
        }
    }
    if problems.is_empty() { Ok(accepted) } else { Err(problems) }
}

/// `value` as `param` wants it, or why it does not fit.
pub fn read(param: &Param, value: &Json, expressions: &mut Expressions) -> Result<Json, String> {
    let value = typed(param, value)?;
    let name = &param.name;
    let text = as_text(&value);
    if !param.choices.is_empty() && !param.choices.contains(&value) {
        let choices: Vec<String> = param.choices.iter().map(|choice| format!("`{}`", as_text(choice))).collect();
        return Err(format!("`{name}` must be one of {}, found `{}`", choices.join(", "), short(&text)));
    }
    if let (Some(pattern), Json::String(text)) = (&param.pattern, &value) {
        // What is no expression was refused with the file, and matches nothing.
        if expressions.matches(pattern, Mode::Value, text) != Ok(true) {
            return Err(format!("`{name}` must match `{pattern}`, found `{}`", short(text)));
        }
    }
    if let Some((size, what)) = size(&value) {
        for (bound, is_broken, word) in [
            (param.minimum, param.minimum.is_some_and(|least| size < least), "at least"),
            (param.maximum, param.maximum.is_some_and(|most| size > most), "at most"),
        ] {
            if let Some(bound) = bound.filter(|_| is_broken) {
                return Err(format!("`{name}` must be {word} {bound}{what}, found {size}"));
            }
        }
    }
    if text.contains('\0') {
        return Err(format!("`{name}` holds a NUL byte, which no process can be given"));
    }
    if text.len() + name.len() > MAX_TEXT {
        return Err(format!("`{name}` is longer than the {MAX_TEXT} bytes that a process can be given"));
    }
    Ok(value)
}

/// The value of the parameter's type that `value` is, or that its text can only mean.
fn typed(param: &Param, value: &Json) -> Result<Json, String> {
    let text = value.as_str();
    let found = match param.kind {
        ParamType::String => text.map(Json::from),
        ParamType::Integer => match value {
            Json::Number(number) => integer(number),
            Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                text.and_then(|text| text.trim().parse::<i64>().ok()).map(Json::from)
            }
        },
        ParamType::Number => match value {
            Json::Number(_) => Some(value.clone()),
            Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                text.and_then(|text| number(text.trim()))
            }
        },
        ParamType::Boolean => match (value, text) {
            (Json::Bool(flag), _) => Some(Json::from(*flag)),
            (_, Some("true")) => Some(Json::from(true)),
            (_, Some("false")) => Some(Json::from(false)),
            (_, Some(_) | None) => None,
        },
        ParamType::Array => of_text(value).filter(Json::is_array),
        ParamType::Object => of_text(value).filter(Json::is_object),
    };
    found.ok_or_else(|| {
        let article =
            if matches!(param.kind, ParamType::Integer | ParamType::Array | ParamType::Object) { "an" } else { "a" };
        let mut wanted = format!("{article} {}", param.kind.as_str());
        if text.is_some() && matches!(param.kind, ParamType::Array | ParamType::Object) {
            wanted.push_str(" as JSON");
        }
        format!("`{}` must be {wanted}, found `{}`", param.name, short(&as_text(value)))
    })
}

/// The whole number that this is; `2.0` is one.
fn integer(number: &Number) -> Option<Json> {
    if number.is_i64() {
        return Some(Json::Number(number.clone()));
    }
    let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9.0e15)?;
    Some(Json::from(whole as i64))
}

fn number(text: &str) -> Option<Json> {
    match text.parse::<i64>() {
        Ok(whole) => Some(Json::from(whole)),
        Err(_) => {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).and_then(Number::from_f64).map(Json::Number)
        }
    }
}

/// A value that may be written as the JSON text of one.
fn of_text(value: &Json) -> Option<Json> {
    match value.as_str() {
        Some(text) => serde_json::from_str(text).ok(),
        None => Some(value.clone()),
    }
}

/// What `minimum` and `maximum` measure, and its unit.
fn size(value: &Json) -> Option<(f64, &'static str)> {
    match value {
        Json::Number(number) => Some((number.as_f64()?, "")),
        Json::String(text) => Some((text.chars().count() as f64, " characters long")),
        Json::Array(items) => Some((items.len() as f64, " items long")),
        Json::Null | Json::Bool(_) | Json::Object(_) => None,
    }
}

/// The value as a process is given it: a text as it is, anything else as JSON.
pub fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => value.to_string(),
    }
}

/// The variable that a process finds the parameter in.
pub fn variable(name: &str) -> String {
    format!("PARAM_{}", name.to_ascii_uppercase())
}

/// Enough of a value to know it by.
fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(param: &Param, value: &Json) -> Result<Json, String> {
        super::read(param, value, &mut Expressions::default())
    }

    fn param(name: &str, kind: ParamType, change: impl FnOnce(&mut Param)) -> Param {
        let mut param = Param {
            name: name.to_owned(),
            description: String::new(),
            kind,
            default: None,
            choices: Vec::new(),
            pattern: None,
            minimum: None,
            maximum: None,
        };
        change(&mut param);
        param
    }

    #[test]
    fn a_text_is_taken_for_what_it_can_only_mean() {
        use ParamType as P;
        for (kind, value, expected) in [
            (P::String, json!("12"), Ok(json!("12"))),
            (P::String, json!(12), Err("`p` must be a string, found `12`")),
            (P::Integer, json!(12), Ok(json!(12))),
            (P::Integer, json!("-12"), Ok(json!(-12))),
            (P::Integer, json!(2.0), Ok(json!(2))),
            (P::Integer, json!(2.5), Err("`p` must be an integer, found `2.5`")),
            (P::Integer, json!("99999999999999999999"), Err("must be an integer")),
            (P::Number, json!("0.5"), Ok(json!(0.5))),
            (P::Number, json!("7"), Ok(json!(7))),
            (P::Number, json!("NaN"), Err("must be a number")),
            (P::Boolean, json!("true"), Ok(json!(true))),
            (P::Boolean, json!("yes"), Err("must be a boolean, found `yes`")),
            (P::Array, json!("[1, \"a\"]"), Ok(json!([1, "a"]))),
            (P::Array, json!("{}"), Err("must be an array as JSON")),
            (P::Object, json!({"a": 1}), Ok(json!({"a": 1}))),
            (P::Object, json!("a=1"), Err("must be an object as JSON, found `a=1`")),
            (P::String, json!("a\u{0}b"), Err("NUL")),
            (P::String, json!("x".repeat(140_000)), Err("longer than")),
            (P::Boolean, json!(null), Err("must be a boolean, found `null`")),
        ] {
            match (read(&param("p", kind, |_| ()), &value), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{value}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{value}: {found}"),
                (found, expected) => panic!("{value}: {found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn a_pattern_is_compiled_once_and_its_ends_are_those_of_the_value() {
        let mut expressions = Expressions::default();
        let day = param("day", ParamType::String, |param| param.pattern = Some(r"^\d{4}$".to_owned()));
        for _ in 0..3 {
            assert!(super::read(&day, &json!("2027"), &mut expressions).is_ok());
            assert!(super::read(&day, &json!("2027\n1"), &mut expressions).is_err());
        }
        assert_eq!(expressions.n_compiled(), 1);
    }

    #[test]
    fn a_value_keeps_to_its_bounds() {
        let day = param("day", ParamType::String, |param| param.pattern = Some(r"^\d{4}$".to_owned()));
        assert!(read(&day, &json!("2027")).is_ok());
        assert_eq!(read(&day, &json!("x")), Err(r"`day` must match `^\d{4}$`, found `x`".to_owned()));
        let size = param("size", ParamType::String, |param| param.choices = vec![json!("s"), json!("m")]);
        assert_eq!(read(&size, &json!("l")), Err("`size` must be one of `s`, `m`, found `l`".to_owned()));
        let n = param("n", ParamType::Integer, |param| (param.minimum, param.maximum) = (Some(1.0), Some(3.0)));
        assert!(read(&n, &json!("3")).is_ok());
        assert_eq!(read(&n, &json!(4)), Err("`n` must be at most 3, found 4".to_owned()));
        let word = param("word", ParamType::String, |param| param.minimum = Some(2.0));
        assert_eq!(read(&word, &json!("ä")), Err("`word` must be at least 2 characters long, found 1".to_owned()));
        let list = param("list", ParamType::Array, |param| param.maximum = Some(1.0));
        assert_eq!(read(&list, &json!("[1,2]")), Err("`list` must be at most 1 items long, found 2".to_owned()));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let params = [
            param("day", ParamType::String, |_| ()),
            param("n", ParamType::Integer, |_| ()),
            param("rate", ParamType::Number, |param| param.default = Some(json!(1))),
        ];
        let Json::Object(given) = json!({ "dya": "x", "n": "many" }) else { panic!("because it is an object") };
        let expected = [
            "there is no parameter `dya`, did you mean `day`?",
            "`day` must be given",
            "`n` must be an integer, found `many`",
        ];
        assert_eq!(accept(&params, &given, &mut Expressions::default()), Err(expected.map(str::to_owned).to_vec()));
        let Json::Object(given) = json!({ "day": "x", "n": "4" }) else { panic!("because it is an object") };
        let accepted = accept(&params, &given, &mut Expressions::default()).expect("because they fit");
        assert_eq!(Json::Object(accepted), json!({ "day": "x", "n": 4 }));
    }
}
