#!/usr/bin/env bash
# Builds Kubernetes' programs $2 and on, from the versions that go.mod pins and go.sum
# checks, into the folder $1; etcd, too, if it is one of them, and kubectl unless one is
# installed.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")"

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"

# A kube-apiserver that does not know its version serves v0.0.0, and clients
# that compare versions fail.
package=k8s.io/component-base/version
flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"

echo "Building $* (Kubernetes $version, etcd $(go list -m -f '{{.Version}}' go.etcd.io/etcd/server/v3)); the first time takes some minutes on two cores." >&2
export CGO_ENABLED=0
for program in "$@"; do
	case $program in
	etcd) go build -trimpath -ldflags "-s -w" -o "$out/etcd" go.etcd.io/etcd/server/v3 ;;
	kubectl) command -v kubectl >/dev/null || go build -trimpath -ldflags "$flags" -o "$out/kubectl" k8s.io/kubernetes/cmd/kubectl ;;
	*) go build -trimpath -ldflags "$flags" -o "$out/$program" "k8s.io/kubernetes/cmd/$program" ;;
	esac
done
