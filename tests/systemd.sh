#!/usr/bin/env bash
# The units of systemd/ under a real systemd, booted in namespaces of its own: a restart of the daemon interrupts nothing, a
# stop of the runner ends each task in good order, and when both are stopped nothing is left. Root, and systemd with its
# tools, are needed; of the machine's files only copies are written.
#
#     tests/systemd.sh target/debug/campanile
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
binary=$(realpath "$1")
folder=$(mktemp -d)
chmod 755 "$folder"

boot() {
    mount --make-rprivate /
    mkdir -p "$folder"/{bin,etc}
    cp "$binary" "$folder/bin/campanile"
    cp /etc/{passwd,group,shadow} "$folder/etc"
    for file in passwd group shadow; do mount --bind "$folder/etc/$file" "/etc/$file"; done
    id campanile >/dev/null 2>&1 || useradd --system --home-dir /var/lib/campanile campanile 2>/dev/null ||
        { echo "campanile:x:990:990::/var/lib/campanile:/usr/sbin/nologin" >>/etc/passwd && echo "campanile:x:990:" >>/etc/group; }
    for dir in /var/lib/campanile /var/lib/campanile-runner /etc/campanile; do mkdir -p "$dir" && mount -t tmpfs tmpfs "$dir"; done
    mkdir -p /etc/campanile/jobs.d
    mkdir "$folder/keep" && mount --bind "$folder" "$folder/keep"
    for dir in /run /var/tmp; do mount -t tmpfs tmpfs "$dir"; done
    mkdir -p /run/lock /run/systemd/system /run/here
    mount --bind "$folder/keep" /run/here
    # systemd empties /tmp when it boots.
    mount -t tmpfs tmpfs /tmp
    for unit in tmpfiles-setup tmpfiles-setup-dev tmpfiles-clean pcrphase pcrphase-sysinit update-utmp sysusers random-seed \
        machine-id-commit journal-flush udevd udev-trigger logind firstboot remount-fs; do
        ln -s /dev/null "/run/systemd/system/systemd-$unit.service"
    done
    mkdir /run/systemd/system/campanile-runner.service.d
    for unit in campanile.service campanile-runner.service campanile-runner.socket campanile-runner-root.conf; do
        sed "s#/usr/bin/campanile#/run/here/bin/campanile#" "$here/systemd/$unit" >"/run/systemd/system/$unit"
    done
    printf '[Unit]\nRequires=campanile.service campanile-runner.socket\n' >/run/systemd/system/shown.target
    exec env container=docker /usr/lib/systemd/systemd --system --log-target=null --show-status=no --unit=shown.target
}

if [ "${CAMPANILE_BOOT:-}" = 1 ]; then
    folder=$CAMPANILE_FOLDER
    boot
fi

# An init that is killed leaves its cgroups behind.
forget_groups() { find /sys/fs/cgroup -depth -path '*/system.slice/campanile*' -type d -exec rmdir {} + 2>/dev/null || true; }
forget_groups
setsid env CAMPANILE_BOOT=1 CAMPANILE_FOLDER="$folder" unshare --mount --pid --fork --mount-proc "$0" "$binary" &
outer=$!
end() {
    [ -n "${init:-}" ] && kill -9 "$init" 2>/dev/null || true
    wait "$outer" 2>/dev/null || true
    forget_groups
    rm -rf "$folder"
}
trap end EXIT

inside() { nsenter --target "$init" --mount --pid "$@"; }
ctl() { inside /run/here/bin/campanile ctl "$@"; }
answers() { init=$(pgrep --parent "$outer" --full 'systemd --system') && ctl status >/dev/null 2>&1; }
until_it_answers() {
    until answers; do
        kill -0 "$outer" || { echo "systemd does not boot here" >&2 && exit 1; }
        read -r -t 0.2 <> <(:) || true
    done
}
until_it_answers
expect() { [ "$2" = "$3" ] && echo "ok: $1" || { echo "FAILED: $1: found $2, not $3" >&2 && exit 1; }; }
field() { ctl -o json run "$1" | python3 -c "import json, sys; print(json.load(sys.stdin)['tasks'][0]['$2'])"; }

short=$(ctl submit -- sh -c 'sed s/.*.service// /proc/self/cgroup; sleep 3; exit 7' | tail -1)
long=$(ctl submit -- sleep 300 | tail -1)
inside systemctl restart campanile
until_it_answers
ctl wait "$short" >/dev/null 2>&1 || true
expect "a restart of the daemon interrupts nothing: the exit code" "$(field "$short" exit_code)" 7
expect "it is in a cgroup of its own: lines that say so" "$(field "$short" output | grep -c '^/[0-9]')" 1
expect "and it was not started again: the attempt" "$(field "$short" attempt)" 1
inside systemctl stop campanile-runner 2>/dev/null
until [ "$(field "$long" state)" = running ] && [ "$(field "$long" attempt)" = 2 ]; do :; done
expect "a stop of the runner interrupts, and its socket brings it back: the attempt" "$(field "$long" attempt)" 2
inside systemctl stop campanile campanile-runner.socket campanile-runner 2>/dev/null
inside sh -c 'mv /run/systemd/system/campanile-runner-root.conf /run/systemd/system/campanile-runner.service.d/root.conf
    echo "users = [\"nobody\"]" >/etc/campanile/runner.toml
    printf "user = \"nobody\"\nshell = \"id -un; sed s/.*.service// /proc/self/cgroup | tail -1\"\n" >/etc/campanile/jobs.d/other.toml
    systemctl daemon-reload && systemctl start campanile-runner.socket campanile'
until_it_answers
other=$(ctl start other --wait 2>/dev/null | head -1 || true)
expect "a task runs as a user whom root has listed: who it is" "$(field other output | sed -n 1p)" nobody
expect "and in a cgroup of its own below the unit's: lines that say so" "$(field other output | grep -c '^/[0-9]')" 1
inside systemctl stop campanile campanile-runner.socket campanile-runner 2>/dev/null
expect "nothing is left of what ran: processes" "$(inside pgrep -c '^sleep$' || true)" 0
expect "the units are well: failed ones" "$(inside systemctl list-units --failed --no-legend 'campanile*' | wc -l)" 0
