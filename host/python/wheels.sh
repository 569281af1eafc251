#!/usr/bin/env bash
# Builds the wheels of both packages for every Linux that is no older than Debian 12, with the shared libraries that they
# need inside: `zkvm` for this machine's version of Python, `zkvm_verify` for all.
#
#   bash host/python/wheels.sh [OUT]      OUT: build/wheels
#
# It links the libraries of build/release where that is built, which is the build that is tested; else it compiles them.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly out=${1:-build/wheels} venv=build/python-wheels
bash toolchain/venv.sh "$venv" host/python/requirements-wheels.txt
PATH=$PWD/$venv/bin:$PATH
settings=()  # with a build folder of their own: CMake's cache keeps what it is told
is_linked() { [ -f build/release/zkvmCommandTargets.cmake ] && [ -f build/release/host/libzkvm_verify.so ]; }
plain=$(mktemp -d)
trap 'rm -rf "$plain"' EXIT
for package in host/python host/python/verify; do
  ! is_linked || settings=(-C "cmake.define.ZKVM_BUILD=$PWD/build/release" -C "build-dir=$PWD/build/linked/$package")
  "$venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w "$plain" "$package" \
    ${settings[@]+"${settings[@]}"}
done
mkdir -p "$out"
rm -f "$out"/zkvm-*.whl "$out"/zkvm_verify-*.whl
for wheel in "$plain"/*.whl; do
  auditwheel repair --strip -w "$out" "$wheel" >"$plain/log" 2>&1 || { cat "$plain/log" >&2; exit 1; }
done
stat -c '%n: %s bytes' "$out"/zkvm-*.whl "$out"/zkvm_verify-*.whl
