#!/usr/bin/env bash
# Sets the machine up, builds the guest, runs it, proves it, verifies the receipt by the program's image id, and prints
# what it took. Exits 0 only with a verified receipt.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly guest=build/release/guests/hello.elf numbers=build/hello.numbers receipt=build/hello.zkr

source examples/steps.sh
set_up hello_guest

printf '\3\0\0\0\1\0\0\0\4\0\0\0\1\0\0\0\5\0\0\0\11\0\0\0\2\0\0\0\6\0\0\0' >"$numbers"
shown "" "$zkvm" run "$guest" --input "$numbers"
shown "" "$zkvm" prove "$guest" --input "$numbers" -o "$receipt"
# Who verifies has the receipt and the image id, but not the numbers. Sum 31, maximum 9.
shown "" "$zkvm" verify "$receipt" --image-id "$("$zkvm" id "$guest")" --journal-is 1f00000009000000
