#!/usr/bin/env bash
# A virtual environment with what a file of requirements lists; made anew where that has changed.
#
#   bash toolchain/venv.sh FOLDER REQUIREMENTS
set -euo pipefail
readonly folder=$1 requirements=$2
if cmp -s "$requirements" "$folder/requirements.txt"; then exit 0; fi
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$folder/requirements.txt"
