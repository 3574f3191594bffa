#!/bin/sh
# Makes a slot image of a built root folder:
#
#   make-image.sh --layout A --kernel vmlinuz --initramfs initramfs --arch x86_64 \
#       --compatible quantix-os --version 1.5.0 --component qx-node=1.5.0 ROOT OUT
#
#   A   a squashfs that GRUB reads itself (gzip, blocks of 128 KiB), kernel and initramfs inside, uncompressed
#   B   an ext4 without a journal: boot/vmlinuz, boot/initramfs, quantix/system.squashfs (zstd, 128 KiB)
#
# Same input, same bytes: names are sorted, times are SOURCE_DATE_EPOCH (1970 when it is not set), owners are root
# unless --keep-owners says otherwise, identifiers are constants. Neither root nor mounts nor loop devices are needed.
# The last 4096 bytes say what the image is: see "Slot images" in client/format/README.md.
set -eu

program=${0##*/}
fail() {
	echo "$program: error: $1" >&2
	exit 2
}
usage() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0" | sed -n '1,7p' >&2
	exit 2
}

layout=
kernel=
initramfs=
arch=$(uname -m)
compatible=
version=
components=
owners=-all-root

# Names and versions go into JSON as they are.
plain() {
	case $2 in
	'' | *[!A-Za-z0-9._+-]*) fail "$1: \"$2\" is no name or version" ;;
	esac
}

while [ $# -gt 0 ]; do
	case $1 in
	--keep-owners)
		owners=
		shift
		continue
		;;
	--layout | --kernel | --initramfs | --arch | --compatible | --version | --component)
		[ $# -ge 2 ] || usage
		;;
	-*) usage ;;
	*) break ;;
	esac
	case $1 in
	--layout) layout=$2 ;;
	--kernel) kernel=$2 ;;
	--initramfs) initramfs=$2 ;;
	--arch) arch=$2 ;;
	--compatible) compatible=$2 ;;
	--version) version=$2 ;;
	--component)
		case $2 in *=*) ;; *) fail "--component: \"$2\" is not NAME=VERSION" ;; esac
		plain --component "${2%%=*}"
		plain --component "${2#*=}"
		components="$components${components:+,}\"${2%%=*}\":\"${2#*=}\""
		;;
	esac
	shift 2
done
[ $# -eq 2 ] || usage
root=${1%/}
out=$2
plain --arch "$arch"
plain --compatible "$compatible"
plain --version "$version"
case $layout in A | B) ;; *) fail "--layout is A or B" ;; esac
[ -d "$root" ] || fail "$root is no folder"
[ -f "$kernel" ] || fail "--kernel: no file $kernel"
[ -f "$initramfs" ] || fail "--initramfs: no file $initramfs"
[ -e "$root/usr/bin/node" ] || echo "$program: warning: no usr/bin/node in $root: qx-update needs Node.js 20 or later" >&2

epoch=${SOURCE_DATE_EPOCH:-1}
# e2fsprogs takes a time of 0 for none.
[ "$epoch" != 0 ] || epoch=1
# mksquashfs takes either the variable or the option.
unset SOURCE_DATE_EPOCH
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work" "$out.new"' EXIT

mkdir "$work/boot"
cp "$kernel" "$work/boot/vmlinuz"
cp "$initramfs" "$work/boot/initramfs"
chmod 644 "$work/boot/vmlinuz" "$work/boot/initramfs"

# squash TARGET OPTION ...: the root folder without its boot/, and "$beside" where something goes with it.
squash() {
	target=$1
	shift
	# A destination that exists would be added to.
	rm -f "$target"
	# shellcheck disable=SC2086 # owners is one word or none
	set -- "$target" -keep-as-directory -noappend -no-progress -quiet -b 131072 $owners \
		-root-mode 755 -mkfs-time "$epoch" -all-time "$epoch" "$@"
	for entry in "$root"/* "$root"/.[!.]*; do
		[ -e "$entry" ] || [ -L "$entry" ] || continue
		[ "${entry##*/}" = boot ] || set -- "$entry" "$@"
	done
	[ -z "$beside" ] || set -- "$beside" "$@"
	mksquashfs "$@" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 1
	}
}

# GRUB reads kernel and initramfs where they lie; both are compressed already.
layout_a() {
	beside=$work/boot
	squash "$out.new" -comp gzip \
		-action 'uncompressed@pathname(boot/vmlinuz)' -action 'uncompressed@pathname(boot/initramfs)'
}

# Features that GRUB 2.06 does not read stay off. debugfs writes in the order given, which a folder does not have.
layout_b() {
	beside=
	squash "$work/system.squashfs" -comp zstd -Xcompression-level 15
	content=$(cat "$work/boot/vmlinuz" "$work/boot/initramfs" "$work/system.squashfs" | wc -c)
	blocks=$((content / 4096 + content / 4096 / 256 + 512))
	rm -f "$out.new"
	truncate -s $((blocks * 4096)) "$out.new"
	uuid=51554154-4958-0000-0000-000000000001
	export E2FSPROGS_FAKE_TIME="$epoch"
	mke2fs -q -F -t ext4 -b 4096 -I 256 -m 0 -N 16 -L QUANTIX -U "$uuid" -E "hash_seed=$uuid,root_owner=0:0" \
		-O ^has_journal,^metadata_csum,^resize_inode,^64bit,^dir_index,^orphan_file "$out.new"
	cat >"$work/commands" <<END
mkdir boot
write $work/boot/vmlinuz boot/vmlinuz
write $work/boot/initramfs boot/initramfs
mkdir quantix
write $work/system.squashfs quantix/system.squashfs
END
	debugfs -w -f "$work/commands" "$out.new" >"$work/log" 2>&1
	# debugfs ends with 0 whatever went wrong: look.
	for file in boot/vmlinuz boot/initramfs quantix/system.squashfs; do
		debugfs -R "cat $file" "$out.new" 2>/dev/null | cmp -s - "$work/${file#quantix/}" || {
			cat "$work/log" >&2
			fail "$file did not get into the image"
		}
	done
}

case $layout in A) layout_a ;; B) layout_b ;; esac

# To a whole block, then the block that says what this is.
size=$(wc -c <"$out.new")
truncate -s $(((size + 4095) / 4096 * 4096)) "$out.new"
{
	printf 'QUANTIX-IMAGE 1\n'
	printf '{"arch":"%s","compatible":"%s","components":{%s},"layout":"%s","version":"%s"}\n' \
		"$arch" "$compatible" "$components" "$layout" "$version"
} >"$work/about"
[ "$(wc -c <"$work/about")" -le 4096 ] || fail "too many components to say"
truncate -s 4096 "$work/about"
cat "$work/about" >>"$out.new"
mv "$out.new" "$out"
echo "$out: layout $layout, $(wc -c <"$out") bytes"
