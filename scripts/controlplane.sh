#!/usr/bin/env bash
# Builds the control plane that make test-kube runs against, once for each version, and prints its folder: kube-apiserver and
# etcd as pinned in tools/kube, and the definitions of KEDA and Knative Serving.
set -euo pipefail
cd "$(dirname "$0")/.."

# The modules whose definitions are installed, each with the checksum that go.sum would hold and the files.
definitions() {
  cat <<'LIST'
github.com/kedacore/keda/v2@v2.21.0 h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps= config/crd/bases/keda.sh_scaledobjects.yaml
knative.dev/serving@v0.50.0 h1:9XUQq2yqUPN1YZUuGH6nF8IMvuumNvGXzCrSTYu44bA= config/core/300-resources/configuration.yaml config/core/300-resources/podautoscaler.yaml config/core/300-resources/revision.yaml config/core/300-resources/service.yaml
LIST
}

# field NAME reads a string from the JSON of go mod download.
field() { sed -n "s/^\t\"$1\": \"\(.*\)\",\{0,1\}$/\1/p"; }

version=$(cd tools/kube && go list -m -f '{{.Version}}' k8s.io/kubernetes)
key=$(cat tools/kube/go.mod tools/kube/go.sum scripts/controlplane.sh | sha256sum | cut -c1-12)
dir="$PWD/.cache/kube/$version-$key"
if [ ! -f "$dir/.done" ]; then
  mkdir -p "$dir/definitions"
  definitions | while read -r module sum files; do
    json=$(go mod download -json "$module")
    if [ "$(field Sum <<<"$json")" != "$sum" ]; then
      echo "$module is not what it was: its checksum is $(field Sum <<<"$json"), not $sum" >&2
      exit 1
    fi
    for file in $files; do
      install -m 0644 "$(field Dir <<<"$json")/$file" "$dir/definitions/$(basename "$file")"
    done
  done
  echo "building etcd and kube-apiserver $version, which takes 5 to 10 minutes once" >&2
  # The server must know its version, and nobody debugs it.
  major=${version#v} minor=${version#v*.}
  stamp="-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=${major%%.*}"
  stamp="$stamp -X k8s.io/component-base/version.gitMinor=${minor%%.*} -X k8s.io/component-base/version.gitCommit=unknown"
  # Without optimisation the build takes a fifth less time, and the tests hardly more.
  (cd tools/kube && export CGO_ENABLED=0 &&
    go build -gcflags='all=-N -l -dwarf=false' -ldflags "-s -w" -o "$dir/etcd" go.etcd.io/etcd/server/v3 &&
    go build -gcflags='all=-N -l -dwarf=false' -ldflags "-s -w $stamp" -o "$dir/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver)
  touch "$dir/.done"
fi
echo "$dir"
