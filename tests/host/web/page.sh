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
PAGE=$PWD/build/web/page SHOTS=$PWD/build/web/screenshots CHROMIUM=$(command -v chromium) node --test "$out/page_test.mjs"
