#!/usr/bin/env bash
# Installs the Python packages from the release build's libraries, and runs their tests: types, everything under numpy 2,
# what handles arrays under numpy 1.26.
#
#   bash tests/host/python/run.sh [OPTION OF pytest...]      ZKVM_MUTATIONS: changed receipts, 2000 by default
set -euo pipefail
cd "$(dirname "$0")/../../.."
readonly venv=build/python-tests old=build/numpy-1.26.4
readonly python=$venv/bin/python
pip() { "$python" -m pip --quiet --disable-pip-version-check "$@"; }

bash toolchain/venv.sh "$venv" tests/host/python/requirements.txt
for package in host/python host/python/verify; do
  PATH=$PWD/$venv/bin:$PATH pip install --no-deps --no-build-isolation --force-reinstall "$package" \
    -C "cmake.define.ZKVM_BUILD=$PWD/build/release" -C "build-dir=$PWD/build/linked/$package"
done
[ -d "$old" ] || { pip install --no-deps --target "$old.part" numpy==1.26.4 && mv "$old.part" "$old"; }

for package in host/python host/python/verify; do
  echo "mypy $package"
  (cd "$package" && "$OLDPWD/$venv/bin/mypy" --cache-dir "$OLDPWD/build/mypy" --python-executable "$OLDPWD/$python")
done
"$python" -m pytest -q -p no:cacheprovider tests/host/python "$@"
PYTHONPATH=$old "$python" -m pytest -q -p no:cacheprovider tests/host/python/test_model.py "$@"
PYTHONPATH=$old "$python" -c 'import numpy; assert numpy.__version__ == "1.26.4", numpy.__version__'
