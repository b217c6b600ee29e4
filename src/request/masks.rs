//! What may not be shown of one request: the texts that its references were resolved to. They are replaced wherever they
//! come back, in the answer as in an error.

use url::Url;

use crate::model::definition::Value;
use crate::secret::Secret;

const MASK: &str = "***";

/// The texts, the longest first.
#[derive(Default)]
pub(super) struct Masks {
    texts: Vec<String>,
    /// The host of a secret URL: not to be named by whoever complains about it.
    host: Option<String>,
}

impl Masks {
    /// Hides what `value` was resolved to, with its prefix and without, if it is a reference.
    pub(super) fn hide(&mut self, value: &Value, resolved: &Secret) {
        let Value::Secret(reference) = value else { return };
        let whole = resolved.expose();
        self.add(whole);
        self.add(whole.strip_prefix(&reference.prefix).unwrap_or(whole));
    }

    /// Hides what `value` was resolved to as a URL, if it is a reference: its path and query are where such URLs keep
    /// what makes them secret.
    pub(super) fn hide_url(&mut self, value: &Value, resolved: &Secret) {
        self.hide(value, resolved);
        let (Value::Secret(_), Ok(url)) = (value, Url::parse(resolved.expose())) else { return };
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        if url.path().len() + query.len() > 1 {
            self.add(&format!("{}{query}", url.path()));
        }
        self.add(url.as_str());
        self.host = url.host_str().map(str::to_owned);
    }

    fn add(&mut self, text: &str) {
        if !text.is_empty() && !self.texts.iter().any(|known| known == text) {
            self.texts.push(text.to_owned());
            self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
    }

    /// The bytes without any of the texts.
    pub(super) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.texts.iter().fold(bytes, |bytes, text| replaced(bytes, text.as_bytes()))
    }

    /// What is said about the request, without any of the texts, nor the host of a secret URL.
    pub(super) fn words(&self, words: &str) -> String {
        let words = self.texts.iter().fold(words.to_owned(), |words, text| words.replace(text, MASK));
        match &self.host {
            Some(host) => words.replace(host, MASK),
            None => words,
        }
    }
}

fn replaced(bytes: Vec<u8>, text: &[u8]) -> Vec<u8> {
    if !bytes.windows(text.len()).any(|part| part == text) {
        return bytes;
    }
    let mut left = bytes.as_slice();
    let mut masked = Vec::with_capacity(bytes.len());
    while let Some(first) = left.first() {
        match left.strip_prefix(text) {
            Some(rest) => {
                masked.extend_from_slice(MASK.as_bytes());
                left = rest;
            }
            None => {
                masked.push(*first);
                left = &left[1..];
            }
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::value::{Place, Reference};

    fn reference(prefix: &str) -> Value {
        Value::Secret(Reference { place: Place::Env("X".to_owned()), prefix: prefix.to_owned() })
    }

    #[test]
    fn a_secret_is_hidden_with_its_prefix_and_without() {
        let mut masks = Masks::default();
        masks.hide(&reference("Bearer "), &Secret::new("Bearer s3cret"));
        masks.hide(&"plain".into(), &Secret::new("plain"));
        masks.hide(&reference(""), &Secret::new(""));
        let shown = |text: &str| String::from_utf8(masks.bytes(text.into())).unwrap();
        assert_eq!(shown("you sent Bearer s3cret, plain"), "you sent ***, plain");
        assert_eq!(shown("s3crets3cret s3cre"), "****** s3cre");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn of_a_secret_url_neither_its_path_nor_in_words_its_host_is_shown() {
        let mut masks = Masks::default();
        masks.hide_url(&reference(""), &Secret::new("https://X.example/T0/abc?k=v"));
        assert_eq!(masks.words("POST https://X.example/T0/abc?k=v"), "POST ***");
        assert_eq!(masks.words("no certificate for x.example"), "no certificate for ***");
        assert_eq!(masks.bytes(b"no route to /T0/abc?k=v".to_vec()), b"no route to ***");
        let mut root = Masks::default();
        root.hide_url(&reference(""), &Secret::new("http://x.example/"));
        assert_eq!(root.words("a/b"), "a/b");
    }
}
