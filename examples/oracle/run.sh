#!/usr/bin/env bash
# Sets the machine up, and feeds a contract: a camera signs a picture of a meter's digit, LeNet-5 reads it, and one proof
# says both, without the picture. Shows that a picture that the camera did not sign has no proof, and that another
# camera's receipt is refused. Exits 0 only with a verified receipt, and prints what it took.
#
#   bash examples/oracle/run.sh [DIGIT]      DIGIT: 0 ... 499, default 3
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly digits=examples/mnist/data/digits.u8 labels=examples/mnist/data/labels.u8 out=build/oracle number=${1:-3}
readonly elf=$out/guest/guests/oracle.elf picture=$out/picture

source examples/steps.sh
set_up
mkdir -p "$out"
rm -rf "$out/network"
shown "" "$zkvm" import examples/mnist/data/lenet5.int8.onnx -o "$out/network" --name lenet5
cmake -S examples/oracle -B "$out/guest" -DNETWORK="$PWD/$out/network" -Dzkvm_DIR="$PWD/build/release" >/dev/null
shown "build the guest" cmake --build "$out/guest"

# The cameras: keys that stay in them, public keys that the contract has.
for camera in camera other; do
  [ -f "$out/$camera.key" ] || "$zkvm" key "$out/$camera.key" --new >/dev/null
done
key=$("$zkvm" key "$out/camera.key") other=$("$zkvm" key "$out/other.key")

head -c $((784 * (number + 1))) "$digits" | tail -c 784 >"$picture"

hex_bytes() { sed 's/../\\x&/g' <<<"$1" | tr -d '\n'; }
# input_of PUBLIC_KEY SECRET_KEY PICTURE: what the guest reads.
input_of() {
  "$zkvm" sign "$3" --key "$2" -o "$out/signature" >/dev/null
  printf "$(hex_bytes "$1")" | cat - "$out/signature" "$3"
}
input_of "$key" "$out/camera.key" "$picture" >"$out/input"

# The journal: key, digit, SHA-256 of the picture, which binds it and does not show it.
digest=$(sha256sum "$picture" | cut -d ' ' -f 1)
digit=$(printf '%02x000000' "$(od -An -tu1 -j"$number" -N1 "$labels")")
prove_and_verify "$elf" "$out/input" "$out/oracle.zkr" --journal-is "$key$digit$digest"

echo
echo "A picture with another pixel, under the old signature: the guest fails, so there is no proof."
cp "$out/input" "$out/forged"
printf '\377' | dd of="$out/forged" bs=1 seek=$((96 + 400)) conv=notrunc status=none
refused "$zkvm" prove "$elf" --input "$out/forged" -o "$out/forged.zkr"
echo
echo "The same picture, signed by another camera: a valid receipt, of a key that the contract does not know."
input_of "$other" "$out/other.key" "$picture" >"$out/foreign"
"$zkvm" prove "$elf" --input "$out/foreign" -o "$out/foreign.zkr" 2>/dev/null
refused "$zkvm" verify "$out/foreign.zkr" --elf "$elf" --journal-is "$key$digit$digest"
