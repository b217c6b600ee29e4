//! `[tokens.NAME]` of `campanile.toml`: who may ask over TCP. A token's text is never in the file, only its hash, or where
//! it is found.

use super::keys::TOKEN;
use super::reading::{Fields, Reading};
use super::settings::{Scope, Token, TokenText};
use super::syntax::Node;
use super::value;
use crate::model::definition::Value;
use crate::model::invalid::Fault;

/// The tokens of the table in `node`.
pub(crate) fn read(reading: &Reading<'_>, node: &Node) -> Vec<Token> {
    let entries = reading.table("tokens", node).unwrap_or_default();
    entries.iter().filter_map(|entry| token(reading, &entry.key, &entry.node)).collect()
}

fn token(reading: &Reading<'_>, name: &str, node: &Node) -> Option<Token> {
    let fields = Fields::open(reading, name, node, &TOKEN)?;
    let entry = fields.one_of(&["sha256", "token"], "a token")?;
    let refuse = |message: &str, hint: &str| {
        reading.fault(Fault::new(entry.node.span, message).hint(hint));
        None
    };
    let text = match entry.key.as_str() {
        "sha256" => match hash(fields.full_text("sha256")?) {
            Some(hash) => TokenText::Hash(hash),
            None => return refuse("`sha256` is not 64 hex digits", "`printf %s TOKEN | sha256sum` writes them"),
        },
        _ => match value::read(reading, "token", &entry.node)? {
            Value::Secret(reference) => TokenText::Reference(reference),
            Value::Plain(_) => {
                return refuse("`token` is written out", "refer to it, as in `{ file = \"/etc/campanile/token\" }`");
            }
        },
    };
    let scopes = [("read", Scope::Read), ("operate", Scope::Operate), ("admin", Scope::Admin)];
    Some(Token { name: name.to_owned(), text, scope: fields.word("scope", &scopes, &[]).unwrap_or_default() })
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_hex_digits() {
        assert_eq!(hash(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(hash(&"0f".repeat(31)), None);
        assert_eq!(hash(&"zz".repeat(32)), None);
    }
}
