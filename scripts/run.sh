#!/bin/sh
# `npm test`, `npm run demo`, `npm run bench`: first the set-up that each needs, then the thing itself.
#
#   sh scripts/run.sh test|demo|bench [--yes] [ARGUMENT…]
#
# --yes goes to the set-up, everything else to the thing.
set -eu
cd "$(dirname "$0")/.."

what=$1
shift
yes=''
for argument in "$@"; do
  shift
  case $argument in
    --yes) yes=--yes ;;
    *) set -- "$@" "$argument" ;;
  esac
done

case $what in
  test)
    sh scripts/setup.sh $yes
    exec node_modules/.bin/vitest run "$@"
    ;;
  demo)
    sh scripts/setup.sh $yes
    exec sh scripts/demo.sh "$@"
    ;;
  bench)
    sh scripts/setup.sh $yes tshark tcpdump
    node_modules/.bin/tsc -p tsconfig.bench.json
    exec node bench/.cache/js/run.js "$@"
    ;;
  *)
    echo "scripts/run.sh: test, demo or bench, not $what" >&2
    exit 2
    ;;
esac
