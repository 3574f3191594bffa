/** quantix-repo.toml as `init` writes it. */
export function presetConfig(repository: string): string {
  return `# The workspace of a Quantix OTA repository. Every command of qx-repo reads this file.

# Stands in every signed document: a host takes documents of its own repository only.
repository = "${repository}"

# Life of a channel's pointer and of a trust root, in days. Hosts refuse both after that,
# so that nobody can hold them on an old release for ever. \`qx-repo sign\` renews pointers.
pointer_days = 90
root_days = 1095
# older_api = true   # write the older update server's answers and artifacts too; its hosts verify nothing

# Which keys root 1 is made of. A channel may have keys of its own:
#   "channel/stable" = ["stable-1", "stable-2"]
# From then on the trust root alone decides (\`qx-repo root show\`): keys are found in keys/ by their ids.
[signing]
root = "root"
release = "release"
channel = "channel"

# The hypervisor host. What a component is stands here once; a release brings the bytes:
#   qx-repo generate --product quantix-os --version 1.4.2 --component qx-node=build/qx-node
[products.quantix-os]
arch = "x86_64"
slot_bytes = 1610612736      # 1.5 GiB: what a system image has to fit into

[products.quantix-os.components.qx-node]
kind = "file"
install_path = "/data/bin/qx-node"
permissions = "0755"
restart_service = "quantix-node"
backup_before_update = true
order = 2

[products.quantix-os.components.qx-console]
kind = "file"
install_path = "/data/bin/qx-console"
permissions = "0755"
restart_service = "quantix-console"
backup_before_update = true
order = 3

[products.quantix-os.components.host-ui]
kind = "directory"
install_path = "/data/share/quantix-host-ui"
backup_before_update = true
order = 1

# The control plane. \`order\` decides what is restarted first; migrations run before that.
[products.quantix-vdc]
arch = "x86_64"
slot_bytes = 0               # no slots, so no system images

[products.quantix-vdc.components.migrations]
kind = "directory"
install_path = "/usr/share/quantix-vdc/migrations"
backup_before_update = true
order = 1

[products.quantix-vdc.components.dashboard]
kind = "directory"
install_path = "/usr/share/quantix-vdc/dashboard"
backup_before_update = true
order = 2

[products.quantix-vdc.components.controlplane]
kind = "file"
install_path = "/usr/bin/qx-controlplane"
permissions = "0755"
restart_service = "quantix-controlplane"
backup_before_update = true
order = 3

# Any other product works the same way:
#   [products.my-appliance.components.agent]
#   kind = "file"
#   install_path = "/opt/agent/bin/agent"
#   permissions = "0755"
#   restart_service = "agent"
#   health = [{type = "http", port = 8080, path = "/health", retries = 20}]
`;
}

/** Secrets and half-done things stay out of version control. */
export const PRESET_GITIGNORE = `/keys/
/pending/
/.qx-repo/
`;
