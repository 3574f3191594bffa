#!/bin/sh
# The older system's call for a manifest of built artifacts: generate-manifest.sh [STAGING_DIR]
#
# It used to print JSON about the .tar.gz and .tar.zst files of a folder. Now it signs a release of what is in them
# (or of the plain files and folders, each under the name of its component) and prints the signed manifest. No
# channel moves. Called in the workspace, with
#
#   VERSION               the release's version (0.0.1)
#   PRODUCT, COMPONENTS   quantix-os, and its components
set -eu

name=$(basename "$0")
product=${PRODUCT:-quantix-os}
all=${COMPONENTS:-qx-node qx-console host-ui}
[ "$product" != quantix-vdc ] || all=${COMPONENTS:-migrations dashboard controlplane}

if [ $# -gt 1 ]; then
	echo "usage: $name [STAGING_DIR]" >&2
	exit 2
fi
staging=${1:-.}
[ $# -eq 0 ] || shift
if [ -n "${CHANNEL:-}" ]; then
	echo "$name: CHANNEL has no meaning here: a manifest is of no channel;" \
		"qx-repo point $product $CHANNEL VERSION makes it current" >&2
fi

unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# What older hosts took for a folder is one; of every other archive they took the one file.
unpack() {
	folder=$unpacked/$1
	mkdir "$folder"
	case $2 in
	*.zst) zstd -qdc "$2" | tar -xf - -C "$folder" ;;
	*) tar -xzf "$2" -C "$folder" ;;
	esac
	case $1 in
	host-ui | dashboard | migrations) echo "$folder" ;;
	*) find "$folder" -type f | head -n 1 ;;
	esac
}

for one in $all; do
	for path in "$staging/$one.tar.gz" "$staging/$one.tar.zst" "$staging/$one"; do
		[ -e "$path" ] || continue
		case $path in
		*.tar.*) path=$(unpack "$one" "$path") ;;
		esac
		set -- "$@" --component "$one=$path"
		break
	done
done
if [ $# -eq 0 ]; then
	echo "$name: error: $staging has none of $all" >&2
	exit 2
fi
qx-repo generate --product "$product" --version "${VERSION:-0.0.1}" --json "$@" > "$unpacked/answer"
manifest=$(sed -n 's|.*"path": *"\(manifests/[0-9a-f]*\.json\)".*|\1|p' "$unpacked/answer" | head -n 1)
if [ -z "$manifest" ]; then
	echo "$name: the manifest waits for signatures in pending/ (qx-repo sign --add FILE)" >&2
	exit 0
fi
cat "public/$manifest"
