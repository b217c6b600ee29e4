//! The API over TCP, where somebody asks for it: the address, and the tokens with their hashes.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::Failure;
use crate::api::{Access, Scope, Token};
use crate::files::settings;
use crate::files::settings::TokenText;
use crate::model::definition::Value;
use crate::secret;

/// Listens on `address`. Beyond this machine nobody is answered without a token.
pub(super) async fn listen(address: SocketAddr, tokens: &[settings::Token]) -> Result<(TcpListener, Access), Failure> {
    let failure = || Failure::machine(format!("cannot listen on `{address}`"));
    if tokens.is_empty() && !address.ip().is_loopback() {
        let why =
            "whoever reaches it could ask; name a token in `[tokens.NAME]` of campanile.toml, or listen on 127.0.0.1";
        return Err(failure()(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why)));
    }
    let tokens = tokens.iter().map(token).collect::<Result<_, _>>()?;
    let listener = TcpListener::bind(address).await.map_err(failure())?;
    Ok((listener, Access { tokens }))
}

fn token(token: &settings::Token) -> Result<Token, Failure> {
    let name = token.name.clone();
    let sha256 = match &token.text {
        TokenText::Hash(hash) => *hash,
        TokenText::Reference(reference) => {
            let unusable = |why: std::io::Error| Failure::machine(format!("the token `{name}` cannot be used"))(why);
            let value = Value::Secret(reference.clone());
            let text = secret::resolve(&value).map_err(|error| unusable(std::io::Error::other(error.to_string())))?;
            if text.expose().trim().is_empty() {
                return Err(unusable(std::io::Error::other("it is empty")));
            }
            Sha256::digest(text.expose().trim()).into()
        }
    };
    let scope = match token.scope {
        settings::Scope::Read => Scope::Read,
        settings::Scope::Operate => Scope::Operate,
        settings::Scope::Admin => Scope::Admin,
    };
    Ok(Token { name, sha256, scope })
}
