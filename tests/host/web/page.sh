#!/usr/bin/env bash
# The page of examples/web in Debian's Chromium, driven by playwright-core; accessibility by axe-core. Screenshots:
# build/web/screenshots.
#
#   bash tests/host/web/page.sh      after examples/web/run.sh; installs Chromium where it is missing
set -euo pipefail
cd "$(dirname "$0")/../../.."
readonly out=build/web/page_test
bash toolchain/setup.sh --browser
PATH=$(bash toolchain/node.sh):$PATH
mkdir -p "$out"
cp tests/host/web/page_test.mjs "$out/"
cat >"$out/package.json" <<'END'
{"private": true, "type": "module",
 "devDependencies": {"playwright-core": "1.65.1", "@axe-core/playwright": "4.14.0", "axe-core": "4.14.1"}}
END
(cd "$out" && npm install --silent --no-audit --no-fund --no-package-lock)
# What examples/mnist/run.sh, the README's first command, proves.
readonly guest=build/release/guests/mnist_lenet5.elf zkvm=build/release/bin/zkvm
dd if=examples/mnist/data/digits.u8 of="$out/digit.bin" bs=784 skip=3 count=1 status=none
"$zkvm" prove "$guest" --input "$out/digit.bin" -o "$out/mnist.zkr" --json >/dev/null
export MNIST_RECEIPT=$PWD/$out/mnist.zkr MNIST_MODEL=$PWD/examples/mnist/data/lenet5.model.json
MNIST_ID=$("$zkvm" id "$guest")
export MNIST_ID
PAGE=$PWD/build/web/page SHOTS=$PWD/build/web/screenshots CHROMIUM=$(command -v chromium) node --test "$out/page_test.mjs"
