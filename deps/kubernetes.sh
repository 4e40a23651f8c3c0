#!/bin/bash
# kubernetes.sh             builds a Kubernetes for tests from Go modules, once, and prints the folder with its programs
# kubernetes.sh PROGRAM...  makes sure of these only
# Each program takes its place when it is whole, so what an interrupted build has made need not be made again. The first
# takes minutes, as most of what they are made of is the same. The versions are in kubernetes/*/go.mod.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
version=$(sed -n 's/^\tk8s.io\/kubernetes v\([0-9.]*\).*/\1/p' "$here/kubernetes/kubernetes/go.mod")
hash=$(cat "$here"/kubernetes/*/* | sha256sum | cut -c1-16)
home=$cache/kubernetes-$version-$hash

declare -A package=(
  [etcd]=go.etcd.io/etcd/server/v3
  [helm]=helm.sh/helm/v3/cmd/helm
  [kwok]=sigs.k8s.io/kwok/cmd/kwok
  [coredns]=.
)
programs=(etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kwok kubelet kube-proxy coredns helm)
(($# == 0)) || programs=("$@")

# KWOK is told by "stages" what becomes of a node and of a pod; its module has some.
is_there() { [[ -x $home/$1 && ($1 != kwok || -f $home/kwok-stages.yaml) ]]; }

missing=()
for program in "${programs[@]}"; do is_there "$program" || missing+=("$program"); done
((${#missing[@]})) || { echo "$home"; exit 0; }

go=$("$here/go.sh")
mkdir -p "$home"
exec 9>"$cache/kubernetes.lock"
flock 9 # two builds at once: the second one finds what the first one made
staged=$(mktemp -d "$cache/kubernetes-build.XXXXXX")
trap 'rm -rf "$staged"' EXIT

IFS=. read -r major minor _ <<<"$version"
stamp=k8s.io/component-base/version # what the API server says of itself; charts ask for it
flags="-s -w -X $stamp.gitVersion=v$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor"
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
for program in "${missing[@]}"; do
  is_there "$program" && continue
  module=kubernetes
  [[ -d $here/kubernetes/$program ]] && module=$program
  echo "Kubernetes $version: building $program" >&2
  (cd "$here/kubernetes/$module" &&
    "$go" build -trimpath -buildvcs=false -ldflags "$flags" \
      -o "$staged/$program" "${package[$program]:-k8s.io/kubernetes/cmd/$program}") >&2
  mv "$staged/$program" "$home/"
  if [[ $program == kwok ]]; then
    stages=$(cd "$here/kubernetes/kwok" && "$go" list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    for stage in node/fast/node-initialize pod/fast/pod-{ready,complete,delete}; do
      echo --- && cat "$stages/$stage.yaml"
    done >"$staged/stages"
    mv "$staged/stages" "$home/kwok-stages.yaml"
  fi
done
echo "$home"
