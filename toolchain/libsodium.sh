#!/usr/bin/env bash
# The sources of libsodium that guests verify signatures with, unpacked from the source package of PyPI's PyNaCl into a
# cache. Called by setup.sh; half a minute, once per machine. Nothing of the package is run before its digest is
# checked.
#
#   libsodium.sh --path    print where they are or would be put
#   libsodium.sh           put them there if they are not there yet
#
# The folder's name holds a digest of this file, so that a change of it fetches anew; zkvm_add_guest.cmake asks for it.
set -euo pipefail

readonly package=PyNaCl==1.6.2 digest=018494d6d696ae03c7e656e5e74cdfd8ea1326962cc401bcf018f1ed8436811c
readonly self=$(readlink -f "$0")
key="libsodium-1.0.20-$(sha256sum "$self" | cut -c1-12)"
user_cache="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/zkvm"

target=""
for cache in "${ZKVM_CACHE:-/var/cache/zkvm}" /var/cache/zkvm "$user_cache"; do
  [ -f "$cache/$key/complete" ] && { target="$cache/$key"; break; }
done
if [ -z "$target" ]; then
  if [ -n "${ZKVM_CACHE:-}" ]; then cache="$ZKVM_CACHE"
  elif mkdir -p /var/cache/zkvm 2>/dev/null && [ -w /var/cache/zkvm ]; then cache=/var/cache/zkvm
  else cache="$user_cache"; fi
  target="$cache/$key"
fi
[ "${1:-}" = --path ] && { echo "$target"; exit 0; }
[ -f "$target/complete" ] && exit 0

mkdir -p "$cache"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { tail -20 "$work/log" >&2; echo "libsodium.sh: $*" >&2; exit 1; }
echo "libsodium: fetching $package from PyPI"
python3 -m venv "$work/venv" >"$work/log" 2>&1 || fail "python3 -m venv failed (package python3-venv)"
# pip refuses a file of another digest, and only then runs the package's set-up to ask for its name. Without build
# isolation that takes setuptools, which are here, and wheel; with it a compiler for libffi's bindings, too.
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check wheel==0.45.1 >"$work/log" 2>&1 ||
  fail "wheel could not be installed"
echo "$package --hash=sha256:$digest" >"$work/requirements.txt"
"$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
  --no-build-isolation --require-hashes -r "$work/requirements.txt" -d "$work" >"$work/log" 2>&1 ||
  fail "$package could not be fetched"
echo "$digest  $(ls "$work"/*.tar.gz)" | sha256sum --check --quiet >"$work/log" 2>&1 || fail "another SHA-256 than $digest"
mkdir "$work/final"
tar -C "$work/final" -xzf "$work"/*.tar.gz --no-same-owner --strip-components=3 --wildcards \
  '*/src/libsodium/LICENSE' '*/src/libsodium/src/libsodium/include/*' \
  '*/src/libsodium/src/libsodium/crypto_'{core/ed25519,hash/sha512,sign/ed25519,verify}'/*' >"$work/log" 2>&1 ||
  fail "$package is not as expected"
touch "$work/final/complete"
mv -T "$work/final" "$target" 2>/dev/null || [ -f "$target/complete" ]  # another run may have been first
echo "libsodium: $target"
