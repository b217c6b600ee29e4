//! Who may speak to a daemon, over a real socket: its own user may; as root, others are tried too.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use world::{Said, World, said};

/// A user and a group that own nothing here.
const NOBODY: u32 = 65_534;

/// `ctl status` by another user, with a binary that every user can reach.
fn status_as(world: &World, uid: u32, gid: u32) -> Said {
    #[expect(clippy::disallowed_methods, reason = "a black-box test starts the binary")]
    let mut command = Command::new(world.path("campanile"));
    command.env_clear().args(["ctl", "--socket", "socket", "status"]).current_dir(world.path("")).uid(uid).gid(gid);
    said(command)
}

#[test]
fn strangers_are_kept_out_by_the_socket_and_if_it_lets_them_by_the_daemon() {
    let world = World::new();
    let daemon = world.daemon();
    let socket = std::fs::metadata(world.path("socket")).unwrap();
    assert_eq!(socket.mode() & 0o777, 0o660, "nobody but the user and the group of the daemon may connect");
    assert!(world.ok(&["status"]).contains("version: "));
    // Only root can ask as somebody else; for everybody the rule itself is tested beside it.
    if nix::unistd::geteuid().is_root() {
        set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_campanile"), world.path("campanile")).unwrap();
        let kept_out = status_as(&world, NOBODY, NOBODY).with(4);
        assert!(kept_out.err.contains("you may not use the socket"), "{kept_out:?}");
        set_permissions(world.path("socket"), Permissions::from_mode(0o666)).unwrap();
        let refused = status_as(&world, NOBODY, NOBODY).with(4);
        assert!(refused.err.contains("may not speak to this daemon"), "{refused:?}");
        assert_eq!(refused.out, "");
        let group = status_as(&world, NOBODY, nix::unistd::getegid().as_raw()).with(0);
        assert!(group.out.contains("version: "), "{group:?}");
    }
    assert_eq!(daemon.stop(), 0);
}
