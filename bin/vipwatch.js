#!/bin/sh
':' /*
# vipwatch: a shell script that is also JavaScript (`node bin/vipwatch.js` runs what follows this comment).
#
# `observe` captures packets, which takes a privilege. Started as root it becomes another user here, before anything
# of vipwatch runs, and keeps CAP_NET_RAW alone: as --user NAME says, else the account vipwatch, else whoever called
# sudo, else nobody. The launcher then keeps that privilege from all processes but the captures. Started as somebody
# else it keeps what it was given (systemd: AmbientCapabilities=CAP_NET_RAW). All other commands just run.
set -eu

stop() {
  printf 'vipwatch: %s\n' "$@" >&2
  exit 2
}

root=$(dirname "$(dirname "$(readlink -f "$0")")")
node=$(command -v node) || stop 'node is not on the PATH (Node.js 20.19 or newer: https://nodejs.org/en/download)'
node=$(readlink -f "$node")
launcher=$root/dist/capture/live/launcher.js

observe=''
[ "${1:-}" != observe ] || observe=1
user=''
previous=''
for argument in "$@"; do
  case $argument in
    -h | --help) observe='' ;;
    --user=?*) user=${argument#--user=} ;;
  esac
  [ "$previous" != --user ] || user=$argument
  previous=$argument
done

[ -e "$launcher" ] || stop "$root/dist is not there yet: npm run build"
[ -n "$observe" ] || exec "$node" "$root/dist/cli/main.js" "$@"
command -v setpriv >/dev/null || stop 'setpriv is needed (Debian package util-linux)'

if [ "$(id -u)" != 0 ]; then
  [ -z "$user" ] || [ "$user" = "$(id -un)" ] || stop "only root can run it as $user"
  exec setpriv --no-new-privs "$node" "$launcher" "$@"
fi

if [ -n "$user" ]; then
  id -u "$user" >/dev/null 2>&1 || stop "there is no user $user"
elif id -u vipwatch >/dev/null 2>&1; then
  user=vipwatch
elif [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
  user=$SUDO_USER
else
  user=nobody
fi
uid=$(id -u "$user")
gid=$(id -g "$user")
[ "$uid" != 0 ] || stop "it does not run as root, and $user is root: choose another --user"

# Without a privilege, as that user: can it run the program at all?
for file in "$node" "$launcher"; do
  setpriv --reuid="$uid" --regid="$gid" --init-groups --inh-caps=-all sh -c 'test -r "$1"' sh "$file" ||
    stop "it would run as $user, who cannot read $file." \
      "Install it where everybody can, such as /opt/vipwatch or by npm install --global," \
      'or choose another user: vipwatch observe --user NAME'
done

# systemd makes these two, and says where.
STATE_DIRECTORY=${STATE_DIRECTORY:-/var/lib/vipwatch}
RUNTIME_DIRECTORY=${RUNTIME_DIRECTORY:-/run/vipwatch}
for folder in "$STATE_DIRECTORY" "$RUNTIME_DIRECTORY"; do
  [ -d "$folder" ] || install -d -m 0750 -o "$uid" -g "$gid" "$folder"
  owner=$(stat -c %u "$folder")
  [ "$owner" = "$uid" ] ||
    stop "$folder belongs to another user ($(stat -c %U "$folder")), and it would run as $user." \
      "Either: chown -R $user $folder" \
      "or: vipwatch observe --user $(stat -c %U "$folder")"
done
HOME=$(getent passwd "$user" | cut -d : -f 6)
export STATE_DIRECTORY RUNTIME_DIRECTORY HOME
export USER="$user" LOGNAME="$user"

exec setpriv --reuid="$uid" --regid="$gid" --init-groups --no-new-privs \
  --bounding-set=-all,+net_raw --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw \
  "$node" "$launcher" "$@"
*/;
await import('../dist/cli/main.js');
