#!/usr/bin/env bash
# Sets the machine up, builds, runs both guests on one digit, then on 500 against ONNX Runtime's outputs.
#
#   bash examples/mnist/run.sh [DIGIT]      DIGIT: 0 ... 499, default 3
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly data=examples/mnist/data build=build/release

bash toolchain/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target zkvm mnist \
  mnist_mlp_guest mnist_lenet5_guest mnist_mlp_clang_guest mnist_lenet5_clang_guest

echo
"$build/bin/mnist" digit "$data" "${1:-3}" "$build/mnist_digit.bin"
for model in mlp lenet5; do
  echo
  echo "\$ zkvm run $build/guests/mnist_$model.elf --input $build/mnist_digit.bin"
  "$build/bin/zkvm" run "$build/guests/mnist_$model.elf" --input "$build/mnist_digit.bin"
done
echo
"$build/bin/mnist" check "$data" "$build/guests"
