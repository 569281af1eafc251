#!/usr/bin/env bash
# Sets the machine up, proves one inference of each network of the other examples, verifies the receipts, and writes
# what a proof takes and costs beside what others publish: build/costs/costs.md, costs.json and costs.svg. An example
# whose guest is not there yet is run first, which downloads what its README says. Exits 0 only if every receipt was
# verified.
#
#   bash examples/costs/run.sh [--only NAME,..] [--price PRICE]
#
#   NAME: mnist vgg16 mobilenet face age credit, the folders of the examples; mnist alone downloads no model and no data
#   PRICE: of a core for an hour, in any currency; 0.04 is an example and no offer of anybody's
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly example=examples/costs out=build/costs
mkdir -p "$out"

source examples/steps.sh
set_up

bash toolchain/venv.sh "$out/venv" "$example/requirements.txt"
"$out/venv/bin/python" "$example/costs.py" "$zkvm" "$out" "$@"
