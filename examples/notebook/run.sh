#!/usr/bin/env bash
# Sets the machine up, builds, installs the Python package, runs the notebook mnist.ipynb, which proves what a network reads
# in a digit, and hands its receipt to two services: one in Python that has the small wheel alone, one in C. Both accept it,
# and refuse one with a changed byte. Exits 0 only then. The notebook with its outputs: build/notebook/mnist.html.
#
#   bash examples/notebook/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly example=examples/notebook out=build/notebook
readonly python=$out/venv/bin/python service=$out/service/bin/python
mkdir -p "$out"

source examples/steps.sh
set_up zkvm_verify_c
shown "wheels" bash host/python/wheels.sh build/wheels
bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"
shown "pip install zkvm" "$python" -m pip install --quiet --disable-pip-version-check --force-reinstall build/wheels/zkvm-*.whl
shown "the notebook" "$python" -m nbconvert --to html --execute --output-dir "$out" --log-level ERROR "$example/mnist.ipynb"
cp "$out/digit.zkr" "$out/changed.zkr"
printf x | dd of="$out/changed.zkr" bs=1 seek=100000 conv=notrunc status=none

python3 -m venv "$out/service"
shown "pip install zkvm_verify" "$service" -m pip install --quiet --disable-pip-version-check --force-reinstall \
  build/wheels/zkvm_verify-*.whl
shown "the service in Python" "$service" "$example/service.py" "$out/digit.zkr" "$out/lenet5.model.json" <"$out/image_id"
refused "$service" "$example/service.py" "$out/changed.zkr" "$out/lenet5.model.json" <"$out/image_id"

shown "" gcc -std=c99 -Wall -Wextra -O1 -I. "$example/service.c" -o "$out/service_in_c" -Lbuild/release/host -lzkvm_verify \
  "-Wl,-rpath,$PWD/build/release/host"
shown "the service in C" "$out/service_in_c" "$out/digit.zkr" "$out/lenet5.model.json" <"$out/image_id"
refused "$out/service_in_c" "$out/changed.zkr" "$out/lenet5.model.json" <"$out/image_id"
printf '\n%sThe notebook with its outputs: %s\n' "$times" "$out/mnist.html"
