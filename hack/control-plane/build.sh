#!/usr/bin/env bash
# Builds etcd and kube-apiserver, and kubectl where none is installed, from the
# versions that go.mod pins and go.sum checks, into the folder $1.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"

# A kube-apiserver that does not know its version serves v0.0.0, and clients
# that compare versions fail.
package=k8s.io/component-base/version
flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"

echo "Building etcd $(go list -m -f '{{.Version}}' go.etcd.io/etcd/server/v3) and kube-apiserver $version; the first time takes about five minutes on two cores." >&2
export CGO_ENABLED=0
go build -trimpath -ldflags "-s -w" -o "$out/etcd" go.etcd.io/etcd/server/v3
go build -trimpath -ldflags "$flags" -o "$out/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver
if ! command -v kubectl >/dev/null; then
	go build -trimpath -ldflags "$flags" -o "$out/kubectl" k8s.io/kubernetes/cmd/kubectl
fi
