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
readonly photograph example=examples/mobilenet out=build/mobilenet zkvm=build/release/bin/zkvm
readonly python=$out/venv/bin/python guest=$out/guest elf=$out/guest/build/guests/mobilenet.elf
readonly receipt=$out/mobilenet.zkr
readonly nsfwjs=593283b5ed2fa755fdecdd61df83fbf46fe11beb154f7f939c3cfd762d56b1e20947ddefd75138be2357ed583d5ac3ba1d8a11efbd8dceada233c8e8dd7059fa
export PYTHONPATH=host/python
mkdir -p "$out"

bash toolchain/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target zkvm

bash toolchain/npm_package.sh "$out/nsfwjs" nsfwjs@4.3.0 $nsfwjs
bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"

times=""
shown() {  # shown TITLE COMMAND ...; keeps the wall clock under the title, if there is one
  local title=$1 from=$EPOCHREALTIME
  shift
  echo
  echo "\$ $*"
  "$@"
  [ -z "$title" ] || times+=$(awk -v title="$title" -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN {
    printf "%-36s%8.2f s", title, to - from }')$'\n'
}
field() {  # field KEY JSON: a number
  sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" <<<"$2"
}

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
# The first proof makes the program's image, and keeps it for those that follow.
for proof in first second; do
  echo
  echo "\$ $zkvm prove $elf --input $out/image.input -o $receipt"
  proved=$("$zkvm" prove "$elf" --input "$out/image.input" -o "$receipt" --json)
  times+=$(printf '%-36s%8.2f s' "prove, $proof time" "$(field seconds "$proved")")$'\n'
done
# Who verifies has the receipt and the model's program, but not the photograph.
shown "" "$zkvm" verify "$receipt" --image-id "$("$zkvm" id "$elf")"
verified=$("$zkvm" verify "$receipt" --elf "$elf" --json)

printf '\n%s' "$times"
awk -v memory="$(field peak_rss_bytes "$proved")" -v bytes="$(field receipt_bytes "$proved")" \
  -v verify="$(field seconds "$verified")" 'BEGIN {
    printf "%-36s%8.2f GiB\n%-36s%8.2f MB\n%-36s%8.1f ms\n", "peak memory", memory / 2^30, "receipt", bytes / 1e6, "verify",
           verify * 1e3 }'
