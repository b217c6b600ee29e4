//! Signatures as Standard Webhooks 1.0.0 describes them (`v1`: HMAC-SHA256), held to its published test vector.
//!
//! Signed are the bytes `ID.TIMESTAMP.BODY`, exactly as sent; the header is a list of `v1,BASE64` separated by spaces.
//! A secret is `whsec_` and base64 of the key, or any other text, whose bytes are the key. Several secrets separated by
//! white space sign side by side, so that a receiver can change from one to the other without missing anything.
//! Asymmetric keys (`whsk_`) are refused rather than read as text: the receiver would check something else.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// The header with the delivery's id: the same for every try, so it is the receiver's idempotency key.
pub const ID: &str = "webhook-id";
/// The header with the Unix seconds of this try.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// Keys are written with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a secret cannot sign. It says nothing of what the secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// There is none.
    #[error("the signing secret is empty")]
    Empty,
    /// What follows `whsec_` is something else.
    #[error("the signing secret begins with `whsec_`, but what follows is not base64")]
    NotBase64,
    /// A key for `v1a`.
    #[error("the signing secret is an asymmetric key (`whsk_`, `whpk_`), which is not supported; use a `whsec_` one")]
    Asymmetric,
}

/// The value of the signature header for `body`, sent under `id` at `timestamp`, in Unix seconds.
pub fn signatures(secrets: &Secret, id: &str, timestamp: i64, body: &str) -> Result<String, NotAKey> {
    let signed = secrets
        .expose()
        .split_ascii_whitespace()
        .map(|secret| signature(&key(secret)?, id, timestamp, body))
        .collect::<Result<Vec<_>, NotAKey>>()?;
    if signed.is_empty() { Err(NotAKey::Empty) } else { Ok(signed.join(" ")) }
}

fn signature(key: &[u8], id: &str, timestamp: i64, body: &str) -> Result<String, NotAKey> {
    if key.is_empty() {
        return Err(NotAKey::Empty);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("because HMAC takes a key of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    Ok(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}

fn key(secret: &str) -> Result<Vec<u8>, NotAKey> {
    if let Some(encoded) = secret.strip_prefix("whsec_") {
        BASE64.decode(encoded).map_err(|_| NotAKey::NotBase64)
    } else if secret.starts_with("whsk_") || secret.starts_with("whpk_") {
        Err(NotAKey::Asymmetric)
    } else {
        Ok(secret.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sign(secrets: &str) -> Result<String, NotAKey> {
        let secrets = Secret::new(secrets);
        signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#)
    }

    #[test]
    fn the_published_test_vector_is_met() {
        assert_eq!(sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").as_deref(), Ok(PUBLISHED));
    }

    #[test]
    fn several_secrets_sign_side_by_side() {
        let raw = sign("another").unwrap();
        let both = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n another");
        assert_eq!(both, Ok(format!("{PUBLISHED} {raw}")));
    }

    #[test]
    fn text_without_the_prefix_is_the_key_itself() {
        assert_eq!(sign("whsec_cGxhaW4tdGV4dC1rZXk="), sign("plain-text-key"));
        assert_eq!(sign("whsec_cGxhaW4tdGV4dC1rZXk"), sign("plain-text-key"), "padding may be left out");
    }

    #[test]
    fn what_cannot_sign_is_refused() {
        for (secrets, expected) in [
            ("", NotAKey::Empty),
            (" \n", NotAKey::Empty),
            ("whsec_", NotAKey::Empty),
            ("whsec_not base64!", NotAKey::NotBase64),
            ("good whsec_%%%", NotAKey::NotBase64),
            ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NotAKey::Asymmetric),
        ] {
            assert_eq!(sign(secrets), Err(expected), "{secrets:?}");
        }
    }
}
