#!/usr/bin/env bash
# Installs what is missing, builds, and runs every default test. Exit status 0 means all passed.
set -euo pipefail
cd "$(dirname "$0")/.."
bash toolchain/setup.sh
cmake --preset release
cmake --build --preset release
ctest --preset release -j "$(nproc)"
