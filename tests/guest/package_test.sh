#!/usr/bin/env bash
# package_test.sh BUILD: installs BUILD into an empty folder and builds what `zkvm new` writes against it.
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null

"$work/prefix/bin/zkvm" new "$work/a project" | tee "$work/said"
mapfile -t commands < <(sed -n 's/^ *\(cmake .*\)/\1/p' "$work/said")
[ ${#commands[@]} = 2 ] || { echo "FAILED: zkvm new printed ${#commands[@]} commands, expected 2"; exit 1; }
env -i PATH="$PATH" HOME="$HOME" bash -euc "${commands[0]}" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
env -i PATH="$PATH" HOME="$HOME" bash -euc "${commands[1]}" | tee "$work/ran"
grep -q "^sum 31, largest 9, in [0-9]* cycles" "$work/ran" || { echo "FAILED: the project did not run"; exit 1; }

# The same guest is the same program wherever it is built: compare the loaded bytes of two places.
mkdir "$work/elsewhere"
cp -r "$work/a project/." "$work/elsewhere/"
rm -rf "$work/elsewhere/build"
cmake -S "$work/elsewhere" -B "$work/elsewhere/build" -Dzkvm_DIR="$work/prefix/lib/cmake/zkvm" >/dev/null
cmake --build "$work/elsewhere/build" --target sum_guest >/dev/null
for place in "a project" elsewhere; do
  riscv64-unknown-elf-objcopy -O binary "$work/$place/build/guests/sum.elf" "$work/$place/sum.bin"
done
cmp "$work/a project/sum.bin" "$work/elsewhere/sum.bin"
echo "package: ok"
