#!/usr/bin/env bash
# Sets the machine up, makes a guest of an age network that says of a photograph whether the network takes the person for
# older than 18, holds it against the float network, proves it of one photograph, verifies the receipt and prints what it
# all took. The photograph is private, and so is the age. The network is public: it is part of the program. Exits 0 only
# with a verified receipt.
#
#   bash examples/age/run.sh [PHOTOGRAPH]      0 ... 19 one person, 20 ... 69 others; default 0
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly number=${1:-0} example=examples/age out=build/age
readonly of_both=build/face_api  # Python and the package, of examples/face and of this one
readonly python=$of_both/venv/bin/python package=$of_both/package
readonly network=$out/network elf=$out/guest/guests/older_than_18.elf receipt=$out/older_than_18.zkr
export PYTHONPATH=examples/face:host/python
mkdir -p "$out"

source examples/steps.sh
set_up

bash examples/face/package.sh "$of_both"

shown "" "$python" "$example/make_model.py" "$package" "$out/age.onnx"
shown "" "$python" "$example/make_data.py" "$out"
shown "quantise, compare" "$python" -m zkvm.quantize "$out/age.onnx" --data "$out/calibration.npz" \
  --expected "$out/expected.npz" -o "$out/age.int8.onnx"
rm -rf "$network"
shown "import, check" "$zkvm" import "$out/age.int8.onnx" -o "$network" --name age --check "$out/expected.npz"
shown "" cmake -S "$example/guest" -B "$out/guest" -Dzkvm_DIR="$PWD/build/release" -DNETWORK="$PWD/$network"
shown "build the guest" cmake --build "$out/guest"

echo
echo "Photographs that served no calibration:"
"$python" "$example/check.py" "$out" "$zkvm" "$elf"

"$python" "$example/check.py" "$out" "$number"
shown "" "$zkvm" run "$elf" --input "$out/photograph.input" --journal "$out/verdict"
prove_and_verify "$elf" "$out/photograph.input" "$receipt" --journal-is "$out/verdict"

[ "$(od -An -tu4 "$out/verdict")" -eq 1 ] && verdict="older than 18, says the network" || verdict="not older than 18, says the network"
printf '\nPhotograph %s: %s\n' "$number" "$verdict"
