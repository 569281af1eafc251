#!/usr/bin/env bash
# Sets the machine up, takes a trained MobileNetV2 from the npm package nsfwjs, quantises it on crops of photographs, makes
# a guest of it with `zkvm import`, holds it against ONNX Runtime, proves what class a private photograph has, verifies the
# receipt and prints what it all took. The network is public: it is part of the program. Exits 0 only with a verified
# receipt.
#
#   bash examples/mobilenet/run.sh [PHOTOGRAPH]      an image file, or one of scikit-image's: default chelsea, a cat
set -euo pipefail
photograph=${1:-chelsea}
if [ -f "$photograph" ]; then photograph=$(realpath "$photograph"); fi
cd "$(dirname "$0")/../.."
readonly photograph example=examples/mobilenet out=build/mobilenet
readonly python=$out/venv/bin/python guest=$out/guest elf=$out/guest/build/guests/mobilenet.elf
readonly receipt=$out/mobilenet.zkr
readonly nsfwjs=593283b5ed2fa755fdecdd61df83fbf46fe11beb154f7f939c3cfd762d56b1e20947ddefd75138be2357ed583d5ac3ba1d8a11efbd8dceada233c8e8dd7059fa
export PYTHONPATH=host/python
mkdir -p "$out"

source examples/steps.sh
set_up

bash toolchain/npm_package.sh "$out/nsfwjs" nsfwjs@4.3.0 $nsfwjs
bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"

shown "" "$python" "$example/make_model.py" "$out/nsfwjs" "$out"
shown "" "$python" "$example/photographs.py" "$out"
shown "quantise, compare on 500 crops" "$python" -m zkvm.quantize "$out/float.onnx" --data "$out/calibration.npz" \
  --test "$out/test.npz" -o "$out/mobilenet.onnx" --expected "$out/expected.npz"
rm -rf "$guest"
shown "import, check 32 photographs" "$zkvm" import "$out/mobilenet.onnx" -o "$guest" --output argmax \
  --check "$out/expected.npz"
shown "" cmake -S "$guest" -B "$guest/build" -Dzkvm_DIR="$PWD/build/release"
shown "build the guest" cmake --build "$guest/build" --target mobilenet_guest

echo
echo "The guest, on photographs:"
"$python" "$example/check.py" "$out/expected.npz" "$zkvm" "$elf" 8

shown "" "$python" "$example/photographs.py" "$out" "$photograph"
shown "" "$zkvm" encode "$elf" "$out/image.npy" -o "$out/image.input"
shown "" "$zkvm" run "$elf" --input "$out/image.input"
prove_and_verify "$elf" "$out/image.input" "$receipt"
