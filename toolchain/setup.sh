#!/usr/bin/env bash
# Sets a bare Debian 12 machine up for zkvm; the only place that installs anything. Needs root or sudo.
#
#   bash toolchain/setup.sh           install what is missing; nothing to do takes under a second
#   bash toolchain/setup.sh --check   print what is missing; exit status 1 if anything is
#   bash toolchain/setup.sh --browser the same as without, and Chromium, which tests of a page want
#
# It installs Debian packages, builds the guests' libstdc++ (libstdcxx.sh) and fetches the sources of libsodium that
# guests verify signatures with from PyPI (libsodium.sh), and touches nothing else.
set -euo pipefail

readonly here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
packages=(
  # Host build: clang-19 is the default compiler, GCC 12 builds everything too.
  git cmake ninja-build ccache g++ clang-19 lld-19 llvm-19 llvm-19-dev libclang-rt-19-dev clang-format-19 clang-tidy-19
  # Guests: GCC with picolibc, the sources of their libstdc++ and what unpacks and configures them, the oracle.
  gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf gcc-12-source make xz-utils qemu-user
  # What fetches from PyPI; what compiles the Python module.
  python3-venv python3-dev
  # Libraries: command line, text, errors, JSON, threads, pprof files, ONNX files; the prover's randomness; AVX-512 in tests.
  libcli11-dev libfmt-dev libexpected-dev nlohmann-json3-dev libtbb-dev zlib1g-dev libzstd-dev libxml2-dev libprotobuf-dev protobuf-compiler libonnx-dev
  android-libboringssl-dev libsimde-dev
  # The verifier for WebAssembly.
  wasi-libc libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 libclang-rt-19-dev-wasm32 binaryen
  # Tests and benchmarks; a bare Debian for the wheels, another locale.
  libgtest-dev libgmock-dev libbenchmark-dev libxml2-dev debootstrap locales
)

fail() { echo "setup.sh: $*" >&2; exit 1; }

check_only=false
case "${1:-}" in
  "") ;;
  --check) check_only=true ;;
  --browser) packages+=(chromium) ;;
  *) echo "usage: bash toolchain/setup.sh [--check | --browser]" >&2; exit 2 ;;
esac

missing_packages() {  # one name a line
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u |
    comm -13 - <(printf '%s\n' "${packages[@]}" | sort -u)
}

command -v dpkg-query >/dev/null || fail "this is no Debian system: dpkg-query not found (zkvm is set up on Debian 12)"
mapfile -t missing < <(missing_packages)

library_missing() {
  command -v riscv64-unknown-elf-gcc >/dev/null && [ -f "$(bash "$here/libstdcxx.sh" --path)/complete" ] && return 1
  return 0
}

libsodium_missing() { [ ! -f "$(bash "$here/libsodium.sh" --path)/complete" ]; }

if $check_only; then
  status=0
  if [ ${#missing[@]} -gt 0 ]; then printf 'missing package: %s\n' "${missing[@]}"; status=1; fi
  if library_missing; then echo "missing: the guests' libstdc++ (built by setup.sh)"; status=1; fi
  if libsodium_missing; then echo "missing: libsodium's sources (fetched by setup.sh)"; status=1; fi
  [ $status = 0 ] && echo "setup.sh: everything is in place"
  exit $status
fi

if [ ${#missing[@]} -gt 0 ]; then
  . /etc/os-release 2>/dev/null || true
  [ "${ID:-}-${VERSION_ID:-}" = debian-12 ] ||
    echo "setup.sh: made for Debian 12, this is ${PRETTY_NAME:-unknown}; packages may be named differently" >&2
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "needs root or sudo to install: ${missing[*]}"
    as_root=(sudo)
  fi
  apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  echo "setup.sh: refreshing the package lists (1/4)"
  "${apt[@]}" update >"$log" 2>&1 || { tail -20 "$log" >&2; fail "apt-get update failed (network? sources?)"; }
  echo "setup.sh: installing ${#missing[@]} packages (2/4): ${missing[*]}"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    { tail -20 "$log" >&2; fail "apt-get install failed"; }
fi

if library_missing; then
  echo "setup.sh: building the guests' libstdc++ (3/4)"
  bash "$here/libstdcxx.sh"
fi
if libsodium_missing; then
  echo "setup.sh: fetching libsodium's sources (4/4)"
  bash "$here/libsodium.sh"
fi
echo "setup.sh: everything is in place"
