#!/usr/bin/env bash
# Sets the machine up, builds, proves what LeNet-5 says of a handwritten digit, makes the static page of examples/web with
# that receipt as its sample, and has the verifier of the page, WebAssembly, check it in Node: it accepts the receipt, and
# refuses the same with a changed byte and for another program. Exits 0 only then.
#
#   bash examples/web/run.sh [DIGIT]      0 ... 499, default 3; then a server of files, as it says
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly digit=${1:-3} out=build/web/sample page=build/web/page data=examples/mnist/data
mkdir -p "$out" "$page/sample"

source examples/steps.sh
set_up
PATH=$(bash toolchain/node.sh):$PATH
shown "the verifier for WebAssembly" bash host/web/build.sh

"$zkvm" import "$data/lenet5.int8.onnx" -o "$out/lenet5" --name lenet5 --force --json >"$out/import.json"
cmake -S "$out/lenet5" -B "$out/lenet5/build" -Dzkvm_DIR="$PWD/build/release" >/dev/null
cmake --build "$out/lenet5/build" >/dev/null
elf=$(find "$out/lenet5/build" -name lenet5.elf)
# A pixel is quantised to itself less 128, and a guest reads such a byte plus 128.
dd if="$data/digits.u8" of="$out/digit.input" bs=784 skip="$digit" count=1 status=none
prove_and_verify "$elf" "$out/digit.input" "$page/sample/digit.zkr"

"$zkvm" id "$elf" >"$page/sample/image_id"
cp "$out/lenet5/lenet5.model.json" "$page/sample/"
echo '{"rows": 28, "columns": 28, "note": "It was drawn by hand, and is in no file of this page."}' >"$page/sample/digit.json"
cp examples/web/*.{html,css,js,svg} "$page/"
rm -rf "$page/zkvm-verify"
cp -r build/web/zkvm-verify "$page/"

times=""
shown "a Node service: start, check, three times" node examples/web/service.mjs "$page"
printf '\n%sThe page: python3 -m http.server --bind 127.0.0.1 --directory %s 8000, then http://127.0.0.1:8000\n' \
  "$times" "$page"
