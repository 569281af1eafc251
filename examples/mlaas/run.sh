#!/usr/bin/env bash
# Sets the machine up, and sells predictions of a model that stays secret: LeNet-5 with private weights on two public
# pictures. The customer verifies that both came of the model whose id was published, and that a swapped model is
# refused. Exits 0 only with verified receipts, and prints what they took.
#
#   bash examples/mlaas/run.sh [DIGIT]      DIGIT: 0 ... 498, the first of two pictures; default 3
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly digits=examples/mnist/data/digits.u8 out=build/mlaas digit=${1:-3}
readonly elf=$out/model/build/guests/lenet5.elf weights=$out/model/lenet5.weights

source examples/steps.sh
set_up
mkdir -p "$out"

# The service: the model, whose weights and salt stay in lenet5.weights. The first time there is a new salt.
if [ ! -f "$weights" ]; then
  shown "" "$zkvm" import examples/mnist/data/lenet5.int8.onnx -o "$out/model" --name lenet5 --output argmax \
    --private-weights --public-input --force
fi
cmake -S "$out/model" -B "$out/model/build" -Dzkvm_DIR="$PWD/build/release" >/dev/null
shown "build the guest" cmake --build "$out/model/build" --target lenet5_guest
image_id=$("$zkvm" id "$elf") model_id=$("$zkvm" model-id "$weights")
printf 'published once:\n  image id  %s\n  model id  %s\n' "$image_id" "$model_id"

# predict PICTURE WEIGHTS RECEIPT: what the service does with a customer's picture, whose bytes a guest reads as they are.
predict() {
  rm -f "$out/input"
  (umask 077 && cat "$2" "$1" >"$out/input")
  "$zkvm" prove "$elf" --input "$out/input" -o "$3" --json
}
# verified RECEIPT PICTURE: what the customer does, who has no weights.
verified() {
  "$zkvm" verify "$1" --image-id "$image_id" --model "$out/model/lenet5.model.json" --model-id "$model_id" --input-is "$2"
}

times=""
for i in 0 1; do
  picture=$out/picture_$i receipt=$out/$i.zkr
  head -c $((784 * (digit + i + 1))) "$digits" | tail -c 784 >"$picture"
  proved=$(predict "$picture" "$weights" "$receipt")
  times+=$(printf '%-40s%8.2f s %8.2f MB' "picture $((digit + i))" "$(field seconds "$proved")" \
    "$(awk -v bytes="$(field receipt_bytes "$proved")" 'BEGIN { print bytes / 1e6 }')")$'\n'
  echo
  echo "\$ zkvm verify $receipt --image-id ... --model-id ... --input-is $picture"
  verified "$receipt" "$picture"
done

echo
echo "A model with one other weight, which the service might have put in its place; and the other picture's receipt:"
cp "$weights" "$out/swapped.weights"
chmod 600 "$out/swapped.weights"
byte=$(od -An -tu1 -j20000 -N1 "$weights")
printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$out/swapped.weights" bs=1 seek=20000 conv=notrunc status=none
predict "$out/picture_0" "$out/swapped.weights" "$out/swapped.zkr" >/dev/null
refused verified "$out/swapped.zkr" "$out/picture_0"
refused verified "$out/0.zkr" "$out/picture_1"
printf '\n%s' "$times"
