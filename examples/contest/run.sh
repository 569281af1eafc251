#!/usr/bin/env bash
# Sets the machine up, and lets a private model take part in a contest: proves how many of 500 public, labelled digits it
# gets right, all in one proof, verifies the receipt by the model's id and the test set, and shows that neither another
# model nor another test set will do. Exits 0 only with a verified receipt, and prints what it took.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly data=examples/mnist/data out=build/contest
readonly elf=$out/build/guests/contest.elf

source examples/steps.sh
set_up
mkdir -p "$out"

# Whoever enters: the model, whose weights and salt stay in model/mlp.weights. The first time there is a new salt.
if [ ! -f "$out/model/mlp.weights" ]; then
  shown "" "$zkvm" import "$data/mlp.int8.onnx" -o "$out/model" --name mlp --dim n=500 --private-weights --force
fi
cmake -S examples/contest -B "$out/build" -DMODEL="$PWD/$out/model" -Dzkvm_DIR="$PWD/build/release" >/dev/null
shown "build the guest" cmake --build "$out/build"
model_id=$("$zkvm" model-id "$out/model/mlp.weights")
echo "model id, which is entered before the test set is drawn: $model_id"

# Everybody: the test set, digits and labels.
cat "$data/digits.u8" "$data/labels.u8" >"$out/test_set"
rm -f "$out/input"
(umask 077 && cat "$out/model/mlp.weights" "$out/test_set" >"$out/input")

prove_and_verify "$elf" "$out/input" "$out/contest.zkr" --model-id "$model_id" --input-is "$out/test_set"

# The journal: model id, right answers, BLAKE3 of the test set.
right=$("$zkvm" verify "$out/contest.zkr" --elf "$elf" --journal - 2>/dev/null | od -An -tu4 -j32 -N4 | tr -d ' ')
echo "right answers: $right of 500"
[ "$right" -ge 450 ]

echo
echo "Another model's id, and a test set with another label:"
refused "$zkvm" verify "$out/contest.zkr" --elf "$elf" --model-id "$(tr 0-9a-f 1-9a-f0 <<<"$model_id")"
head -c -1 "$out/test_set" >"$out/other_set"
printf '\377' >>"$out/other_set"
refused "$zkvm" verify "$out/contest.zkr" --elf "$elf" --input-is "$out/other_set"
