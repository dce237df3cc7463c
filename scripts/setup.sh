#!/bin/sh
# Makes a fresh Debian machine ready: Debian packages, npm packages, build. Does only what is missing.
#
#   sh scripts/setup.sh [--yes] [--packages-only] [PACKAGE…]
#
# Lists what it would install and asks on a terminal; --yes and CI=true answer for you. Without a terminal and
# without either, or without root, it prints the one line to run and exits 2. If nothing is missing, it asks
# nothing and needs no root. Debian starts none of the services it installs. Depends on no package itself.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
yes=''
packages_only=''
wanted=''

main() {
  # `npm test --yes` (without the `--`) reaches us as npm's own setting.
  if [ "${CI:-}" = true ] || [ "${CI:-}" = 1 ] || [ "${npm_config_yes:-}" = true ]; then yes=1; fi
  for argument in "$@"; do
    case $argument in
      --yes) yes=1 ;;
      --packages-only) packages_only=1 ;;
      -*) stop "scripts/setup.sh: unknown option $argument" ;;
      *) wanted="$wanted $argument" ;;
    esac
  done

  if [ -z "$packages_only" ] && ! [ -e "$pcap" ]; then want_pcap; fi
  install_debian_packages
  if [ -n "$packages_only" ]; then exit 0; fi
  require_node
  install_npm_packages
  sh "$here/build.sh" --if-stale >&2
}

# What npm needs to build the package pcap, without which there is no live capture; all else works.
pcap=$here/../node_modules/pcap/build/Release/pcap_binding.node
to_build_pcap='libpcap-dev python3 make g++'
want_pcap() {
  if [ "$(id -u)" = 0 ]; then
    wanted="$wanted $to_build_pcap"
  elif ! [ -e /usr/include/pcap/pcap.h ]; then
    say "Without libpcap-dev there is no live capture. For that, run this, then start again:
  sudo sh $here/setup.sh --yes --packages-only $to_build_pcap"
  fi
}

# A program on the PATH counts, wherever it came from; else dpkg knows.
present() {
  command -v "$1" >/dev/null 2>&1 ||
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}

install_debian_packages() {
  missing=''
  for package in $wanted; do
    present "$package" || missing="$missing $package"
  done
  if [ -z "$missing" ]; then return; fi

  say "Debian packages to be installed:$missing"
  command -v apt-get >/dev/null 2>&1 || stop "This is no Debian: install them your own way, then run this again."
  if [ "$(id -u)" != 0 ]; then
    stop "That needs root. Run this, then start again:
  sudo sh $here/setup.sh --yes --packages-only$missing"
  fi
  if [ -z "$yes" ]; then
    if ! [ -t 0 ] || ! [ -t 2 ]; then
      stop "Nobody to ask here. Run this, then start again:
  sh $here/setup.sh --yes --packages-only$missing"
    fi
    printf 'Install them now? [y/N] ' >&2
    read -r answer
    case $answer in y | Y | yes) ;; *) stop 'Nothing was installed.' ;; esac
  fi

  forbid_services
  # A fresh machine has no package lists; old ones may name versions that the archive no longer holds.
  # shellcheck disable=SC2086 # a list of words
  apt-cache show $missing >/dev/null 2>&1 || apt-get update -q >&2
  # shellcheck disable=SC2086 # a list of words
  apt_install $missing || { apt-get update -q >&2 && apt_install $missing; } ||
    stop "apt-get could not install:$missing (see above)"
  allow_services
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# invoke-rc.d asks /usr/sbin/policy-rc.d whether it may start a service; 101 says no. An existing policy stays.
policy=/usr/sbin/policy-rc.d
forbid_services() {
  if [ -e "$policy" ]; then return; fi
  trap allow_services EXIT
  trap 'exit 130' INT
  trap 'exit 143' HUP TERM
  printf '#!/bin/sh\n# vipwatch set-up\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}
allow_services() {
  if grep -qs '^# vipwatch set-up$' "$policy"; then rm -f "$policy"; fi
}

require_node() {
  if ! command -v npm >/dev/null 2>&1; then
    stop 'Node.js 20.19 or newer with npm is needed: https://nodejs.org/en/download'
  fi
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    stop "Node.js 20.19 or newer is needed; this is $(node --version): https://nodejs.org/en/download"
}

# npm writes node_modules/.package-lock.json last, so it dates a finished install. It leaves pcap out where it could
# not build it; once libpcap-dev has come (dpkg's list of its files dates that), it is worth another try.
install_npm_packages() {
  installed=$here/../node_modules/.package-lock.json
  if [ -e "$installed" ] && ! [ "$here/../package-lock.json" -nt "$installed" ]; then
    if [ -e "$pcap" ]; then return; fi
    libpcap=$(find /var/lib/dpkg/info -name 'libpcap*-dev*.list' -newer "$installed" 2>/dev/null | head -n 1)
    if [ -z "$libpcap" ]; then return; fi
  fi
  say 'npm ci'
  (cd "$here/.." && npm ci --no-audit --no-fund >&2)
}

say() { printf '%s\n' "$*" >&2; }
stop() {
  say "$@"
  exit 2
}

main "$@"
