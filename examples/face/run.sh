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
readonly zkvm=build/release/bin/zkvm of_both=build/face_api  # Python and the package, of this example and of examples/age
readonly python=$of_both/venv/bin/python package=$of_both/package
readonly network=$out/network elf=$out/guest/guests/same_person.elf receipt=$out/same_person.zkr
mkdir -p "$out"

bash toolchain/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target zkvm

bash toolchain/venv.sh "$of_both/venv" "$example/requirements.txt"
bash toolchain/npm_package.sh "$of_both" @vladmandic/face-api@1.7.15 \
  5833262b709f34ba3c8f2956a8ca1081fe2722cb773347f3c7576769cf7ac2ffddbcc4cde03c42fcfab50c6b5db83935964b426a64373080d7167beb7474d70f

shown() {  # shown COMMAND ...
  echo
  echo "\$ $*"
  "$@"
}
field() {  # field KEY JSON: a number
  sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" <<<"$2"
}

shown "$python" "$example/make_model.py" "$package" "$out/face.onnx"
shown "$python" "$example/make_data.py" "$out"
PYTHONPATH=host/python shown "$python" -m zkvm.quantize "$out/face.onnx" --data "$out/calibration.npz" \
  --no-equalise --expected "$out/expected.npz" -o "$out/face.int8.onnx"
rm -rf "$network"
shown "$zkvm" import "$out/face.int8.onnx" -o "$network" --name face --check "$out/expected.npz"
"$python" "$example/distance.py" "$network/face.model.json" "$network/limit.h"
shown cmake -S "$example/guest" -B "$out/guest" -Dzkvm_DIR="$PWD/build/release" -DNETWORK="$PWD/$network"
shown cmake --build "$out/guest"

echo
echo "Photographs that served no calibration:"
"$python" "$example/check.py" "$out" "$zkvm" "$elf"

"$python" "$example/check.py" "$out" "$first" "$second"
shown "$zkvm" run "$elf" --input "$out/pair.input" --journal "$out/verdict"
# The first proof makes the program's image, and keeps it for those that follow.
for proof in first second; do
  echo
  echo "\$ $zkvm prove $elf --input $out/pair.input -o $receipt"
  proved=$("$zkvm" prove "$elf" --input "$out/pair.input" -o "$receipt" --json)
  printf '  the %s time: %.2f s\n' "$proof" "$(field seconds "$proved")"
done
# Who verifies has the receipt and the program, but neither photograph.
shown "$zkvm" verify "$receipt" --image-id "$("$zkvm" id "$elf")" --journal-is "$out/verdict"
verified=$("$zkvm" verify "$receipt" --elf "$elf" --json)

[ "$(od -An -tu4 "$out/verdict")" -eq 1 ] && verdict="one person" || verdict="not one person"
printf '\nPhotographs %s and %s: %s\n' "$first" "$second" "$verdict"
awk -v cycles="$(field cycles "$proved")" -v seconds="$(field seconds "$proved")" -v bytes="$(field receipt_bytes "$proved")" \
  -v memory="$(field peak_rss_bytes "$proved")" -v verify="$(field seconds "$verified")" 'BEGIN {
    printf "%-12s%12d\n%-12s%12.2f s\n%-12s%12.2f GiB\n%-12s%12.2f MB\n%-12s%12.1f ms\n", "cycles", cycles, "prove", seconds,
           "peak memory", memory / 2^30, "receipt", bytes / 1e6, "verify", verify * 1e3 }'
