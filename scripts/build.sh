#!/bin/sh
# Compiles src into dist. With --if-stale only where something is newer than the last build that succeeded.
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" = --if-stale ] && [ -e dist/.built ] &&
  [ -z "$(find src package.json tsconfig.json tsconfig.build.json -newer dist/.built | head -n 1)" ]; then
  exit 0
fi

rm -f dist/.built
started=$(mktemp)
trap 'rm -f "$started"' EXIT
node_modules/.bin/tsc -p tsconfig.build.json
chmod +x dist/cli/main.js
# Dated the start: a source saved while the compiler ran is newer, and is built next time.
touch -r "$started" dist/.built
