#!/bin/sh
# Publishes public/ by plain copying: publish-copy.sh /srv/quantix/public
#
# For a folder of this machine, a mounted share or a stick. The order is that of publish-rsync.sh: contents
# first, then signatures, then the pointers, then what people read. Each file is copied aside and renamed,
# so that nobody reads half of one. Nothing is deleted unless --prune says so, and then last.
set -eu
export LC_ALL=C

usage() {
	echo "usage: publish-copy.sh [--from PUBLIC] [--preflight URL] [--prune] FOLDER" >&2
	echo "  --from PUBLIC    the tree to publish (default: public)" >&2
	echo "  --preflight URL  where hosts read it (or FOLDER); asked right before the pointers move" >&2
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
	echo "publish-copy.sh: error: $from is not a repository: it has no root/" >&2
	exit 2
fi

umask 022
mkdir -p "$destination"
aside=$destination/.publishing-$$
lists=$(mktemp -d)
trap 'rm -rf "$aside" "$lists"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$aside"

# One file, at once. On the medium before it is renamed: a pointer must not outlive what it names.
place() {
	mkdir -p "$destination/$(dirname "$1")"
	cp -p "$from/$1" "$aside/file"
	chmod 644 "$aside/file"
	mv -f "$aside/file" "$destination/$1"
}

# "path size" of every file in a folder of a tree, or of those that a pattern of find selects, sorted. Names of
# the tree have no spaces.
listed() {
	tree=$1 folder=$2
	shift 2
	[ ! -d "$tree/$folder" ] || (cd "$tree" && find "$folder" -type f "$@" -exec ls -ln {} +) |
		awk '{ print $NF, $5 }' | sort
}

# Files that never change once they have their name. What is there already stays as it is, but one of
# another size was cut short by somebody, and no host could use it.
copy_immutable() {
	listed "$from" "$@" > "$lists/ours"
	listed "$destination" "$@" > "$lists/theirs"
	join "$lists/ours" "$lists/theirs" | awk '$2 != $3 { print $1 }' > "$lists/odd"
	if [ -s "$lists/odd" ]; then
		echo "publish-copy.sh: error: not what it was at the destination: $(head -n 1 "$lists/odd")" >&2
		echo "publish-copy.sh: hint: remove it there and publish again" >&2
		exit 21
	fi
	join -v 1 "$lists/ours" "$lists/theirs" > "$lists/missing"
	while read -r path _; do place "$path"; done < "$lists/missing"
}

# All other files whose names a pattern of find selects, where the bytes differ.
copy_compared() {
	folder=$1
	shift
	[ -d "$from/$folder" ] || return 0
	(cd "$from" && find "$folder" -type f "$@" | sed 's|^\./||' | sort) > "$lists/ours"
	while read -r path; do
		cmp -s "$from/$path" "$destination/$path" || place "$path"
	done < "$lists/ours"
}

copy_immutable objects
copy_immutable deltas
copy_immutable manifests
copy_compared schema

# What hosts of the older API download; the answers that name it come last.
copy_immutable api -name '*.tar.gz'
copy_immutable api -name '*.squashfs'

# May gain blocks when somebody co-signs.
copy_compared signatures

# A root asks for its own signatures, and for new ones of what it takes the worth from.
copy_immutable root

# Not one pointer goes out before everything that it names is on the medium.
sync

# Has somebody else published meanwhile? Then no pointer of ours moves.
[ -z "$preflight" ] || qx-repo preflight "$preflight"

# Each pointer's own signature lies beside it and goes out before it.
copy_compared channels -name '*.json.minisig'
copy_compared channels -name '*.json'

# Everything else comes last: products/, repository.json and the page for people, the older API's answers.
copy_compared . ! -path './objects/*' ! -path './deltas/*' ! -path './manifests/*' \
	! -path './schema/*' ! -path './root/*' ! -path './signatures/*' ! -path './channels/*' \
	! -path './api/*.tar.gz' ! -path './api/*.squashfs'

# Only now, and only what no release names any more.
if [ -n "$prune" ]; then
	list=$lists/removable
	qx-repo prune --removable > "$list"
	while read -r path; do rm -f "$destination/$path"; done < "$list"
	qx-repo prune --removed
fi
