#!/bin/sh
# The older system's call for a release of the control plane, with its flags: publish-vdc-update.sh --channel beta
#
# The same as publish-update.sh for quantix-vdc and its components; migrations stand first, as they run first.
set -eu

export PRODUCT="${PRODUCT:-quantix-vdc}"
export COMPONENTS="${COMPONENTS:-migrations dashboard controlplane}"
exec sh "$(dirname "$0")/publish-update.sh" "$@"
