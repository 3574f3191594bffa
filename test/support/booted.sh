#!/bin/sh
# booted.sh FOLDER NODE: FOLDER as the root of a machine of its own that systemd starts: it runs FOLDER/script and is then
# ended. Units are those of FOLDER/units alone. In namespaces of its own but for the network; called as root.
set -eu

folder=$1
node=$2
group=quantix-test-$$
groups=$folder/groups

if [ "${3:-}" != inside ]; then
	mount --make-rprivate /
	mkdir -p "$groups"
	mount -t cgroup -o none,name=systemd none "$groups"
	mkdir "$groups/$group"
	echo $$ >"$groups/$group/cgroup.procs"
	timeout -s KILL 90 unshare -mpfCui --kill-child=KILL sh "$0" "$folder" "$node" inside || :
	echo $$ >"$groups/cgroup.procs"
	# What was killed is not gone at once.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		find "$groups/$group" -depth -type d -exec rmdir {} \; 2>/dev/null || :
		[ -d "$groups/$group" ] || exit 0
		sleep 0.5
	done
	exit 1
fi

cd "$folder"
umount groups
mkdir -p proc sys dev run tmp root var usr/local/bin
for name in bin sbin lib lib64; do
	if [ -L "/$name" ]; then ln -s "usr/$name" "$name"; fi
done
: >usr/local/bin/node
mount -t overlay -o "lowerdir=$folder/usr:/usr" none usr
mount --bind "$node" usr/local/bin/node
mount -t proc none proc
mount --rbind /dev dev
mount -t tmpfs none run
mount -t tmpfs none sys
mkdir -p sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd none sys/fs/cgroup/systemd
exec env -i container=other SYSTEMD_UNIT_PATH=/units PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	chroot . /lib/systemd/systemd --system --unit=script.service --log-target=console --show-status=no \
	systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1
