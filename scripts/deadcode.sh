#!/usr/bin/env bash
# Fails if a function of the module is reached neither from the binary nor from a test.
set -euo pipefail
cd "$(dirname "$0")/.."
found=$("$1" -test -tags realprom,crash,replay,kube ./... || true)
if [ -n "$found" ]; then
  printf 'unreachable code:\n%s\n' "$found"
  exit 1
fi
