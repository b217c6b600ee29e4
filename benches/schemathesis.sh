#!/usr/bin/env bash
# Holds a daemon to its own OpenAPI document with schemathesis: `st` from the path, or else one of its own below target/.
# Made-up tasks are really run, so the daemon is nobody when whoever asks is root.
set -euo pipefail
VERSION=4.32.5
campanile=$(realpath "$1")
st=$(command -v st || command -v schemathesis || true)
if [ -z "$st" ]; then
    venv=target/schemathesis-$VERSION
    if ! [ -x "$venv/bin/st" ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION"
    fi
    st=$(realpath "$venv/bin/st")
fi
folder=$(mktemp -d)
mkdir "$folder/jobs" "$folder/home"
printf 'cron = "0 3 * * *"\nshell = "true"\n' > "$folder/jobs/nightly.toml"
printf 'shell = "true"\n[params.day]\ntype = "string"\n' > "$folder/jobs/asks.toml"
token=$(head -c 24 /dev/urandom | base64 | tr -d '+/=')
printf '[tokens.schemathesis]\nsha256 = "%s"\nscope = "admin"\n' "$(printf %s "$token" | sha256sum | cut -d' ' -f1)" > "$folder/campanile.toml"
as=()
if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 "$folder"
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs)
fi
port=$(( 20000 + RANDOM % 20000 ))
(cd "$folder/home" && HOME="$folder/home" exec "${as[@]}" "$campanile" daemon --config "$folder/campanile.toml" \
    --jobs "$folder/jobs" --state "$folder/state" --socket "$folder/socket" --listen "127.0.0.1:$port" \
    > "$folder/log" 2>&1) &
daemon=$!
trap 'kill "$daemon"; wait "$daemon" || true; rm -rf "$folder"' EXIT
until curl --silent --fail "http://127.0.0.1:$port/readyz" > /dev/null; do
    kill -0 "$daemon" || { cat "$folder/log"; exit 1; }
done
# What only a second look can tell (zones, cycles, durations that overflow) is refused with 422; one key for two requests
# is refused too, and made-up keys meet each other.
cat > "$folder/schemathesis.toml" <<'TOML'
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422", "429", "5xx"]
TOML
# Streams have no end that a test could wait for. How few of its guesses fit the patterns of a task says nothing of us.
"$st" --config-file "$folder/schemathesis.toml" run "http://127.0.0.1:$port/api/v1/openapi.json" --url "http://127.0.0.1:$port" \
    --header "Authorization: Bearer $token" --exclude-path-regex '/(stream|logs)$' --suppress-health-check filter_too_much \
    --max-examples "${CAMPANILE_EXAMPLES:-50}"
