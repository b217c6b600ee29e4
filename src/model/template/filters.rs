//! The filters and tests that templates know: a closed list of pure functions. Those of minijinja that grow a text far
//! beyond what they are given (`indent`, `format`, `batch`, …) are left out; `replace` and `join` are ours, and bounded.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Output, Value, filters, tests};

use super::{Instant, MAX_RENDERED};
use crate::model::duration::Duration;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Zoned};

/// RFC 3339, whole seconds.
pub(super) const RFC_3339: &str = "%Y-%m-%dT%H:%M:%S%:z";
const DAY_US: i64 = 86_400_000_000;

macro_rules! closed {
    ($(#[$doc:meta])* $seen:vis $list:ident, $install:ident, $add:ident: $($name:literal => $function:path,)*) => {
        $(#[$doc])*
        $seen const $list: &[&str] = &[$($name,)*];

        fn $install(environment: &mut Environment<'static>) {
            $(environment.$add($name, $function);)*
        }
    };
}

closed! {
    /// The filters, in the order of the alphabet.
    pub FILTERS, install_filters, add_filter:
    "abs" => filters::abs,
    "bool" => filters::bool,
    "capitalize" => filters::capitalize,
    "count" => filters::length,
    "date" => date,
    "datetime" => datetime,
    "default" => filters::default,
    "first" => filters::first,
    "float" => filters::float,
    "int" => filters::int,
    "items" => filters::items,
    "join" => join,
    "json" => json,
    "last" => filters::last,
    "length" => filters::length,
    "lines" => filters::lines,
    "list" => filters::list,
    "lower" => filters::lower,
    "map" => filters::map,
    "max" => filters::max,
    "min" => filters::min,
    "minus" => minus,
    "plus" => plus,
    "reject" => filters::reject,
    "replace" => replace,
    "reverse" => filters::reverse,
    "round" => filters::round,
    "select" => filters::select,
    "sort" => filters::sort,
    "split" => filters::split,
    "string" => filters::string,
    "sum" => filters::sum,
    "times" => times,
    "title" => filters::title,
    "tojson" => json,
    "trim" => filters::trim,
    "unique" => filters::unique,
    "upper" => filters::upper,
}

closed! {
    /// The tests, as in `is defined`.
    pub(super) TESTS, install_tests, add_test:
    "boolean" => tests::is_boolean,
    "defined" => tests::is_defined,
    "divisibleby" => tests::is_divisibleby,
    "endingwith" => tests::is_endingwith,
    "eq" => tests::is_eq,
    "even" => tests::is_even,
    "false" => tests::is_false,
    "ge" => tests::is_ge,
    "gt" => tests::is_gt,
    "in" => tests::is_in,
    "integer" => tests::is_integer,
    "le" => tests::is_le,
    "lt" => tests::is_lt,
    "mapping" => tests::is_mapping,
    "ne" => tests::is_ne,
    "none" => tests::is_none,
    "number" => tests::is_number,
    "odd" => tests::is_odd,
    "sequence" => tests::is_sequence,
    "startingwith" => tests::is_startingwith,
    "string" => tests::is_string,
    "true" => tests::is_true,
    "undefined" => tests::is_undefined,
}

pub(super) fn install(environment: &mut Environment<'static>) {
    install_filters(environment);
    install_tests(environment);
}

/// Writes a value as files write it: `true` and not `True`, and what is no single value as JSON.
pub(super) fn write(out: &mut Output<'_>, value: &Value) -> Result<(), Error> {
    if value.kind() == ValueKind::Invalid {
        return Err(invalid(value.to_string()));
    }
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    out.write_str(&text_of(value)?).map_err(|_| Error::from(ErrorKind::WriteFailure))
}

fn text_of(value: &Value) -> Result<String, Error> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the engine's list of kinds is open")]
    match value.kind() {
        ValueKind::Bool | ValueKind::None | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => json(value),
        // Texts, numbers and instants write themselves.
        _ => Ok(value.to_string()),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

fn too_long() -> Error {
    invalid(format!("the text becomes longer than {MAX_RENDERED} bytes (256 KiB)"))
}

fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| invalid(error.to_string()))
}

/// A product of numbers; the language's own `*` would repeat texts and lists.
fn times(value: &Value, by: &Value) -> Result<Value, Error> {
    let product = match (value.as_i64(), by.as_i64()) {
        (Some(one), Some(other)) => one.checked_mul(other).map(Value::from),
        (_, _) => {
            f64::try_from(value.clone()).ok().zip(f64::try_from(by.clone()).ok()).map(|(a, b)| Value::from(a * b))
        }
    };
    product.ok_or_else(|| invalid(format!("`{value}` times `{by}` is no number")))
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let n_found = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
    if n_found.saturating_mul(to.len()).saturating_add(text.len()) > 2 * MAX_RENDERED {
        return Err(too_long());
    }
    Ok(text.replace(from, to))
}

fn join(items: &Value, between: Option<&str>) -> Result<String, Error> {
    let mut joined = String::new();
    for (n, item) in items.try_iter()?.enumerate() {
        if n > 0 {
            joined.push_str(between.unwrap_or_default());
        }
        match item.as_str() {
            Some(text) => joined.push_str(text),
            None => joined.push_str(&text_of(&item)?),
        }
        if joined.len() > 2 * MAX_RENDERED {
            return Err(too_long());
        }
    }
    Ok(joined)
}

/// The instant that a value means: `scheduled_at`, or a text of RFC 3339, or a day.
fn instant(value: &Value) -> Result<Zoned, Error> {
    if let Some(Instant(zoned)) = value.downcast_object_ref::<Instant>() {
        return Ok(zoned.clone());
    }
    let text = value.as_str().unwrap_or_default().trim();
    let zoned = match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(at) => {
            let zone = Offset::from_seconds(at.offset().local_minus_utc()).map(TimeZone::fixed);
            let instant = jiff::Timestamp::from_microsecond(at.timestamp_micros());
            zone.ok().zip(instant.ok()).map(|(zone, instant)| instant.to_zoned(zone))
        }
        Err(_) => text.parse::<jiff::civil::Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok()),
    };
    zoned.ok_or_else(|| invalid(format!("`{value}` is no time, as `scheduled_at` or `2027-01-31T09:00:00+01:00` is")))
}

fn formatted(value: &Value, format: &str) -> Result<String, Error> {
    let zoned = instant(value)?;
    jiff::fmt::strtime::format(format, &zoned).map_err(|error| invalid(format!("`{format}`: {error}")))
}

fn date(value: &Value, format: Option<&str>) -> Result<String, Error> {
    formatted(value, format.unwrap_or("%Y-%m-%d"))
}

fn datetime(value: &Value, format: Option<&str>) -> Result<String, Error> {
    formatted(value, format.unwrap_or(RFC_3339))
}

fn plus(value: &Value, length: &str) -> Result<Value, Error> {
    moved(value, length, 1)
}

fn minus(value: &Value, length: &str) -> Result<Value, Error> {
    moved(value, length, -1)
}

/// The instant so much later or earlier. Whole days are days of the calendar, so that yesterday is as late in the day.
fn moved(value: &Value, length: &str, sign: i64) -> Result<Value, Error> {
    let zoned = instant(value)?;
    let length: Duration = length.parse().map_err(|error| invalid(format!("{error}")))?;
    let micros = length.as_micros();
    let moved = if micros % DAY_US == 0 {
        Span::new().try_days(sign * (micros / DAY_US)).and_then(|days| zoned.checked_add(days))
    } else {
        zoned.checked_add(SignedDuration::from_micros(sign.saturating_mul(micros)))
    };
    let moved = moved.map_err(|error| invalid(format!("{error}")))?;
    Ok(Value::from_object(Instant(moved)))
}
