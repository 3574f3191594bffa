#!/bin/sh
# Publishes public/ with rsync: publish-rsync.sh USER@HOST:/srv/quantix/public
#
# The order is what keeps hosts from ever reading a file that names another one which is not there yet:
# contents first, then signatures, then the pointers, then what people read. Nothing is
# deleted unless --prune says so, and then last.
set -eu

usage() {
	echo "usage: publish-rsync.sh [--from PUBLIC] [--preflight URL] [--prune] DESTINATION" >&2
	echo "  --from PUBLIC    the tree to publish (default: public)" >&2
	echo "  --preflight URL  where hosts read it; asked right before the pointers move" >&2
	echo "  --prune          at the end, delete there what qx-repo prune took out here" >&2
	exit 2
}

from=public
preflight=
prune=
while [ $# -gt 0 ]; do
	case $1 in
	--from)
		[ $# -ge 2 ] || usage
		from=$2
		shift 2
		;;
	--preflight)
		[ $# -ge 2 ] || usage
		preflight=$2
		shift 2
		;;
	--prune)
		prune=yes
		shift
		;;
	--) shift; break ;;
	-*) usage ;;
	*) break ;;
	esac
done
[ $# -eq 1 ] || usage
destination=${1%/}
[ -n "$destination" ] || usage

if [ ! -d "$from/root" ]; then
	echo "publish-rsync.sh: error: $from is not a repository: it has no root/" >&2
	exit 2
fi

# Times are kept: nginx makes its ETags of them. Partial uploads wait in a folder that no host asks for
# and become visible by rename. Modes are set, whatever the umask of the publisher was.
send() {
	rsync --recursive --times --perms --chmod=D755,F644 --partial-dir=.rsync-partial "$@"
}

# Files that never change once they have their name. What is there already stays as it is, but one of
# another size was cut short by somebody, and no host could use it.
send_immutable() {
	folder=$1
	shift
	[ -d "$from/$folder" ] || return 0
	send --ignore-existing "$@" "$from/$folder" "$destination/"
	odd=$(rsync --recursive --size-only --dry-run --out-format='%n' "$@" "$from/$folder" "$destination/")
	[ -z "$odd" ] && return 0
	echo "publish-rsync.sh: error: not what it was at the destination: $odd" >&2
	echo "publish-rsync.sh: hint: remove it there and publish again" >&2
	exit 21
}

# Size and time can be equal while the bytes are not ("1.2.3" becomes "1.2.4"): compare the bytes.
send_compared() {
	[ ! -d "$from/$1" ] || send --checksum "$from/$1" "$destination/"
}

send_immutable objects
send_immutable deltas
send_immutable manifests
send_compared schema

# What hosts of the older API download; the answers that name it come last.
send_immutable api --include='*/' --include='*.tar.gz' --include='*.squashfs' --exclude='*'

# May gain blocks when somebody co-signs.
send_compared signatures

# A root asks for its own signatures, and for new ones of what it takes the worth from.
send_immutable root

# Has somebody else published meanwhile? Then no pointer of ours moves.
[ -z "$preflight" ] || qx-repo preflight "$preflight"

# Each pointer's own signature lies beside it and goes out before it.
if [ -d "$from/channels" ]; then
	send --checksum --include='*/' --include='*.json.minisig' --exclude='*' "$from/channels" "$destination/"
	send --checksum --include='*/' --include='*.json' --exclude='*' "$from/channels" "$destination/"
fi

# Everything else comes last: products/, repository.json and the page for people, the older API's answers.
send --checksum --exclude=/objects --exclude=/deltas --exclude=/manifests --exclude=/schema \
	--exclude=/root --exclude=/signatures --exclude=/channels \
	--exclude='/api/**.tar.gz' --exclude='/api/**.squashfs' "$from/" "$destination/"

# A path with the folders above it, as rules that let rsync see them and nothing else:
#
#   objects/ab/abcd…  →  + /objects/   + /objects/ab/   + /objects/ab/abcd…   - *
only_listed() {
	awk -F/ '{
		path = ""
		for (i = 1; i < NF; i++) {
			path = path "/" $i
			if (!(path in seen)) print "+ " path "/"
			seen[path] = 1
		}
		print "+ " path "/" $NF
	} END { print "- *" }'
}

# Only now, and only what no release names any more. What the rules leave out is neither sent nor deleted.
# (--delete-missing-args would say it in one word; it fails in rsyncs that check the modes of files.)
if [ -n "$prune" ]; then
	rules=$(mktemp)
	trap 'rm -f "$rules"' EXIT
	removable=$(qx-repo prune --removable)
	if [ -n "$removable" ]; then
		printf '%s\n' "$removable" | only_listed > "$rules"
		rsync --recursive --delete --existing --ignore-existing --filter=". $rules" "$from/" "$destination/"
	fi
	qx-repo prune --removed
fi
