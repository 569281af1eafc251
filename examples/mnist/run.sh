#!/usr/bin/env bash
# Sets the machine up, builds, runs both guests on one digit, then on 500 against ONNX Runtime's outputs; proves one
# inference of each, on the tensor unit and by instructions alone, verifies the receipts, shows that a changed one is
# refused, and prints what it all took.
# The digit is private; the networks, being constants of the guests, are public to whoever has enough receipts.
#
#   bash examples/mnist/run.sh [DIGIT]      DIGIT: 0 ... 499, default 3
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly data=examples/mnist/data build=build/release
readonly digit=$build/mnist_digit.bin

source examples/steps.sh
set_up mnist mnist_{mlp,lenet5}{,_plain}{,_clang}_guest

echo
"$build/bin/mnist" digit "$data" "${1:-3}" "$digit"
for model in mlp lenet5; do
  echo
  echo "\$ zkvm run $build/guests/mnist_$model.elf --input $digit"
  "$zkvm" run "$build/guests/mnist_$model.elf" --input "$digit"
done
echo
"$build/bin/mnist" check "$data" "$build/guests"

table=""
for model in mlp mlp_plain lenet5 lenet5_plain; do
  elf=$build/guests/mnist_$model.elf receipt=$build/mnist_$model.zkr
  echo
  echo "\$ zkvm prove $elf --input $digit -o $receipt"
  proved=$("$zkvm" prove "$elf" --input "$digit" -o "$receipt" --json)
  # Who verifies has the receipt and the id of the program that was agreed on, but not the digit.
  id=$("$zkvm" id "$elf")
  echo "\$ zkvm verify $receipt --image-id $id"
  "$zkvm" verify "$receipt" --image-id "$id"
  verified=$("$zkvm" verify "$receipt" --image-id "$id" --json)
  table+=$(awk -v model="$model" -v cycles="$(field cycles "$proved")" -v seconds="$(field seconds "$proved")" \
    -v memory="$(field peak_rss_bytes "$proved")" -v bytes="$(field receipt_bytes "$proved")" \
    -v verify="$(field seconds "$verified")" 'BEGIN {
      printf "%-14s%10d%10.2f s%8.2f MHz%10.2f GiB%10.2f MB%9.1f ms\n", model, cycles, seconds, cycles / seconds / 1e6,
             memory / 2^30, bytes / 1e6, verify * 1e3 }')$'\n'
done

# One bit of the receipt changed: whatever it was, it is refused.
changed=$build/mnist_changed.zkr
cp "$receipt" "$changed"
at=$(($(stat -c %s "$changed") / 2))
bit=$(($(od -An -tu1 -j$at -N1 "$changed") ^ 1))
printf "\\x$(printf %x $bit)" | dd of="$changed" bs=1 seek=$at conv=notrunc status=none
echo
echo "\$ zkvm verify $changed --image-id $id          # one bit changed"
if "$zkvm" verify "$changed" --image-id "$id"; then
  echo "run.sh: a changed receipt was accepted" >&2
  exit 1
fi

echo
echo "The receipts show class and logits, and nothing else of the digit. They do not keep the networks: weights in a program"
echo "are public to whoever has enough of its receipts. Private weights must be read as input (README.md)."

printf '\n%-14s%10s%12s%12s%14s%13s%12s\n' model cycles prove speed "peak memory" receipt verify
printf '%s' "$table"
