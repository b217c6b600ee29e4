# What CI runs is `just check`, nothing else. Everything here is plain cargo; `just` only saves the typing.

set shell := ["bash", "-euo", "pipefail", "-c"]

# List the recipes.
default:
    @just --list --unsorted

# After every change: format, lints, the rules of the house, unit tests. Under a minute when warm.
quick:
    cargo fmt --check
    cargo clippy --quiet --locked --all-targets -- -D warnings
    cargo test --quiet --locked --test structure
    cargo test --quiet --locked --lib

# Before every push, and what CI runs: all lints and all tests. The generated pages are held by the unit tests.
check: lint test

# Format and lints only.
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# Every test; with words, those whose name has them.
test *words:
    cargo test --locked {{ words }}

# Weeks of simulated operation from many seeds; with a seed, that one history again: `just sim 42`.
sim seed='' histories='2000':
    {{ if seed == '' { 'CAMPANILE_SIM_HISTORIES=' + quote(histories) } else { 'CAMPANILE_SIM_SEED=' + quote(seed) } }} cargo test --locked --release --test sim -- --nocapture

# Twenty times `kill -9` under load, with nothing lost, doubled or stuck.
kills:
    CAMPANILE_KILLS=20 cargo test --locked --test kill9 -- --nocapture

# Two hundred kills of daemon, runner or both, with two hundred tasks running, and the tasks' own records held to the store.
outlive kills='200':
    CAMPANILE_KILLS={{ kills }} cargo test --locked --test outlive -- --nocapture

# A job that is due every second and blocked for a year, in virtual time.
year days='365':
    CAMPANILE_SIM_DAYS={{ days }} cargo test --locked --release --test sim_year

# The units of systemd/ under a real systemd, booted in namespaces of its own; as root.
systemd:
    cargo build --locked
    tests/systemd.sh target/debug/campanile

# Due times, job files and throughput, against what the machine itself can do.
bench:
    cargo bench --locked --bench next
    cargo bench --locked --bench check
    cargo bench --locked --bench throughput
    cargo bench --locked --bench boundary
    cargo bench --locked --bench many

# How long each question takes on a million runs of history; fewer with CAMPANILE_HISTORY_RUNS.
history:
    cargo bench --locked --bench history

# What schemathesis finds when it holds a daemon to its own document; without it on the path, it is fetched below target/.
schemathesis:
    cargo build --locked
    benches/schemathesis.sh target/debug/campanile

# Write the generated pages of docs/ anew; `git diff` shows what changed.
docs:
    CAMPANILE_WRITE_DOCS=1 cargo test --quiet --locked --lib

# A daemon on the examples of jobs.d, its state in .demo; ask it with `just ctl status`.
demo:
    mkdir -p .demo
    cargo run --locked -- daemon --jobs jobs.d --state .demo --socket .demo/campanile.sock

# Speak to the demo's daemon: `just ctl runs`.
ctl *words:
    @cargo run --quiet --locked -- ctl --socket .demo/campanile.sock {{ words }}
