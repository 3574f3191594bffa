#!/bin/sh
# The older system's call for a release of the hypervisor host, with its flags: publish-update.sh --channel beta
#
# It used to build, bump VERSION and upload to an update server. Now the built files lie in BUILD_DIR (build/), each
# under the name of its component; `qx-repo generate` signs a release of them, and a publishing script sends the
# tree. Called in the workspace, with
#
#   VERSION, CHANNEL      as --version and --channel
#   BUILD_DIR             where the built files are (build)
#   VERSION_FILE          the file that is counted on (quantix-os/VERSION where it exists, else VERSION)
#   QX_DESTINATION        where the tree is published, as the publishing script takes it; without it nothing is sent
#   QX_PUBLISH            rsync, s3 or copy (rsync)
#   QX_URL                where hosts read it: asked right before the pointers move
#   PRODUCT, COMPONENTS   another product (quantix-os) and what is published of it without --component
set -eu

name=$(basename "$0")
here=$(dirname "$0")
product=${PRODUCT:-quantix-os}
all=${COMPONENTS:-qx-node qx-console host-ui}
build=${BUILD_DIR:-build}
channel=${CHANNEL:-dev}
version=${VERSION:-}

usage() {
	cat <<-END
		usage: $name [OPTIONS]
		  --channel NAME     the channel that moves (dev)
		  --component NAME   only this one, $build/NAME, or NAME=PATH; repeatable. What is not named is
		                     carried over from the channel's release
		  --version VERSION  this version; VERSION is not counted on
		  --no-bump          the version that VERSION says
		  --dry-run          say what would be published, and write nothing
		  --server URL, --token TOKEN, --no-cache   taken, and without meaning here
	END
}

say() { echo "$name: $*" >&2; }

fail() {
	say "error: $1"
	[ $# -lt 2 ] || say "hint: $2"
	exit 2
}

no_server() {
	say "--server has no meaning here: the tree is static; QX_DESTINATION says where it is sent, QX_URL who serves it"
}

no_token() {
	say "--token has no meaning here: the keys in keys/ or QX_REPO_SECRET_KEY sign, and hosts check that"
}

no_cache() {
	say "--no-cache has no meaning here: nothing is built; what lies in $build/ is published"
}

bump=yes
dry=
chosen=
[ -z "$version" ] || bump=
while [ $# -gt 0 ]; do
	case $1 in
	--channel | --component | --version | --server | --token)
		[ $# -ge 2 ] || {
			usage >&2
			exit 2
		}
		;;
	esac
	case $1 in
	--channel) channel=$2 && shift 2 ;;
	--component) chosen="$chosen $2" && shift 2 ;;
	--version) version=$2 bump='' && shift 2 ;;
	--server) no_server && shift 2 ;;
	--token) no_token && shift 2 ;;
	--no-bump) bump='' && shift ;;
	--no-cache) no_cache && shift ;;
	--dry-run) dry=--dry-run && shift ;;
	--help | -h) usage && exit 0 ;;
	*)
		usage >&2
		exit 2
		;;
	esac
done

file=${VERSION_FILE:-}
if [ -z "$file" ]; then
	file=VERSION
	[ ! -f "$product/VERSION" ] || file=$product/VERSION
fi

# 1.4.2 becomes 1.4.3; without a file the first version is 0.0.1.
next_version() {
	stands=0.0.0
	[ ! -f "$file" ] || stands=$(tr -d ' \r\n' < "$file")
	[ -f "$file" ] || [ -n "$bump" ] || stands=0.0.1
	case $stands in
	*[!0-9.]* | *.*.*.* | .* | *. | *..*) fail "$file does not hold a version like 1.4.2: $stands" ;;
	*.*.*) ;;
	*) fail "$file does not hold a version like 1.4.2: $stands" ;;
	esac
	if [ -n "$bump" ]; then
		echo "${stands%.*}.$((${stands##*.} + 1))"
	else
		echo "$stands"
	fi
}

[ -n "$version" ] || version=$(next_version)

# --component flags, and whether anything of the product is left to be carried over.
set --
carry=
if [ -n "$chosen" ]; then
	carry=yes
	for one in $chosen; do
		case $one in
		*=*) ;;
		*)
			[ -e "$build/$one" ] || fail "$one is not built: there is no $build/$one"
			one=$one=$build/$one
			;;
		esac
		set -- "$@" --component "$one"
	done
else
	for one in $all; do
		if [ -e "$build/$one" ]; then
			set -- "$@" --component "$one=$build/$one"
		else
			carry=yes
			say "$one is not built (no $build/$one)"
		fi
	done
	[ $# -gt 0 ] || fail "nothing is built: $build/ has none of $all" "BUILD_DIR says where built files are"
fi
# The first release of a channel has nothing to carry over from.
if [ -n "$carry" ] && [ -f "public/channels/$product/$channel.json" ]; then
	set -- "$@" --carry
fi

qx-repo generate --product "$product" --version "$version" --channel "$channel" ${dry:+"$dry"} "$@"
[ -z "$dry" ] || exit 0

# Counted on only now: a release that was refused uses no number up.
[ -z "$bump" ] || echo "$version" > "$file"

if [ -z "${QX_DESTINATION:-}" ]; then
	say "$product $version lies in public/ and is not published: QX_DESTINATION is not set"
	exit 0
fi
set -- "$QX_DESTINATION"
[ -z "${QX_URL:-}" ] || set -- --preflight "$QX_URL" "$@"
sh "$here/publish-${QX_PUBLISH:-rsync}.sh" "$@" || {
	status=$?
	say "$product $version is not published; the same again with --no-bump"
	exit "$status"
}
