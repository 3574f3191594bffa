#!/bin/sh
# Publishes public/ to a bucket: publish-s3.sh s3://BUCKET[/PREFIX]      with the AWS command line
#                                publish-s3.sh REMOTE:BUCKET[/PREFIX]    with rclone
#
# The order is that of publish-rsync.sh: contents first, then signatures, then the pointers, then what people
# read. Nothing is deleted unless --prune says so, and then last. Credentials, region and endpoint are taken
# from where the tool looks for them.
set -eu

usage() {
	echo "usage: publish-s3.sh [--from PUBLIC] [--preflight URL] [--prune] DESTINATION" >&2
	echo "  --from PUBLIC    the tree to publish (default: public)" >&2
	echo "  --preflight URL  where hosts read it; asked right before the pointers move" >&2
	echo "  --prune          at the end, delete there what qx-repo prune took out here" >&2
	echo "  DESTINATION      s3://BUCKET/PREFIX (aws) or REMOTE:BUCKET/PREFIX (rclone)" >&2
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
case $destination in
s3://?*) tool=aws ;;
?*:?*) tool=rclone ;;
*) usage ;;
esac

if [ ! -d "$from/root" ]; then
	echo "publish-s3.sh: error: $from is not a repository: it has no root/" >&2
	exit 2
fi

# Older versions of the AWS command line do not read AWS_ENDPOINT_URL, which names another store than Amazon's.
s3() {
	aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} s3 "$@" --only-show-errors
}

forever='public, max-age=31536000, immutable'
again=no-cache

# What is named by its own digest or number: there or not, and never rewritten.
put_immutable() {
	folder=$1
	shift
	[ -d "$from/$folder" ] || return 0
	case $tool in
	aws) s3 sync "$from/$folder" "$destination/$folder" --size-only --cache-control "$forever" "$@" ;;
	rclone)
		rclone copy "$from/$folder" "$destination/$folder" --size-only --immutable \
			--header-upload "Cache-Control: $forever" "$@"
		;;
	esac
}

# What hosts of the older API download.
put_artifacts() {
	case $tool in
	aws) put_immutable api --exclude '*' --include '*.tar.gz' --include '*.squashfs' ;;
	rclone) put_immutable api --include '*.tar.gz' --include '*.squashfs' ;;
	esac
}

# What may gain a block or a line: by digest with rclone, by size and time with aws.
put_compared() {
	[ -d "$from/$1" ] || return 0
	case $tool in
	aws) s3 sync "$from/$1" "$destination/$1" --cache-control "$2" ;;
	rclone) rclone copy "$from/$1" "$destination/$1" --checksum --header-upload "Cache-Control: $2" ;;
	esac
}

# Pointers of two versions can be equal in size and time ("1.2.3" becomes "1.2.4"): they are always sent.
put_pointers() {
	[ -d "$from/channels" ] || return 0
	case $tool in
	aws)
		s3 cp "$from/channels" "$destination/channels" --recursive \
			--cache-control "$again" --exclude '*' --include "$1"
		;;
	rclone)
		rclone copy "$from/channels" "$destination/channels" --ignore-times \
			--header-upload "Cache-Control: $again" --include "$1"
		;;
	esac
}

put_rest() {
	set --
	for folder in objects deltas manifests schema root signatures channels; do
		case $tool in
		aws) set -- "$@" --exclude "$folder/*" ;;
		rclone) set -- "$@" --exclude "/$folder/**" ;;
		esac
	done
	for kind in tar.gz squashfs; do
		case $tool in
		aws) set -- "$@" --exclude "api/*.$kind" ;;
		rclone) set -- "$@" --exclude "/api/**.$kind" ;;
		esac
	done
	case $tool in
	aws) s3 cp "$from" "$destination" --recursive --cache-control "$again" "$@" ;;
	rclone) rclone copy "$from" "$destination" --checksum --header-upload "Cache-Control: $again" "$@" ;;
	esac
}

put_immutable objects
put_immutable deltas
put_immutable manifests
put_compared schema "$forever"
put_artifacts

# May gain blocks when somebody co-signs.
put_compared signatures "$again"

# A root asks for its own signatures, and for new ones of what it takes the worth from.
put_immutable root

# Has somebody else published meanwhile? Then no pointer of ours moves.
[ -z "$preflight" ] || qx-repo preflight "$preflight"

# Each pointer's own signature lies beside it and goes out before it.
put_pointers '*.json.minisig'
put_pointers '*.json'

# Everything else comes last: products/, repository.json and the page for people, the older API's answers.
put_rest

# Only now, and only what no release names any more.
if [ -n "$prune" ]; then
	list=$(mktemp)
	trap 'rm -f "$list" "$list.rooted"' EXIT
	qx-repo prune --removable > "$list"
	case $tool in
	aws) while read -r path; do s3 rm "$destination/$path" < /dev/null; done < "$list" ;;
	rclone)
		# Without a list rclone would delete everything.
		sed 's|^|/|' "$list" > "$list.rooted"
		[ ! -s "$list" ] || rclone delete "$destination" --fast-list --include-from "$list.rooted"
		;;
	esac
	qx-repo prune --removed
fi
