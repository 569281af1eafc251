#!/usr/bin/env bash
# Installs what is missing, builds, and runs every default test. Exit status 0 means all passed.
#
#   bash tests/run.sh                  set-up, release build, all tests, robustness tests under ASan + UBSan
#   bash tests/run.sh --fresh-clone    the same from a clone of HEAD in an empty folder
#
# Other presets: cmake --preset portable && cmake --build --preset portable && ctest --preset portable
# Any test under ASan + UBSan, the prover's for one; preset fuzz does it optimised, but without UBSan in *.simd.cc:
#   cmake --preset debug && cmake --build --preset debug --target stark_prover_test && ZKVM_SIMD=avx2 build/debug/bin/stark_prover_test
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
summary=()

stage() {  # stage TITLE COMMAND...: a heading, the command, its time; ends everything where it fails
  local title=$1 from=$SECONDS
  shift
  printf '\n==== %s\n' "$title"
  if "$@"; then
    summary+=("$(printf 'passed %5d s  %s' $((SECONDS - from)) "$title")")
  else
    summary+=("$(printf 'FAILED %5d s  %s' $((SECONDS - from)) "$title")")
    finish 1
  fi
}

finish() {
  printf '\n==== Summary (%d s)\n' $((SECONDS - started))
  printf '%s\n' "${summary[@]}"
  exit "$1"
}

build() {  # build PRESET TARGET...
  local preset=$1
  shift
  cmake --preset "$preset" -Wno-dev >build/configure.log || { cat build/configure.log; return 1; }
  cmake --build --preset "$preset" --target "$@"
}

case "${1:-}" in
  "") ;;
  --fresh-clone)
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    git clone --quiet . "$folder/zkvm"
    bash "$folder/zkvm/tests/run.sh"
    exit
    ;;
  *)
    echo "usage: bash tests/run.sh [--fresh-clone]" >&2
    exit 2
    ;;
esac

mkdir -p build
stage "Set-up" bash toolchain/setup.sh
stage "Release build" build release all
stage "Robustness tests under ASan + UBSan: build" build debug robustness_tests
stage "Robustness tests under ASan + UBSan" ctest --preset debug -L robustness -j "$(nproc)" --no-tests=error
stage "All tests, release" ctest --preset release -j "$(nproc)" --no-tests=error
finish 0
