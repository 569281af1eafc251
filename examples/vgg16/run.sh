#!/usr/bin/env bash
# Sets the machine up, makes a VGG16 for images of 32 x 32 (15 million weights, synthetic), makes a guest of it with `zkvm
# import`, holds it against ONNX Runtime on 20 images, proves one classification, verifies the receipt and prints what it
# all took. The image is private. The model is public: it is part of the program. Exits 0 only with a verified receipt.
#
#   bash examples/vgg16/run.sh [IMAGE]      IMAGE: 0 ... 19, default 3
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly number=${1:-3} example=examples/vgg16 out=build/vgg16
readonly python=$out/venv/bin/python
readonly guest=$out/guest elf=$out/guest/build/guests/vgg16.elf receipt=$out/vgg16.zkr
mkdir -p "$out"

source examples/steps.sh
set_up

bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"

shown "" "$python" "$example/make_model.py" "$out"
rm -rf "$guest"
shown "import" "$zkvm" import "$out/vgg16.onnx" -o "$guest"
shown "configure the guest's project" cmake -S "$guest" -B "$guest/build" -Dzkvm_DIR="$PWD/build/release"
shown "build it: by the unit, by instructions" cmake --build "$guest/build" --parallel

echo
echo "The images that served no calibration, in the guest:"
"$python" "$example/check.py" "$out" "$zkvm" "$elf"

echo
"$python" "$example/check.py" "$out" "$number"
shown "" "$zkvm" encode "$elf" "$out/image.npy" -o "$out/image.input"
shown "" "$zkvm" run "$elf" --input "$out/image.input"
prove_and_verify "$elf" "$out/image.input" "$receipt"
