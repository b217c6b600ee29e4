//! What may not be shown of one request: the texts that its references were resolved to. They are masked as they are in
//! what processes write, wherever they come back: in the answer, and in what is said about it.

use url::Url;

use crate::logs::Masker;
use crate::model::definition::Value;
use crate::secret::Secret;

/// What hides the texts of one request.
#[derive(Default)]
pub(super) struct Masks {
    answer: Option<Masker>,
    /// Hides the host of a secret URL too: it is not to be named by whoever complains about it.
    words: Option<Masker>,
}

impl Masks {
    /// Hides what the references among `url` and `headers` were resolved to.
    pub(super) fn of<'a>(
        (url, resolved): (&Value, &Secret),
        headers: impl IntoIterator<Item = (&'a Value, &'a Secret)>,
    ) -> Masks {
        let is_secret = |value: &Value| matches!(value, Value::Secret(_));
        let mut texts: Vec<String> = headers
            .into_iter()
            .filter(|(value, _)| is_secret(value))
            .map(|(_, resolved)| resolved.bare().to_owned())
            .collect();
        let mut host = None;
        if is_secret(url) {
            host = add_url(&mut texts, resolved);
        }
        let answer = Masker::new(&texts);
        texts.extend(host);
        Masks { words: Masker::new(&texts), answer }
    }

    /// The bytes of an answer without any of the texts.
    pub(super) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.answer {
            Some(masker) => masker.bytes(&bytes),
            None => bytes,
        }
    }

    /// What is said about the request, without any of the texts, nor the host of a secret URL.
    pub(super) fn words(&self, words: &str) -> String {
        match &self.words {
            Some(masker) => masker.text(words),
            None => words.to_owned(),
        }
    }
}

/// Adds what of a secret URL is not to be shown, and returns its host. Its path and query are where such URLs keep what
/// makes them secret.
fn add_url(texts: &mut Vec<String>, resolved: &Secret) -> Option<String> {
    texts.extend([resolved.expose().to_owned(), resolved.bare().to_owned()]);
    let url = Url::parse(resolved.expose()).ok()?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    texts.extend([format!("{}{query}", url.path()), url.to_string()]);
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::value::{Place, Reference};

    fn reference() -> Value {
        Value::Secret(Reference { place: Place::Env("X".to_owned()), prefix: String::new() })
    }

    fn shown(masks: &Masks, text: &str) -> String {
        String::from_utf8(masks.bytes(text.into())).unwrap()
    }

    #[test]
    fn a_secret_is_hidden_and_what_is_plain_is_not() {
        let (plain, plainly) = (Value::from("plain"), Secret::new("plain"));
        let (reference, secret, empty) = (reference(), Secret::new("s3cret"), Secret::new(""));
        let headers = [(&reference, &secret), (&plain, &plainly), (&reference, &empty)];
        let masks = Masks::of((&plain, &plainly), headers);
        for (text, expected) in [
            ("you sent Bearer s3cret, plain", "you sent Bearer ***, plain"),
            ("s3crets3cret s3cre", "*** s3cre"),
            ("", ""),
        ] {
            assert_eq!((shown(&masks, text), masks.words(text)), (expected.to_owned(), expected.to_owned()));
        }
        assert_eq!(shown(&Masks::of((&plain, &plainly), []), "plain"), "plain");
    }

    #[test]
    fn of_a_secret_url_neither_its_path_nor_in_words_its_host_is_shown() {
        let url = Secret::new("https://X.example/T0/abc?k=v");
        let masks = Masks::of((&reference(), &url), []);
        assert_eq!(masks.words("POST https://X.example/T0/abc?k=v"), "POST ***");
        assert_eq!(masks.words("no certificate for x.example"), "no certificate for ***");
        assert_eq!(shown(&masks, "no route to /T0/abc?k=v"), "no route to ***");
        let root = Masks::of((&reference(), &Secret::new("http://x.example/")), []);
        assert_eq!(root.words("a/b"), "a/b");
    }
}
