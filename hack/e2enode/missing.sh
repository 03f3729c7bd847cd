#!/bin/sh
# Prints why the end-to-end tests on a node cannot run on this machine; nothing if they can.
set -eu

missing() {
	echo "$1"
	exit 0
}

[ "$(uname)" = Linux ] || missing "it is not Linux"
[ "$(id -u)" = 0 ] || missing "it needs root, for namespaces and cgroups"
for program in containerd containerd-shim-runc-v2 runc ip unshare; do
	command -v "$program" >/dev/null || missing "$program is not installed"
done
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || missing "the CNI plugins are not installed"
unshare --net --mount --pid --ipc --fork true 2>/dev/null || missing "root cannot make namespaces here"
[ -w /sys/fs/cgroup ] || missing "root cannot make cgroups here"

# With cgroup version 2 the controllers must be enabled, which cannot be done where processes are
# in the root cgroup of a container.
enabled=/sys/fs/cgroup/cgroup.subtree_control
[ ! -e "$enabled" ] || (echo "+cpuset +cpu +memory +pids" >"$enabled") 2>/dev/null || missing "root cannot enable cgroup controllers here"
