#!/bin/sh
# A service manager for a sandbox: manager.sh SERVICE start|stop|restart|status
#
# Everything lies beside this file: SERVICE.words (the program and its arguments, one a line), SERVICE.pid
# ("<pid> <time of its start>"), SERVICE.log (what it printed), SERVICE.calls (the actions it was asked for).
# status ends with 0 for a running service, 3 for a stopped one, 4 for an unknown one, 1 for a dead one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
service=$1
action=$2
words=$here/$service.words
pidfile=$here/$service.pid
log=$here/$service.log
stop_tenths=50

# Field 22 of /proc/<pid>/stat is the time of its start, 3 its state; the name in 2 may hold blanks.
# A process that nobody has waited for yet is dead all the same.
start_time() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # fields
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "$1" != X ] && echo "${20}"
}

is_running() {
  [ -s "$pidfile" ] || return 1
  read -r pid started <"$pidfile" || return 1
  [ "$(start_time "$pid")" = "$started" ]
}

start() {
  if is_running; then
    echo "$service: runs already, pid $pid"
    return 0
  fi
  set --
  while IFS= read -r word || [ -n "$word" ]; do set -- "$@" "$word"; done <"$words"
  if ! [ -x "$1" ] || [ -d "$1" ]; then
    echo "$service: $1 cannot be run" >&2
    rm -f "$pidfile"
    return 1
  fi
  # A session of its own, no descriptor of ours: it outlives this script and whoever called it.
  setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
  pid=$!
  started=$(start_time "$pid") || started=gone
  echo "$pid $started" >"$pidfile.new"
  mv "$pidfile.new" "$pidfile"
  echo "$service: started, pid $pid"
}

stop() {
  if ! is_running; then
    rm -f "$pidfile"
    echo "$service: does not run"
    return 0
  fi
  # The whole group; this spelling is the one that dash and busybox both know.
  kill -15 "-$pid" 2>/dev/null || kill -15 "$pid" 2>/dev/null || true
  tenths=0
  while is_running; do
    if [ "$tenths" -ge "$stop_tenths" ]; then
      kill -9 "-$pid" 2>/dev/null || true
    fi
    sleep 0.1
    tenths=$((tenths + 1))
  done
  rm -f "$pidfile"
  echo "$service: stopped, pid $pid"
}

status() {
  if is_running; then
    echo "$service: runs, pid $pid"
    return 0
  fi
  if ! [ -e "$pidfile" ]; then
    echo "$service: stopped"
    return 3
  fi
  echo "$service: dead; it said:"
  tail -n 5 "$log" 2>/dev/null || true
  return 1
}

if ! [ -f "$words" ]; then
  echo "$service: no such service" >&2
  exit 4
fi
if [ "$action" = status ]; then
  status
  exit
fi
# One at a time: a call whose caller was killed may still be at work.
exec 9>"$here/$service.lock"
flock 9
echo "$action" >>"$here/$service.calls"
case $action in
start | stop) "$action" ;;
restart)
  stop
  start
  ;;
*)
  echo "usage: manager.sh SERVICE start|stop|restart|status" >&2
  exit 2
  ;;
esac
