#!/bin/sh
# A command beside a syslogd whose /dev/log no other program of this machine sees, to be called in a mount namespace of
# its own: unshare --mount syslogd.sh FILE COMMAND …
# Ends with the command's status, once FILE has all that was logged.
set -eu

file=$1
shift
dev=$(mktemp -d)
mount -t tmpfs -o mode=755 quantix-dev "$dev"
for name in null zero full random urandom tty; do
	: >"$dev/$name"
	mount --bind "/dev/$name" "$dev/$name"
done
mount --move "$dev" /dev
rmdir "$dev"

busybox syslogd -n -O "$file" &
syslogd=$!
trap 'kill "$syslogd"' EXIT
until [ -S /dev/log ]; do sleep 0.05; done
status=0
"$@" || status=$?
logger -t syslogd.sh -- "this was all"
until grep -q 'this was all' "$file"; do sleep 0.05; done
exit "$status"
