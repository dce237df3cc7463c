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

# The Debian packages of a live segment, each with a program of it. None where namespaces are not permitted, since
# they would be of no use there. Without them the rest still works, and says itself what it misses.
live_packages() {
  if [ "$(id -u)" != 0 ] || ! unshare --net true 2>/dev/null; then return; fi
  need ip iproute2
  need keepalived keepalived
  need nft nftables
  need arping iputils-arping
  for program in "$@"; do need "$program" "$program"; done
}
need() { command -v "$1" >/dev/null 2>&1 || printf ' %s' "$2"; }

set_up_live() {
  # shellcheck disable=SC2046 # a list of words
  sh scripts/setup.sh $yes --packages-only $(live_packages "$@") ||
    printf '%s\n' 'Going on without what a live segment needs.' >&2
  sh scripts/setup.sh $yes
}

# The servers that the timeline is written to, and those that are polled or probed. Without them their tests and
# figures are left out.
set_up_servers() {
  # shellcheck disable=SC2046 # a list of words
  sh scripts/setup.sh $yes --packages-only $(need influxd influxdb) "$@" ||
    printf '%s\n' 'Going on without those servers.' >&2
}

case $what in
  test)
    set_up_live tcpdump tcpreplay
    # shellcheck disable=SC2046 # a list of words
    set_up_servers victoria-metrics haproxy $(need nginx nginx-light) $(need mariadbd mariadb-server) galera-4 rsync
    exec node_modules/.bin/vitest run "$@"
    ;;
  demo)
    set_up_live
    exec node "$(node -p 'require("./package.json").bin.vipwatch')" demo "$@"
    ;;
  bench)
    set_up_live tcpreplay
    set_up_servers prometheus-haproxy-exporter
    sh scripts/setup.sh $yes tshark tcpdump
    node_modules/.bin/tsc -p tsconfig.bench.json
    exec node bench/.cache/js/bench/run.js "$@"
    ;;
  *)
    echo "scripts/run.sh: test, demo or bench, not $what" >&2
    exit 2
    ;;
esac
