#!/usr/bin/env bash
# Installs what is missing, builds, and runs every default test. Exit status 0 means all passed. The summary has the
# wall clock and the CPU time (user + system, of all processes) of each stage.
#
#   bash tests/run.sh                  set-up, release build, all tests, robustness tests under ASan + UBSan, the Python
#                                      packages, the verifier for WebAssembly in Node
#   bash tests/run.sh --fresh-clone    the same from a clone of HEAD in an empty folder
#   bash tests/run.sh --long           what is too long for every run: 10,000 streams, 2,000 of them proven, mutations by
#                                      the million, every benchmark once, the Python packages in a bare Debian, the page in
#                                      Chromium, guests in other languages, the examples (seven download what they need), AVX-512 on emulated
#                                      instructions and in an emulator (which it downloads)
#   bash tests/run.sh --tidy           clang-tidy over the whole tree; about 35 minutes on 2 cores (an estimate)
#
# Other presets: cmake --preset portable && cmake --build --preset portable && ctest --preset portable
# Any test under ASan + UBSan, the prover's for one; preset fuzz does it optimised, but without UBSan in *.simd.cc:
#   cmake --preset debug && cmake --build --preset debug --target stark_prover_test && ZKVM_SIMD=avx2 build/debug/bin/stark_prover_test
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
summary=()

cpu() {  # seconds of CPU, user + system, of all processes that have ended; fields 16 and 17 of proc(5), in ticks
  local fields
  read -ra fields <"/proc/$$/stat"
  echo $(((fields[15] + fields[16]) / $(getconf CLK_TCK)))
}

stage() {  # stage TITLE COMMAND...: a heading, the command, its times; ends everything where it fails; 77 means skipped
  local title=$1 from=$SECONDS cpu_from status=0 said
  cpu_from=$(cpu)
  shift
  printf '\n==== %s\n' "$title"
  "$@" || status=$?
  case $status in
    0) said=passed ;;
    77) said=skipped ;;
    *) said=FAILED ;;
  esac
  summary+=("$(printf '%-8s %5d s %5d s CPU  %s' $said $((SECONDS - from)) $(($(cpu) - cpu_from)) "$title")")
  [ $said != FAILED ] || finish 1
}

finish() {
  printf '\n==== Summary (%d s, %d s CPU on %d cores)\n' $((SECONDS - started)) "$(cpu)" "$(nproc)"
  printf '%s\n' "${summary[@]}"
  exit "$1"
}

build() {  # build PRESET TARGET...
  local preset=$1
  shift
  cmake --preset "$preset" -Wno-dev >build/configure.log || { cat build/configure.log; return 1; }
  cmake --build --preset "$preset" --target "$@"
}

mutations() {  # mutations COUNT TEST...: as many changed inputs for each
  local count=$1 name
  shift
  for name; do ZKVM_MUTATIONS=$count "build/release/bin/$name" || return 1; done
}

later() {  # tests of LATER
  local name
  build release later_tests || return 1
  for name in build/release/bin/later/*; do "$name" || return 1; done
}

benchmarks() {  # each once; what they print is no measurement
  local bench
  build release benchmarks vm_bench receipt_bench stark_prover_bench || return 1
  for bench in build/release/bin/*_bench; do "$bench" --benchmark_min_time=0 || return 1; done
  bash tests/bench/mobilenet_v2.sh
}

tidy_commands() {  # of *.simd.cc only those for AVX2 and AVX-512; precompiled headers would have it look at all of them
  python3 -c '
import json, re, sys
def wanted(command): return not re.search("ZKVM_SIMD_TARGET=scalar|ZKVM_SIMD_EMULATED", command)
commands = [c for c in json.load(sys.stdin) if wanted(c["command"])]
for c in commands: c["command"] = re.sub(r"-Xclang -include(-pch)? -Xclang \S+", "", c["command"])
json.dump(commands, sys.stdout)'
}

tidy() {  # guests are not in the list of compile commands
  mkdir -p build/tidy
  tidy_commands <build/release/compile_commands.json >build/tidy/compile_commands.json
  git ls-files 'examples/*.cc' 'host/*.cc' 'stark/*.cc' 'tests/*.cc' 'vm/*.cc' | sed 's/[.]/\\./g; s/^/\//; s/$/$/' |
    xargs run-clang-tidy-19 -quiet -p build/tidy -j "$(nproc)"
}

mode=${1:-}
case $mode in
  "" | --long | --tidy) [ $# -le 1 ] || mode=usage ;;
  --fresh-clone)
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    git clone --quiet . "$folder/zkvm"
    bash "$folder/zkvm/tests/run.sh"
    exit
    ;;
  *) mode=usage ;;
esac
if [ "$mode" = usage ]; then
  echo "usage: bash tests/run.sh [--fresh-clone | --long | --tidy]" >&2
  exit 2
fi

examples() {  # from a bare machine each, with what they download; mnist is a default run's main job
  local example
  for example in hello notebook web preimage mlaas contest oracle service credit medical strategy vgg16 mobilenet face age; do
    bash "examples/$example/run.sh" || return 1
  done
}

python_tests() {
  bash toolchain/venv.sh build/python host/python/requirements.txt || return 1
  ZKVM=build/release/bin/zkvm PYTHONPATH=host/python build/python/bin/python tests/python/quantize_test.py
}

other_languages() {  # 77: neither Rust nor Zig is there
  bash tests/guest/other_languages.sh || [ $? -eq 77 ]
}

mkdir -p build
stage "Set-up" bash toolchain/setup.sh
stage "Release build" build release all
case $mode in
  --long)
    stage "10,000 streams against qemu" env ZKVM_STREAMS=10000 build/release/bin/differential_test
    stage "2,000 streams proven" env ZKVM_STREAMS=2000 \
      build/release/bin/machine_session_test --gtest_filter=Session.ProvesRandomInstructions
    stage "1,000 changed ELF files" env ZKVM_CHANGED_FILES=1000 \
      build/release/bin/host_hostile_test --gtest_filter=Hostile.FilesWithRandomBytesChanged
    stage "Twice as many rows with changed cells" env ZKVM_CELL_ROWS=12 \
      build/release/bin/evil_every_cell_test --gtest_filter=EveryCell.OfLiveRowsIsBound
    stage "Mutations" mutations 1000000 elf_mutation_test onnx_mutation_test stark_mutations_test host_receipt_test
    stage "Mutations of whole receipts" mutations 100000 host_tampered_receipt_test host_verify_test
    stage "Every benchmark once" benchmarks
    stage "Python" python_tests
    stage "Python packages, 50,000 changed receipts" env ZKVM_MUTATIONS=50000 bash tests/host/python/run.sh
    stage "Ray on eight nodes" build/python-tests/bin/python -m pytest -q -p no:cacheprovider tests/host/python/cluster_long.py
    stage "Manifests for clusters" bash tests/host/python/deploy/run.sh
    stage "Python packages in a bare Debian" bash tests/host/python/bare_debian.sh
    stage "Guests in other languages" other_languages
    stage "Examples" examples
    stage "The page in Chromium" bash tests/host/web/page.sh
    stage "WebAssembly, 50,000 changed receipts" env ZKVM_MUTATIONS=50000 bash tests/host/web/run.sh
    stage "AVX-512 on emulated instructions" later
    stage "AVX-512 in an emulator" bash tests/avx512.sh
    ;;
  --tidy) stage "clang-tidy" tidy ;;
  *)
    stage "Robustness tests under ASan + UBSan: build" build robustness robustness_tests
    stage "Robustness tests under ASan + UBSan" ctest --preset robustness -L robustness -j "$(nproc)" --no-tests=error
    stage "All tests, release" ctest --preset release -j "$(nproc)" --no-tests=error
    stage "Python packages" bash tests/host/python/run.sh
    stage "WebAssembly" bash tests/host/web/run.sh
    ;;
esac
finish 0
