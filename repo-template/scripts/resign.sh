#!/bin/sh
# What a schedule does every day: signs anew the pointers that have used up a third of their life, so that
# none expires while nothing is released. Called in the workspace, or in an empty checkout of it, with
# QX_URL, QX_DESTINATION, QX_PUBLISH and the keys as for ci-publish.sh. Without work it changes nothing.
set -eu

: "${QX_URL:?where hosts read the tree}"
: "${QX_DESTINATION:?where the tree is published}"
here=$(dirname "$0")

qx-repo pull "$QX_URL"
qx-repo sign
qx-repo verify --fast
sh "$here/publish-${QX_PUBLISH:-rsync}.sh" --preflight "$QX_URL" "$QX_DESTINATION"

# The monitor: a pointer or root that lives less than a month is an alarm (exit status 11).
qx-repo verify "$QX_URL" --fast --min-life "${QX_MIN_LIFE:-30d}"
