#!/usr/bin/env bash
# Compiles the verifier for WebAssembly and makes the npm package of it: build/web/zkvm-verify.
#
#   bash host/web/build.sh
#
# Wants clang-19 and Debian's wasi-libc and libc++-19-dev-wasm32 (toolchain/setup.sh). Objects are kept in build/web.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly out=build/web package=build/web/zkvm-verify
mkdir -p "$out/include/bits" "$out/objects" "$package"

# Of the host's headers these alone, which have nothing of its C library in them.
for header in fmt tl nlohmann elf.h; do ln -sfn "/usr/include/$header" "$out/include/$header"; done
ln -sfn /usr/include/x86_64-linux-gnu/bits/auxv.h "$out/include/bits/auxv.h"

# Small, but where the time goes.
readonly fast="stark/hash/blake3.simd.cc stark/verifier/deep.simd.cc stark/verifier/deep.cc stark/protocol/key.cc
  stark/air/circuit.cc"
readonly small="host/error.cc host/file_kind.cc host/model_info.cc host/model_tensors.cc host/npy.cc host/receipt.cc
  host/verify.cc host/verify_c.cc host/web/memory.cc stark/air/recorder.cc stark/machine/circuit.cc
  stark/machine/image.cc stark/protocol/proof.cc stark/protocol/shape.cc
  stark/protocol/soundness.cc stark/protocol/statement.cc stark/simd/simd_dispatch.cc stark/transcript/transcript_log.cc
  stark/verifier/constraints.cc stark/verifier/fri.cc stark/verifier/verifier.cc"
version=$(sed -n 's/^project(zkvm VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
options=(--target=wasm32-wasi -std=c++20 -Wall -Werror -fno-exceptions -fno-rtti -fno-threadsafe-statics -fvisibility=hidden
  -flto -mbulk-memory -mnontrapping-fptoint -msign-ext
  -DNDEBUG -DZKVM_VERIFIER_ALONE -DZKVM_SIMD_TARGET=scalar "-DZKVM_VERSION=\"$version\""
  -DFMT_HEADER_ONLY "-DFMT_STATIC_THOUSANDS_SEPARATOR=','" -DJSON_NO_IO -I. -Iguest/include "-I$out/include")

# What most of them include, read once.
readonly headers=$out/headers.h
for header in fmt/format.h tl/expected.hpp algorithm array bit cmath cstdint cstring functional limits map memory optional \
  set span string string_view utility vector; do
  echo "#include <$header>"
done >"$headers.new"
echo "// ${options[*]}" >>"$headers.new"  # other options are another header, too
if ! cmp -s "$headers" "$headers.new" || [ host/web/build.sh -nt "$headers.pch" ]; then
  mv "$headers.new" "$headers"
  rm -f "$out"/objects/*
  clang++-19 "${options[@]}" -Oz -x c++-header "$headers" -o "$headers.pch"
fi

object() { echo "$out/objects/$(tr / _ <<<"${1%.cc}").o"; }
compile() {  # compile LEVEL SOURCE: unless nothing that it is made of is newer
  local made
  made=$(object "$2")
  if [ -f "$made" ] && [ -f "$made.d" ] &&
    [ -z "$(sed 's/^[^:]*://; s/\\$//' "$made.d" | xargs -n 50 sh -c 'find "$@" -newer "$0"' "$made" 2>&1)" ]; then
    return
  fi
  local shared=()
  [ "$1" != -Oz ] || shared=(-include-pch "$headers.pch")
  clang++-19 "${options[@]}" "${shared[@]}" "$1" -MD -MF "$made.d" -c "$2" -o "$made"
}
running=0
for source in $fast $small; do
  case " "$(echo $fast)" " in *" $source "*) level=-O2 ;; *) level=-Oz ;; esac
  compile $level "$source" &
  running=$((running + 1))
  [ $running -lt "$(nproc)" ] || { wait -n || exit 1; running=$((running - 1)); }
done
while [ $running -gt 0 ]; do
  wait -n || exit 1
  running=$((running - 1))
done

# Of a function that several objects have the linker takes the first: a small one.
objects=() exports=()
for source in $small $fast; do objects+=("$(object "$source")"); done
for name in $(sed -n 's/^ZKVM_C_API [^(]*[ *]\(zkvm_[a-z0-9_]*\)(.*/\1/p' host/zkvm_verify_c.h) malloc free; do
  exports+=("-Wl,--export=$name")
done
# The most memory: 16 times the longest receipt. (clang calls binaryen's wasm-opt itself.)
clang++-19 --target=wasm32-wasi -mexec-model=reactor -Oz -flto "${objects[@]}" -o "$package/zkvm_verify.wasm" "${exports[@]}" \
  -Wl,--gc-sections,--strip-all,--stack-first,-z,stack-size=1048576,--max-memory=1073741824
cp host/web/{package.json,index.js,index.d.ts,README.md} LICENSE "$package/"
printf '%s: %d bytes, gzipped %d\n' "$package/zkvm_verify.wasm" "$(stat -c %s "$package/zkvm_verify.wasm")" \
  "$(gzip -9c "$package/zkvm_verify.wasm" | wc -c)"
