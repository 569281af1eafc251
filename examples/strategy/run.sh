#!/usr/bin/env bash
# Sets the machine up, trains a trading rule on 18 years of the S&P 500, makes a guest of it whose weights are private,
# holds that against ONNX Runtime, proves its decisions on the 250 days of the year after in one receipt, verifies and
# audits that with the public bars, and shows that other weights and other days are refused. Exits 0 only if all of this was
# as it should be.
#
#   bash examples/strategy/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly example=examples/strategy out=build/strategy
readonly python=$out/venv/bin/python network=$out/network elf=$out/guest/guests/decisions.elf
export PYTHONPATH=examples/medical:host/python
mkdir -p "$out"

source examples/steps.sh
set_up
bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"

# Of the package only the data are read, so any platform's will do.
readonly wheel=$out/arch-8.0.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl
if [ ! -f "$wheel" ]; then
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux_2_28_x86_64 -d "$out" arch==8.0.0
fi

shown "" "$python" "$example/train.py" "$wheel" "$out"
# One scale for all weights of a layer: scales are public.
shown "" "$python" -m zkvm.quantize "$out/float.onnx" --data "$out/training.npz" --test "$out/test.npz" --per-tensor \
  --expected "$out/expected.npz" -o "$out/rule.int8.onnx"
rm -rf "$network"
shown "" "$zkvm" import "$out/rule.int8.onnx" -o "$network" --name rule --private-weights --check "$out/expected.npz"
cmake -S "$example/guest" -B "$out/guest" -Dzkvm_DIR="$PWD/build/release" -DNETWORK="$PWD/$network" >/dev/null
cmake --build "$out/guest" >/dev/null

echo
echo "All days from 2000 on:"
"$python" "$example/check.py" "$wheel" "$out" "$zkvm" "$elf"

write_input() {  # write_input WEIGHTS DAYS NAME: NAME.input, the weights' salt and data, then the days
  (umask 077 && cat "$1" "$2" >"$out/$3.input")
}

# What the rule's owner publishes before the year begins: the program and the model id.
model_id=$("$zkvm" model-id "$network/rule.weights" --json | sed -n 's/.*"model_id":"\([0-9a-f]*\)".*/\1/p')
image_id=$("$zkvm" id "$elf")
printf '\n%-24s%s\n%-24s%s\n' "program (image id)" "$image_id" "weights (model id)" "$model_id"

# After the year: its days, and the proof of what was decided on them.
shown "" "$python" "$example/audit.py" "$wheel" "$network/rule.model.json" -o "$out/days"
sha256sum "$out/days"
write_input "$network/rule.weights" "$out/days" year
prove_and_verify "$elf" "$out/year.input" "$out/year.zkr" --model-id "$model_id" --journal "$out/journal"
shown "" "$python" "$example/audit.py" "$wheel" "$network/rule.model.json" "$out/journal"

echo
echo "Weights of which one was changed, and one feature of one day: both receipts are valid, and not what was asked."
(umask 077 && cp "$network/rule.weights" "$out/changed.weights")
cp "$out/days" "$out/changed.days"
for changed in "$out/changed.weights" "$out/changed.days"; do
  printf '\125' | dd of="$changed" bs=1 seek=50 conv=notrunc status=none
done
write_input "$out/changed.weights" "$out/days" other_weights
write_input "$network/rule.weights" "$out/changed.days" other_days
for other in other_weights other_days; do
  "$zkvm" prove "$elf" --input "$out/$other.input" -o "$out/$other.zkr" --json >/dev/null
done
refused "$zkvm" verify "$out/other_weights.zkr" --image-id "$image_id" --model-id "$model_id"
shown "" "$zkvm" verify "$out/other_days.zkr" --image-id "$image_id" --model-id "$model_id" --journal "$out/other_journal"
refused "$python" "$example/audit.py" "$wheel" "$network/rule.model.json" "$out/other_journal"

cat <<END

who                     learns
the rule's owner        all, and proves
an investor, auditor    each day's decision, and that the weights of this model id made all of them on the public bars
anybody with both       the same: a receipt does not expire
END
