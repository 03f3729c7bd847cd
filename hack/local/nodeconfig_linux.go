package local

// containerdConfig is containerd's configuration. Its data and its sockets are in the node's
// folder. It pulls images from Gitea alone.
const containerdConfig = `
version = 2
root = "{{.Folder}}/containerd"
state = "{{.Folder}}/containerd-state"

[grpc]
address = "{{.Folder}}/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{{.Sandbox}}"
disable_apparmor = true
# Without CAP_SYS_RESOURCE no process can be less likely to be killed than its parent.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{{.Plugins}}"
conf_dir = "{{.Folder}}/networks"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{{.Folder}}/registries"
`

// registryConfig makes containerd pull the images of a host from Gitea.
const registryConfig = `
server = "{{.Registry}}"

[host."{{.Registry}}"]
capabilities = ["pull", "resolve"]

[host."{{.Registry}}".header]
authorization = "{{.Login}}"
`

// networkConfig is the network of the node's Pods. It enforces no NetworkPolicy.
const networkConfig = `{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [{
    "type": "bridge",
    "bridge": "pods0",
    "isGateway": true,
    "ipam": {
      "type": "host-local",
      "dataDir": "{{.Folder}}/addresses",
      "ranges": [[{"subnet": "10.244.0.0/24"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}`

// kubeletConfig is kubelet's configuration. It evicts no Pods and removes no images: the
// machine's memory and disks are not the node's own.
const kubeletConfig = `
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {{.Address}}
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: {{.Cgroup}}
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
containerRuntimeEndpoint: unix://{{.Folder}}/containerd.sock
evictionHard: {memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
imageGCHighThresholdPercent: 100
# No DNS server runs there.
clusterDNS: [10.0.0.10]
podLogsDir: {{.Folder}}/pod-logs
resolvConf: ""
`
