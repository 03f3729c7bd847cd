#!/usr/bin/env bash
# Builds Flux's controllers, from the versions that go.mod pins and go.sum checks,
# into the folder $1.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"

controllers=(source-controller helm-controller kustomize-controller image-reflector-controller)

echo "Building Flux's ${controllers[*]}; the first time takes about five minutes on two cores." >&2
export CGO_ENABLED=0
go build -trimpath -ldflags "-s -w" -o "$out/" "${controllers[@]/#/github.com/fluxcd/}"
