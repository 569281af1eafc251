#!/usr/bin/env bash
# other_languages.sh BUILD_FOLDER: the programs of guest/doc/other_languages.md, as they stand there: each is built by
# the commands of the page where its compiler is there, run, and its journal checked. For on demand, no default test.
# Exit status 0: all that could be tried are right; 1: one is not; 77: none but C could be tried.
set -uo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
page="$root/guest/doc/other_languages.md"
sdk="$root/guest"
build="$(cd "${1:-$root/build/release}" && pwd)" || exit 1
zkvm="$build/bin/zkvm"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
eval "$(sed -n '/^    link() {/,/^    }/s/^    //p' "$page")"
printf '\x07\x00\x00\x00' >seven
tried=0 failures=0

program() {  # program LANGUAGE FILE: the page's code
  sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/!p}" "$page" >"$2"
}
check() {  # check LANGUAGE ELF: 7 becomes 49
  local got
  got=$("$zkvm" run "$2" --input seven --json 2>&1)
  if grep -q '"journal":"31000000"' <<<"$got"; then
    echo "ok: $1"
  else
    echo "FAILED: $1: expected a journal of 31000000, found: $got"
    failures=1
  fi
}
failed() { echo "FAILED: $1:"; tail -20 log; failures=1; }

program c square.c
cat >CMakeLists.txt <<'C'
cmake_minimum_required(VERSION 3.25)
project(square LANGUAGES NONE)
find_package(zkvm REQUIRED)
zkvm_add_guest(NAME square SOURCES square.c)
C
if cmake -S . -B c -G "Unix Makefiles" -Dzkvm_DIR="$build" >log 2>&1 && cmake --build c >>log 2>&1; then
  check C c/guests/square.elf
else
  failed C
fi

# The commands of the page that begin with the compiler's name or `link`, up to the program.
commands() { sed -n "/^## $1\$/,/^\`\`\`/s/^    //p" "$page"; }

if rustc --version >/dev/null 2>&1 &&
   [ -d "$(rustc --print target-libdir --target riscv32im-unknown-none-elf 2>/dev/null)" ]; then
  tried=1
  program rust square.rs
  if (set -e; eval "$(commands Rust)") >log 2>&1; then check Rust square.elf; else failed Rust; fi
else
  echo "skipped: Rust (no rustc, or no target riscv32im-unknown-none-elf)"
fi

if zig version >/dev/null 2>&1; then
  tried=1
  program zig square.zig
  rm -f square.elf
  if (set -e; eval "$(commands Zig)") >log 2>&1; then check Zig square.elf; else failed Zig; fi
else
  echo "skipped: Zig (no zig)"
fi

[ "$failures" -eq 0 ] || exit 1
[ "$tried" -eq 1 ] || exit 77
