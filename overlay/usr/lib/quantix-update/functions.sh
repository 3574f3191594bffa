#!/bin/sh
# What several programs of this folder need; read by them, not run.

# does_not_start STATUS: a defect, not executable, no interpreter, or ended by SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV.
does_not_start() {
	case $1 in
	1 | 126 | 127 | 132 | 134 | 135 | 136 | 139) return 0 ;;
	*) return 1 ;;
	esac
}

# run_child PROGRAM [ARGUMENT ...]: sets status, and ended_by when a signal asked this shell to end. The signal is passed on,
# and what the program makes of it is waited for.
run_child() {
	ended_by=
	# A program in the background reads /dev/null unless it is told otherwise.
	exec 3<&0
	"$@" <&3 3<&- &
	child=$!
	trap 'ended_by=TERM; kill -TERM "$child" 2>/dev/null || :' TERM HUP
	# From a terminal, where the program has got it as well.
	trap 'ended_by=INT' INT
	while
		status=0
		wait "$child" || status=$?
		# Still there: it was the signal that ended the waiting.
		kill -0 "$child" 2>/dev/null
	do :; done
	trap - TERM HUP INT
	exec 3<&-
}

# start_newest UPDATED BAKED [ARGUMENT ...]: the program that an update brought, and where that one does not start, the one
# that came with the image. Does not return.
start_newest() {
	updated=$1
	baked=$2
	shift 2
	if [ -x "$updated" ]; then
		run_child "$updated" "$@"
		if [ -n "$ended_by" ] || ! does_not_start "$status"; then exit "$status"; fi
		echo "${0##*/}: warning: $updated failed with status $status; $baked takes over" >&2
	fi
	exec "$baked" "$@"
}

# tell TEXT: to whoever looks at the console, and to the log where there is one.
tell() {
	echo "${0##*/}: $1" >&2
	logger -p daemon.err -t "${0##*/}" -- "$1" 2>/dev/null || :
}

# read_settings NAME: etc/conf.d/NAME, where there is one.
read_settings() {
	[ -f "$ROOT/etc/conf.d/$1" ] || return 0
	# shellcheck source=/dev/null
	. "$ROOT/etc/conf.d/$1"
}

# is_mounted FOLDER: whether something is mounted there. Not every busybox has mountpoint.
is_mounted() {
	cut -d ' ' -f 2 "$ROOT/proc/mounts" | grep -qxF "$ROOT$1"
}

# Seconds since the machine started: no clock that is set meanwhile changes it.
uptime_seconds() {
	sed 's/\..*//' "$ROOT/proc/uptime"
}

# begin NAME: for the scripts of etc/local.d, which leave alone what has begun since the machine started.
begin() {
	mkdir -p "$ROOT/run/quantix"
	echo "$$" >"$ROOT/run/quantix/$1"
}
