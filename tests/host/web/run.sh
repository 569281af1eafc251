#!/usr/bin/env bash
# Compiles the verifier for WebAssembly, and tests the npm package as a program installs it: its verdicts, its types.
#
#   bash tests/host/web/run.sh      after a release build; ZKVM_MUTATIONS: changed receipts, 2000 by default
set -euo pipefail
cd "$(dirname "$0")/../../.."
readonly out=build/web/test build=build/release
PATH=$(bash toolchain/node.sh):$PATH
bash host/web/build.sh
rm -rf "$out"
mkdir -p "$out"
"$build/bin/host_verify_cases" "$out/cases" 3 "${ZKVM_MUTATIONS:-2000}"

# Two examples of tests/host/model_guest.json: a picture as the guest reads it, an offset.
printf '\202\174\216\201\204\1\0\0\5\0\0\0\144\144\264\166\145\0\0\0\371\377\377\377' >"$out/columns.input"
"$build/bin/zkvm" prove "$build/guests/host_model.elf" --input "$out/columns.input" -o "$out/columns.zkr" --security 30 --json >/dev/null
"$build/bin/zkvm" verify "$out/columns.zkr" --elf "$build/guests/host_model.elf" --security 30 --json >"$out/said.json"
node -e '
const { readFileSync, writeFileSync } = require("node:fs"), [said, model, to] = process.argv.slice(1);
const { image_id: imageId, outputs } = JSON.parse(readFileSync(said));
writeFileSync(to, JSON.stringify({ imageId, outputs, model: readFileSync(model, "utf8") }));
' "$out/said.json" tests/host/model_guest.json "$out/columns.json"

# As npm installs it, from the archive that would be published.
npm pack --silent --pack-destination "$out" ./build/web/zkvm-verify >/dev/null
cp tests/host/web/{verify_test.mjs,types_test.ts,package.json} "$out/"
(cd "$out" && npm install --silent --no-audit --no-fund --no-package-lock ./zkvm-verify-*.tgz &&
  node_modules/.bin/tsc --noEmit --strict --target es2022 --module nodenext --lib es2022,dom types_test.ts)
PACKAGE=$PWD/$out/node_modules/zkvm-verify CASES=$out/cases RECEIPTS=$out node --test "$out/verify_test.mjs"
