#!/usr/bin/env bash
# Sets the machine up, makes a guest of a face recognition network of 5.6 million weights, that says of two photographs
# whether they show one person, holds it against the float network, proves it of one pair, verifies the receipt and prints
# what it all took. Both photographs are private. The network is public: it is part of the program. Exits 0 only with a
# verified receipt.
#
#   bash examples/face/run.sh [A B]      photographs: 0 ... 19 one person, 20 ... 69 others; default 0 1
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly first=${1:-0} second=${2:-1} example=examples/face out=build/face
readonly of_both=build/face_api  # Python and the package, of this example and of examples/age
readonly python=$of_both/venv/bin/python package=$of_both/package
readonly network=$out/network elf=$out/guest/guests/same_person.elf receipt=$out/same_person.zkr
export PYTHONPATH=host/python
mkdir -p "$out"

source examples/steps.sh
set_up

bash examples/face/package.sh "$of_both"

shown "" "$python" "$example/make_model.py" "$package" "$out/face.onnx"
shown "" "$python" "$example/make_data.py" "$out"
shown "quantise, compare" "$python" -m zkvm.quantize "$out/face.onnx" --data "$out/calibration.npz" \
  --no-equalise --expected "$out/expected.npz" -o "$out/face.int8.onnx"
rm -rf "$network"
shown "import, check" "$zkvm" import "$out/face.int8.onnx" -o "$network" --name face --check "$out/expected.npz"
"$python" "$example/distance.py" "$network/face.model.json" "$network/limit.h"
shown "" cmake -S "$example/guest" -B "$out/guest" -Dzkvm_DIR="$PWD/build/release" -DNETWORK="$PWD/$network"
shown "build the guest" cmake --build "$out/guest"

echo
echo "Photographs that served no calibration:"
"$python" "$example/check.py" "$out" "$zkvm" "$elf"

"$python" "$example/check.py" "$out" "$first" "$second"
shown "" "$zkvm" run "$elf" --input "$out/pair.input" --journal "$out/verdict"
prove_and_verify "$elf" "$out/pair.input" "$receipt" --journal-is "$out/verdict"

[ "$(od -An -tu4 "$out/verdict")" -eq 1 ] && verdict="one person" || verdict="not one person"
printf '\nPhotographs %s and %s: %s\n' "$first" "$second" "$verdict"
