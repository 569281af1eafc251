#!/usr/bin/env bash
# Sets the machine up, trains a network on breast cancer data, makes a guest of it whose weights are private, holds that
# against ONNX Runtime on 143 patients, proves the verdict on one, verifies the receipt against the model id and the
# commitment to the patient's record, and shows that another model and another patient are refused. Exits 0 only if all
# of this was as it should be.
#
#   bash examples/medical/run.sh [PATIENT]      0 ... 142, default 7
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly patient=${1:-7} example=examples/medical out=build/medical
readonly python=$out/venv/bin/python network=$out/network elf=$out/guest/guests/verdict.elf
export PYTHONPATH=host/python
mkdir -p "$out"

source examples/steps.sh
set_up
bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"

shown "" "$python" "$example/train.py" "$out"
# One scale for all weights of a layer: scales are public.
shown "" "$python" -m zkvm.quantize "$out/float.onnx" --data "$out/training.npz" --test "$out/test.npz" --per-tensor \
  --expected "$out/expected.npz" -o "$out/medical.int8.onnx"
rm -rf "$network"
shown "" "$zkvm" import "$out/medical.int8.onnx" -o "$network" --name medical --private-weights \
  --check "$out/expected.npz"
"$python" "$example/standard.py" "$out"
cmake -S "$example/guest" -B "$out/guest" -Dzkvm_DIR="$PWD/build/release" -DNETWORK="$PWD/$network" >/dev/null
cmake --build "$out/guest" >/dev/null

echo
echo "The patients held back from training:"
"$python" "$example/check.py" "$out" "$zkvm" "$elf"

commit_record() {  # commit_record NAME: of record.npy the guest's input, NAME.record; its commitment on stdout
  "$zkvm" commit "$out/record.npy" -o "$out/$1.record" --json | sed -n 's/.*"commitment":"\([0-9a-f]*\)".*/\1/p'
}

prove() {  # prove WEIGHTS RECORD NAME: an input is the weights' file and the record's, each a salt and data
  (umask 077 && cat "$1" "$2" >"$out/$3.input")
  "$zkvm" prove "$elf" --input "$out/$3.input" -o "$out/$3.zkr" --json
}

# What is published: the model's maker says the program and the model id, the hospital each record's commitment.
printf '\nPatient %s:\n' "$patient"
"$python" "$example/check.py" "$out" "$patient"
commitment=$(commit_record patient)
model_id=$("$zkvm" model-id "$network/medical.weights" --json | sed -n 's/.*"model_id":"\([0-9a-f]*\)".*/\1/p')
image_id=$("$zkvm" id "$elf")
printf '\n%-28s%s\n%-28s%s\n%-28s%s\n' "program (image id)" "$image_id" "weights (model id)" "$model_id" \
  "record (commitment)" "$commitment"

(umask 077 && cat "$network/medical.weights" "$out/patient.record" >"$out/patient.input")
"$zkvm" run "$elf" --quiet --input "$out/patient.input" --journal "$out/journal"
verdict=$(tail -c 4 "$out/journal" | od -An -tx1 | tr -d ' \n')
prove_and_verify "$elf" "$out/patient.input" "$out/patient.zkr" --model-id "$model_id" \
  --journal-is "$model_id$commitment$verdict"

echo
echo "Another patient, whose receipt is as valid, but not of this record; and weights of which one was changed:"
"$python" "$example/check.py" "$out" $(((patient + 1) % 143)) >/dev/null
commit_record other >/dev/null
prove "$network/medical.weights" "$out/other.record" other >/dev/null
refused "$zkvm" verify "$out/other.zkr" --image-id "$image_id" --journal-is "$model_id$commitment$verdict"
(umask 077 && cp "$network/medical.weights" "$out/changed.weights")
printf '\177' | dd of="$out/changed.weights" bs=1 seek=40 conv=notrunc status=none
prove "$out/changed.weights" "$out/patient.record" changed >/dev/null
refused "$zkvm" verify "$out/changed.zkr" --image-id "$image_id" --model-id "$model_id"

[ "$verdict" = 01000000 ] && said=malignant || said=benign
cat <<END

Patient $patient: $said, says the network

who                    learns
who proves             all: it has the record, the weights and both salts
the regulator          "$said": the weights of this model id say so of the record of this commitment
anybody with both      the same: a receipt does not expire
END
