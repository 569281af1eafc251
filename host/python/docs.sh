#!/usr/bin/env bash
# A static site of this repository's pages and of the Python packages' docstrings: build/docs/site/index.html, which asks
# nobody for anything; its search wants a file server (python3 -m http.server).
#
#   bash host/python/docs.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly out=build/docs
mkdir -p "$out"
bash toolchain/venv.sh build/docs-venv host/python/requirements-docs.txt
build/docs-venv/bin/python host/python/stage_docs.py "$out"
NO_MKDOCS_2_WARNING=1 build/docs-venv/bin/mkdocs build --strict --quiet --config-file "$out/mkdocs.yml"
echo "$PWD/$out/site/index.html"
