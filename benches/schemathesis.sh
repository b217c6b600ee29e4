#!/usr/bin/env bash
# Holds a daemon to its own OpenAPI document with schemathesis. Needs `st` (or `schemathesis`) on the path, or `uvx`.
set -euo pipefail
campanile=$(realpath "$1")
folder=$(mktemp -d)
mkdir "$folder/jobs"
printf 'cron = "0 3 * * *"\nshell = "true"\n' > "$folder/jobs/nightly.toml"
token=$(head -c 24 /dev/urandom | base64 | tr -d '+/=')
printf '[tokens.schemathesis]\nsha256 = "%s"\nscope = "admin"\n' "$(printf %s "$token" | sha256sum | cut -d' ' -f1)" > "$folder/campanile.toml"
port=$(( 20000 + RANDOM % 20000 ))
"$campanile" daemon --config "$folder/campanile.toml" --jobs "$folder/jobs" --state "$folder/state" \
    --socket "$folder/socket" --listen "127.0.0.1:$port" > "$folder/log" 2>&1 &
daemon=$!
trap 'kill "$daemon"; wait "$daemon" || true; rm -rf "$folder"' EXIT
until curl --silent --fail "http://127.0.0.1:$port/readyz" > /dev/null; do kill -0 "$daemon"; done
st=$(command -v st || command -v schemathesis || echo "uvx schemathesis")
# One key for two requests is refused, and made-up keys meet each other.
cat > "$folder/schemathesis.toml" <<'TOML'
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422", "429", "5xx"]
TOML
# Streams have no end that a test could wait for.
$st --config-file "$folder/schemathesis.toml" run "http://127.0.0.1:$port/api/v1/openapi.json" --url "http://127.0.0.1:$port" \
    --header "Authorization: Bearer $token" --exclude-path-regex '/(stream|logs)$' --max-examples "${CAMPANILE_EXAMPLES:-50}"
