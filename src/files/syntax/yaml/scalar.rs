//! What a text without quotes stands for, by the core schema of YAML 1.2: `null`, a boolean, a number, or a text. What is read
//! in several ways is refused.

use crate::files::syntax::{NodeValue, beyond};

/// Whether a text without quotes says that there is no value.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// What a text without quotes stands for, by the core schema.
pub(super) fn plain(text: &str) -> Result<NodeValue, (String, Option<String>)> {
    match text {
        "true" | "True" | "TRUE" => return Ok(NodeValue::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(NodeValue::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Ok(NodeValue::Float(f64::NAN)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Ok(NodeValue::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_digit(radix))
        {
            let number = i64::from_str_radix(digits, radix).map_err(|_| (beyond(text), None))?;
            return Ok(NodeValue::Integer(number));
        }
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            let hint = format!("write \"{text}\" for a text, or a number as 0o17 in octal");
            return Err((format!("`{text}` begins with a zero, which is read in several ways"), Some(hint)));
        }
        return text.parse().map(NodeValue::Integer).map_err(|_| (beyond(text), None));
    }
    Ok(if is_float(unsigned) {
        NodeValue::Float(text.parse().unwrap_or(f64::NAN))
    } else {
        NodeValue::Text(text.to_owned())
    })
}

/// Digits with a point, an exponent or both.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(part)
        && !(whole.is_empty() && part.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}
