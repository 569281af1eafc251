#!/usr/bin/env bash
# Sets the machine up, builds the guests, and proves knowledge of a random message of 2 KiB: by its SHA-256, which
# sha256sum computes beside, and by a commitment. Exits 0 only with verified receipts, and prints what they took.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly guests=build/release/guests folder=build/preimage

source examples/steps.sh
set_up preimage_sha256_guest preimage_committed_guest
mkdir -p "$folder"
readonly message=$folder/message
head -c 2048 /dev/urandom >"$message"

digest=$(sha256sum "$message" | cut -d ' ' -f 1)
prove_and_verify "$guests/preimage_sha256.elf" "$message" "$folder/sha256.zkr" --journal-is "$digest"

# What to publish, once; and the guest's input, salt and message.
times=""
commitment=$("$zkvm" commit "$message" -o "$folder/input" --json | sed -n 's/.*"commitment":"\([0-9a-f]*\)".*/\1/p')
largest=$(od -An -v -tu1 -w1 "$message" | sort -n | tail -1)
prove_and_verify "$guests/preimage_committed.elf" "$folder/input" "$folder/committed.zkr" \
  --journal-is "$commitment$(printf '%02x000000' "$largest")"
