#!/usr/bin/env bash
# Asks KubeRay about host/python/deploy/raycluster.yaml, and Ray about cluster.yaml beside it; no cluster is wanted. It
# needs Go 1.24 or newer, and network. The first time it compiles what KubeRay's operator is made of: four minutes of
# CPU, 1.5 GB in build/go.
#
#   bash tests/host/python/deploy/run.sh
set -euo pipefail
cd "$(dirname "$0")/../../../.."
readonly python=build/python-tests/bin/python
command -v go >/dev/null || { echo "run.sh: expected Go 1.24 or newer in PATH, found none" >&2; exit 1; }
[ -x "$python" ] || bash toolchain/venv.sh build/python-tests tests/host/python/requirements.txt

"$python" tests/host/python/deploy/ask_ray.py

export GOPATH=$PWD/build/go GOMODCACHE=$PWD/build/go/modules GOCACHE=$PWD/build/go/cache
cd tests/host/python/deploy
go test -modcacherw -count=1 -v .
echo "run.sh: passed"
