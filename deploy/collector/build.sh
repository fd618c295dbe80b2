#!/usr/bin/env bash
# Builds the collector of builder.yaml and its load generator; prints their folder on the last line.
#
# Built once per manifest: .cache/collector/<digest of builder.yaml and of this script>/. Needs Go;
# installs it where that is a matter of `apt-get install` as root, says what to do elsewhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

manifest=deploy/collector/builder.yaml
version=$(sed -n 's/^  version: //p' "$manifest")
digest=$(cat "$manifest" deploy/collector/build.sh | sha256sum | cut -c1-16)
target=.cache/collector/$digest

say() { printf '%s\n' "$*" >&2; }

ready() { [[ -x $target/otelcol-manager && -x $target/telemetrygen ]]; }

needed=1.26 # what this release of the collector says in its go.mod
fetches=1.21 # from here on, Go fetches a newer Go by itself

at_least() { [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

install_go() {
  if [[ $(id -u) != 0 ]] || ! command -v apt-get > /dev/null; then
    say "Go is missing, and the collector is built with it: install Go $needed or newer, then try again."
    exit 1
  fi
  say "Go is missing: apt-get install golang-go ..."
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq golang-go >&2
}

check_go() {
  command -v go > /dev/null || install_go
  local found
  found=$(go env GOVERSION)
  found=${found#go}
  if at_least "$needed" "$found"; then
    return
  elif at_least "$fetches" "$found"; then
    export GOTOOLCHAIN=auto
  else
    say "Go $found is too old to build the collector: install Go $needed or newer, then try again."
    exit 1
  fi
}

build() {
  work=$target.$$ # not local: the trap needs it
  mkdir -p "$work/bin" .cache/collector/dist
  trap 'rm -rf "$work"' EXIT
  say "building the collector, once: four to five minutes on two idle cores ..."
  GOBIN=$PWD/$work/bin go install "go.opentelemetry.io/collector/cmd/builder@v$version" >&2
  "$work/bin/builder" --config "$manifest" >&2
  GOBIN=$PWD/$work/bin go install \
    "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v$version" >&2
  mkdir -p "$target"
  mv .cache/collector/dist/otelcol-manager "$work/bin/telemetrygen" "$target/"
}

mkdir -p .cache/collector
exec 9> .cache/collector/lock # two builds at once would write the same sources
flock 9
if ! ready; then
  check_go
  build
  ready || { say "the build ended without $target/otelcol-manager"; exit 1; }
fi
echo "$target"
