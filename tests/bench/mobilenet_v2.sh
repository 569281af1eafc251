#!/usr/bin/env bash
# What a proof of MobileNetV2's layers at 224 x 224 takes (300 million products, random weights): makes the model, a guest
# of it with `zkvm import`, holds it against ONNX Runtime, proves one inference. Prints seconds, memory, receipt, cells by
# chip and by layer. Needs a machine that is set up; downloads Python packages.
#
#   bash tests/bench/mobilenet_v2.sh [OPTION...]     of `zkvm prove`; default: --memory-limit 6G
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- --memory-limit 6G
readonly out=build/mobilenet_v2 requirements=examples/vgg16/requirements.txt zkvm=build/release/bin/zkvm
readonly python=$out/venv/bin/python guest=$out/guest elf=$out/guest/build/guests/mobilenet_v2.elf
mkdir -p "$out"

cmake --preset release >/dev/null
cmake --build --preset release --target zkvm
bash toolchain/venv.sh "$out/venv" "$requirements"

"$python" tests/bench/mobilenet_v2.py make "$out"
rm -rf "$guest"
"$zkvm" import "$out/mobilenet_v2.onnx" -o "$guest" --check "$out/images.npz"
cmake -S "$guest" -B "$guest/build" -Dzkvm_DIR="$PWD/build/release" >/dev/null
cmake --build "$guest/build" --target mobilenet_v2_guest
"$python" tests/bench/mobilenet_v2.py check "$out" "$zkvm" "$elf"
"$zkvm" prove "$elf" --input "$out/image.input" -o "$out/mobilenet_v2.zkr" --stats "$@"
