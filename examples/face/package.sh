#!/usr/bin/env bash
# Python (FOLDER/venv) and the npm package with the networks (FOLDER/package), of this example and of examples/age.
#
#   bash examples/face/package.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
bash toolchain/venv.sh "$1/venv" examples/face/requirements.txt
bash toolchain/npm_package.sh "$1" @vladmandic/face-api@1.7.15 \
  5833262b709f34ba3c8f2956a8ca1081fe2722cb773347f3c7576769cf7ac2ffddbcc4cde03c42fcfab50c6b5db83935964b426a64373080d7167beb7474d70f
