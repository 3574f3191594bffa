#!/bin/sh
# Puts the files of this folder, and the client, into the root folder of an image:
#
#   install.sh [--client FILE] [--systemd] DESTDIR
#
# With --systemd, for an image that systemd starts, the units of usr/lib/systemd/system take the place of OpenRC's services and
# of cron. The client is dist/qx-update.cjs beside this folder unless --client names another. What is there already in etc/conf.d stays as
# it is; everything else is replaced. Services get their links in etc/runlevels,
# and root's crontab a line for the run of every quarter of an hour. Called again, it changes nothing.
# boot/grub belongs on the EFI system partition and initramfs/ into the initramfs: README.md says how.
set -eu

program=${0##*/}
fail() {
	echo "$program: error: $1" >&2
	exit 2
}
usage() {
	echo "$program: usage: $program [--client FILE] [--systemd] DESTDIR" >&2
	exit 2
}

source=$(cd "$(dirname "$0")" && pwd)
client=$source/../dist/qx-update.cjs
library=usr/lib/quantix-update
boot_services="quantix-overlay-mounts quantix-update-check"
default_services="quantix-node quantix-update-serve quantix-update-verify"
units=usr/lib/systemd/system
systemd=

while [ $# -gt 0 ]; do
	case $1 in
	--client)
		[ $# -ge 2 ] || usage
		client=$2
		shift 2
		;;
	--systemd)
		systemd=yes
		shift
		;;
	-*) usage ;;
	*) break ;;
	esac
done
[ $# -eq 1 ] || usage
[ -d "$1" ] || fail "\"$1\" is no folder"
destination=$(cd "$1" && pwd -P)
destination=${destination%/}
[ -f "$client" ] || fail "no client at $client; \"npm run build\" makes it, --client names another"
case $(head -n 1 "$client" | tr -d '\0') in
'#!'*node) ;;
*) fail "$client is no client: its first line names no node" ;;
esac

# make_folder PATH: the folder that a file of the image goes to. A link that leads out of the image would change this machine,
# so what is there is looked at before anything is made.
make_folder() {
	folder=$destination/$1
	there=$folder
	while [ ! -e "$there" ] && [ ! -L "$there" ]; do there=${there%/*}; done
	[ -d "$there" ] || fail "$there is no folder"
	case $(cd "$there" && pwd -P)/ in
	"$destination"/*) mkdir -p "$folder" ;;
	*) fail "$there leads out of the image" ;;
	esac
}

# make_way PATH: for a file or a link, in whose place no folder may be.
make_way() {
	make_folder "${1%/*}"
	if [ -d "$destination/$1" ] && [ ! -L "$destination/$1" ]; then fail "$destination/$1 is a folder"; fi
}

# put FILE PATH: by rename, as the image may be the system that runs. What begins with #! is a program.
put() {
	make_way "$2"
	target=$destination/$2
	cp "$1" "$target.new"
	case $(head -c 2 "$1") in
	'#!') chmod 755 "$target.new" ;;
	*) chmod 644 "$target.new" ;;
	esac
	mv -f "$target.new" "$target"
}

# link TARGET PATH
link() {
	make_way "$2"
	ln -sfn "$1" "$destination/$2"
}

# is_for_another FILE: for the other way in which a system is started. Settings of a service go with it.
is_for_another() {
	case $1 in
	"$units"/*) [ -z "$systemd" ] ;;
	etc/init.d/* | etc/local.d/* | etc/periodic/*) [ -n "$systemd" ] ;;
	etc/conf.d/quantix-update-check) return 1 ;;
	etc/conf.d/*) [ -n "$systemd" ] && [ -e "$source/etc/init.d/${1##*/}" ] ;;
	*) return 1 ;;
	esac
}

put_files() {
	(cd "$source" && find etc usr -type f | sort) | while read -r file; do
		if is_for_another "$file"; then continue; fi
		case $file in
		etc/conf.d/*)
			if [ -e "$destination/$file" ]; then continue; fi
			;;
		esac
		put "$source/$file" "$file"
	done
}

# start_in RUNLEVEL SERVICE ...
start_in() {
	runlevel=$1
	shift
	for service; do
		link "/etc/init.d/$service" "etc/runlevels/$runlevel/$service"
	done
}

# has PATH ...: whether the image has one of these. Links in it lead nowhere on this machine.
has() {
	for path; do
		if [ -e "$destination/$path" ] || [ -L "$destination/$path" ]; then return 0; fi
	done
	return 1
}

# wanted_by TARGET UNIT ...: as "systemctl enable" would do it.
wanted_by() {
	target=$1
	shift
	for unit; do
		link "/$units/$unit" "etc/systemd/system/$target.wants/$unit"
	done
}

# The cron service that the image brings knows it better; without any runlevel nothing would be run.
cron_service() {
	for service in crond cronie dcron fcron cron; do
		if has "etc/init.d/$service"; then
			echo "$service"
			return 0
		fi
	done
	has bin/crond sbin/crond usr/bin/crond usr/sbin/crond ||
		echo "$program: warning: there is no crond in $destination: nothing calls qx-update" >&2
	echo quantix-cron
}

# A line of root's table for what nothing there mentions.
put_cron_line() {
	table=etc/crontabs/root
	make_way "$table"
	if grep -qs 'periodic/15min' "$destination/$table"; then return 0; fi
	printf '*/15\t*\t*\t*\t*\t/etc/periodic/15min/qx-update\n' >>"$destination/$table"
	chmod 600 "$destination/$table"
}

umask 022
put_files
put "$client" "$library/qx-update.cjs"
link "/$library/qx-update" usr/bin/qx-update
if [ -n "$systemd" ]; then
	wanted_by multi-user.target quantix-update-check.service quantix-update-serve.service
	wanted_by timers.target quantix-update.timer
	exit 0
fi
# shellcheck disable=SC2086 # lists of words
start_in boot $boot_services
# shellcheck disable=SC2086 # lists of words
start_in default $default_services "$(cron_service)"
put_cron_line
