#!/usr/bin/env bash
# Sets the machine up, makes a VGG16 for images of 32 x 32 (15 million weights, synthetic), makes a guest of it with `zkvm
# import`, holds it against ONNX Runtime on 20 images, proves one classification, verifies the receipt and prints what it
# all took. The image is private. The model is public: it is part of the program. Exits 0 only with a verified receipt.
#
#   bash examples/vgg16/run.sh [IMAGE]      IMAGE: 0 ... 19, default 3
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly number=${1:-3} example=examples/vgg16 out=build/vgg16
readonly zkvm=build/release/bin/zkvm python=$out/venv/bin/python
readonly guest=$out/guest elf=$out/guest/build/guests/vgg16.elf receipt=$out/vgg16.zkr
mkdir -p "$out"

bash toolchain/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target zkvm

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
# The first proof makes the program's image, and keeps it for those that follow.
for proof in first second; do
  echo
  echo "\$ $zkvm prove $elf --input $out/image.input -o $receipt"
  proved=$("$zkvm" prove "$elf" --input "$out/image.input" -o "$receipt" --json)
  times+=$(printf '%-36s%8.2f s' "prove, $proof time" "$(field seconds "$proved")")$'\n'
done
# Who verifies has the receipt and the model's program, but not the image.
shown "" "$zkvm" verify "$receipt" --image-id "$("$zkvm" id "$elf")"
verified=$("$zkvm" verify "$receipt" --elf "$elf" --json)

printf '\n%s' "$times"
awk -v memory="$(field peak_rss_bytes "$proved")" -v bytes="$(field receipt_bytes "$proved")" \
  -v verify="$(field seconds "$verified")" 'BEGIN {
    printf "%-36s%8.2f GiB\n%-36s%8.2f MB\n%-36s%8.1f ms\n", "peak memory", memory / 2^30, "receipt", bytes / 1e6, "verify",
           verify * 1e3 }'
