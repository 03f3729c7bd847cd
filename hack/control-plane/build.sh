#!/usr/bin/env bash
# Builds etcd, kube-apiserver and kube-controller-manager, and kubectl where none
# is installed, from the versions that go.mod pins and go.sum checks, into the
# folder $1.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"

# A kube-apiserver that does not know its version serves v0.0.0, and clients
# that compare versions fail.
package=k8s.io/component-base/version
flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"

echo "Building etcd $(go list -m -f '{{.Version}}' go.etcd.io/etcd/server/v3) and Kubernetes $version; the first time takes about six minutes on two cores." >&2
export CGO_ENABLED=0
go build -trimpath -ldflags "-s -w" -o "$out/etcd" go.etcd.io/etcd/server/v3
for program in kube-apiserver kube-controller-manager; do
	go build -trimpath -ldflags "$flags" -o "$out/$program" "k8s.io/kubernetes/cmd/$program"
done
if ! command -v kubectl >/dev/null; then
	go build -trimpath -ldflags "$flags" -o "$out/kubectl" k8s.io/kubernetes/cmd/kubectl
fi
