#!/bin/sh
# What a CI job does with what was built: pull → generate → verify → publish. Called in the workspace, with
#
#   QX_URL           where hosts read the tree
#   QX_DESTINATION   where it is published, as the publishing script takes it
#   QX_PUBLISH       rsync, s3 or copy (rsync)
#   QX_PRODUCT, QX_CHANNEL, QX_VERSION   (without a version the next one is taken)
#   QX_REPO_SECRET_KEY, QX_REPO_SECRET_KEY_PASSWORD   from the secrets; keys/ is not in version control
#
# and the built files as arguments, as `generate` takes them: --component qx-node=build/qx-node …
# What is not named is carried over from the channel's release.
set -eu

: "${QX_URL:?where hosts read the tree}"
: "${QX_DESTINATION:?where the tree is published}"
: "${QX_PRODUCT:?a product of quantix-repo.toml}"
: "${QX_CHANNEL:?the channel that moves}"
here=$(dirname "$0")

qx-repo pull "$QX_URL"

version=--bump
[ -z "${QX_VERSION:-}" ] || version=--version=$QX_VERSION
qx-repo generate --product "$QX_PRODUCT" --channel "$QX_CHANNEL" "$version" --carry "$@"

qx-repo verify --fast

# Exit status 33: another job was first. Nothing was overwritten; run this job again.
sh "$here/publish-${QX_PUBLISH:-rsync}.sh" --preflight "$QX_URL" "$QX_DESTINATION"
