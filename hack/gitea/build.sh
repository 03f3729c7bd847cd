#!/usr/bin/env bash
# Builds Gitea, from the version that go.mod pins and go.sum checks, into the
# folder $1: the program and the files that it reads. It needs a C compiler, for
# SQLite.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"

version=$(go list -m -f '{{.Version}}' code.gitea.io/gitea)

echo "Building Gitea $version; the first time takes about seven minutes on two cores." >&2
export CGO_ENABLED=1
go build -trimpath -tags sqlite,sqlite_unlock_notify -ldflags "-s -w -X main.Version=${version#v}" -o "$out/gitea" code.gitea.io/gitea

sources=$(go list -m -f '{{.Dir}}' code.gitea.io/gitea)
rm -rf "$out/options" "$out/templates" "$out/public"
cp -R --no-preserve=mode "$sources/options" "$sources/templates" "$out"

# Gitea's front end is not in its module, and the API has no use for it: an empty
# list of its files is enough.
mkdir -p "$out/public/assets/.vite"
echo '{}' >"$out/public/assets/.vite/manifest.json"
