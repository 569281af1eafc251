#!/usr/bin/env bash
# unavailable_test.sh ZKVM_DIR: what guests do not have must fail to compile or to link, and say why.
set -uo pipefail
source_folder="$(cd "$(dirname "$0")" && pwd)/unavailable"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake -S "$source_folder" -B "$work" -G "Unix Makefiles" -Dzkvm_DIR="$1" >"$work.log" 2>&1 || { cat "$work.log"; rm "$work.log"; exit 1; }
rm "$work.log"
cmake --build "$work" --target zkvm_guest_runtime >/dev/null || exit 1

failures=0
expect() {  # expect WHAT TEXT: neither compiler builds it, both say TEXT
  for compiler in gcc clang; do
    if output=$(cmake --build "$work" --target "$1_${compiler}_guest" 2>&1); then
      echo "FAILED: $1 ($compiler) builds"; failures=1
    elif ! grep -qE "$2" <<<"$output"; then
      echo "FAILED: $1 ($compiler): expected '$2' in:"; echo "$output"; failures=1
    else
      echo "ok: $1 ($compiler): $(grep -oE ".{0,40}$2.*" <<<"$output" | head -1)"
    fi
  done
}
expect threads "zkvm: guests have one thread"
expect mutexes "zkvm: guests have one thread"
expect async "zkvm: guests have one thread"
expect files "ZKVM_ERROR_guests_have_no_files__use_zk_read_zk_commit_or_EMBED"
expect streams_to_files "zkvm: guests have no files"
expect exceptions "exception handling disabled|with exceptions disabled"
expect clocks "ZKVM_ERROR_guests_have_no_clock"
exit $failures
