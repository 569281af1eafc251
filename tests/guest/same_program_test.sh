#!/usr/bin/env bash
# same_program_test.sh ZKVM_DIR: a guest is the same program, byte for byte, wherever its source stands and
# is built; file names of failed checks are part of a program.
set -euo pipefail
template="$(cd "$(dirname "$0")" && pwd)/../../toolchain/template"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options=(here "" "elsewhere, and deeper/still" -DZKVM_GUEST_RUNTIME=off)
for ((i = 0; i < 4; i += 2)); do
  place=${options[i]}
  mkdir -p "$work/$place"
  cp "$template"/* "$work/$place/"
  sed -i 's|zk::commit(sum);|ZK_CHECK(sum != 0); &|' "$work/$place/guest.cc"
  cmake -S "$work/$place" -B "$work/$place/build" -G "Unix Makefiles" -Dzkvm_DIR="$1" ${options[i + 1]} >"$work/log" 2>&1 &&
    cmake --build "$work/$place/build" --target sum_guest >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  riscv64-unknown-elf-objcopy -O binary "$work/$place/build/guests/sum.elf" "$work/$place/sum.bin"
done
[ ! -e "$work/here/build/guests/runtime" ] || { echo "FAILED: the package's runtime is not linked"; exit 1; }
[ -e "$work/elsewhere, and deeper/still/build/guests/runtime/io.cc.o" ] || { echo "FAILED: none compiled"; exit 1; }
grep -q "guest.cc" "$work/here/sum.bin" || { echo "FAILED: the check's file name is not in the program"; exit 1; }
cmp "$work/here/sum.bin" "$work/elsewhere, and deeper/still/sum.bin"
echo "the same program: $(stat -c %s "$work/here/sum.bin") bytes"
