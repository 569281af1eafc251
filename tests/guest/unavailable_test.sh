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
expect() {  # expect WHAT TEXT...: neither compiler builds it, both say every TEXT
  local what=$1 output text
  shift
  for compiler in gcc clang; do
    if output=$(cmake --build "$work" --target "${what}_${compiler}_guest" 2>&1); then
      echo "FAILED: $what ($compiler) builds"; failures=1
      continue
    fi
    for text in "$@"; do
      if ! grep -qE "$text" <<<"$output"; then
        echo "FAILED: $what ($compiler): expected '$text' in:"; echo "$output"; failures=1
      else
        echo "ok: $what ($compiler): $(grep -oE ".{0,40}$text.*" <<<"$output" | head -1)"
      fi
    done
  done
}
expect threads "zkvm: guests have one thread"
expect mutexes "zkvm: guests have one thread"
expect async "zkvm: guests have one thread"
expect files "ZKVM_ERROR_guests_have_no_files__use_zk_read_zk_commit_or_EMBED"
expect streams_to_files "zkvm: guests have no files"
expect exceptions "exception handling disabled|with exceptions disabled"
expect clocks "ZKVM_ERROR_guests_have_no_clock"
expect layers "zk::nn::conv2d_max_pool: the convolution's output is smaller than a 2x2 window" \
  "zk::nn: zero points must be values of the element type" \
  "zk::nn: every scale must be positive, and no infinity or NaN" \
  "zk::nn: input scale . weight scale / output scale must be a normal float32" \
  "zero_points_must_be_values_of_the_element_type"
exit $failures
