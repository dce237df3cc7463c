#!/bin/sh
# The story of two recordings of real keepalived pairs. What was done to the nodes is printed before each; the
# times are those of the recording's own first frame.
set -eu
cd "$(dirname "$0")/.."

tell() {
  printf '\n# %s\n# %s\n$ vipwatch replay --relative -c demo/%s.yaml demo/%s.pcap\n\n' "$2" "$3" "$1" "$1"
  node dist/cli/main.js replay --relative -c "demo/$1.yaml" "demo/$1.pcap"
}

tell failover \
  'A web address on two nodes, n2 preferred. What was done: both keepalived started at 0.1 s and 0.4 s,' \
  'n2 killed with kill -9 at 10.4 s, and started again at 24.5 s.'
tell split-brain \
  'An address on two nodes, a preferred. What was done: both keepalived started at 0.0 s and 0.3 s,' \
  'a firewall dropped VRRP on both nodes from 9.3 s to 29.4 s.'
