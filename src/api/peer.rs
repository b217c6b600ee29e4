//! Who asks. The kernel tells which process is at the other end of a Unix socket; who may ask is root, the daemon's own
//! user, and the members of the daemon's group. Names of users and groups are looked up away from the accepting thread,
//! because a directory service may be slow.

use std::ffi::CString;
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use nix::unistd::{Gid, Uid, User, getegid, geteuid, getgrouplist};
use tokio::net::UnixStream;

use super::access::{Access, Asked};
use super::context::away;
use super::problem::Refusal;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// A process of this machine; nothing where the kernel would not say.
    Process(Option<Identity>),
    /// Whoever has a token.
    Remote(Arc<Access>),
}

/// Whom a process runs as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Peer {
    /// The process at the other end of `stream`.
    pub(super) fn of(stream: &UnixStream) -> Self {
        Peer(Kind::Process(stream.peer_cred().ok().map(|found| Identity { uid: found.uid(), gid: found.gid() })))
    }

    /// Whoever has one of these tokens.
    pub(super) fn remote(access: Arc<Access>) -> Self {
        Peer(Kind::Remote(access))
    }
}

/// The name of the user who asks; commands remember it.
#[derive(Clone, Debug)]
pub(super) struct By(pub(super) String);

/// Lets in who may ask, with a name.
pub(super) async fn admit(ConnectInfo(Peer(peer)): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    let peer = match peer {
        Kind::Process(peer) => peer,
        Kind::Remote(access) => return admit_remote(&access, request, next).await,
    };
    let daemon = Identity { uid: geteuid().as_raw(), gid: getegid().as_raw() };
    let Some(peer) = peer else { return not_allowed("the kernel does not say who asks").into_response() };
    let found = away(move || {
        let user = User::from_uid(Uid::from_raw(peer.uid)).ok().flatten();
        let allowed = may_ask(peer, daemon, || user.as_ref().map(groups).unwrap_or_default());
        (allowed, user.map_or_else(|| peer.uid.to_string(), |user| user.name))
    })
    .await;
    match found {
        Err(refused) => Refusal::from(refused).into_response(),
        Ok((false, name)) => not_allowed(&format!("user `{name}` may not speak to this daemon")).into_response(),
        Ok((true, name)) => {
            request.extensions_mut().insert(By(name));
            next.run(request).await
        }
    }
}

async fn admit_remote(access: &Access, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let asked = Asked { method: request.method(), path: path.as_deref(), headers: request.headers() };
    match access.admit(&asked) {
        Ok(name) => {
            request.extensions_mut().insert(By(name));
            next.run(request).await
        }
        Err(refusal) => {
            let is_unknown = refusal.0.status == 401;
            let mut response = refusal.into_response();
            if is_unknown {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

fn not_allowed(detail: &str) -> Refusal {
    ProblemDetails::new(Code::NotAllowed, detail)
        .hint("ask as root, as the daemon's user or as one of its group")
        .into()
}

/// Whether `peer` may ask a daemon that runs as `daemon`; its other groups are looked up only if that matters.
pub fn may_ask(peer: Identity, daemon: Identity, groups: impl FnOnce() -> Vec<u32>) -> bool {
    peer.uid == 0 || peer.uid == daemon.uid || peer.gid == daemon.gid || groups().contains(&daemon.gid)
}

fn groups(user: &User) -> Vec<u32> {
    let Ok(name) = CString::new(user.name.as_str()) else { return Vec::new() };
    getgrouplist(&name, user.gid).unwrap_or_default().into_iter().map(Gid::as_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uid: u32, gid: u32, groups: &[u32], expected: bool) {
        let daemon = Identity { uid: 990, gid: 980 };
        assert_eq!(may_ask(Identity { uid, gid }, daemon, || groups.to_vec()), expected, "{uid}:{gid} {groups:?}");
    }

    #[test]
    fn root_the_daemons_user_and_its_group_may_ask_and_nobody_else() {
        check(0, 0, &[], true);
        check(990, 5, &[], true);
        check(1000, 980, &[], true);
        check(1000, 1000, &[4, 980], true);
        check(1000, 1000, &[4, 990], false);
        check(980, 990, &[], false);
    }
}
