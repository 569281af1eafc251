#!/usr/bin/env bash
# The wheels in a bare Debian 12, made by debootstrap, in which nothing was set up: one pip command, a proof, its receipt
# verified by the small wheel, which is there alone. Needs root.
#
#   bash tests/host/python/bare_debian.sh      after a release build; some two minutes
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder=$(mktemp -d)
root=$folder/root
mounted=false
clean() {
  if $mounted; then umount "$root/proc"; fi
  rm -rf --one-file-system "$folder"
}
trap clean EXIT

bash host/python/wheels.sh build/wheels
echo "bare_debian.sh: making a Debian 12"
debootstrap --variant=minbase --include=python3,python3-venv bookworm "$root" >"$folder/log" 2>&1 ||
  { tail -20 "$folder/log" >&2; exit 1; }
mount -t proc proc "$root/proc" && mounted=true || echo "bare_debian.sh: without /proc, which cannot be mounted here"
mkdir "$root/wheels"
cp build/wheels/*.whl build/release/guests/{hello,mnist_mlp}.elf "$root/wheels"
# From outside, where the registry is reached; as one for Debian's Python would.
build/python-wheels/bin/python -m pip download --quiet --disable-pip-version-check --only-binary :all: --python-version 3.11 \
  -d "$root/wheels" numpy tqdm
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$root" "$@"; }
install() {  # install VENV PACKAGE: nothing but the wheels
  inside python3 -m venv "$1"
  inside "$1/bin/pip" install --quiet --no-index --find-links /wheels "$2"
}

install /prover zkvm
inside /prover/bin/python -c '
import zkvm
model = zkvm.Model("/wheels/hello.elf")
receipt = model.prove(bytes(32), progress=True)
receipt.save("/receipt.zkr")
assert model.verify(receipt).verification.exit_code == 0
open("/image_id", "w").write(model.image_id)
print(receipt, receipt.report.seconds, "s")
assert "main" in str(model.profile(bytes(32), console=None).functions)'
inside /prover/bin/zkvm verify /receipt.zkr --elf /wheels/hello.elf
inside /prover/bin/python -m zkvm run /wheels/mnist_mlp.elf --input /wheels/mnist_mlp.elf --quiet

install /service zkvm_verify
inside /service/bin/python -c '
import sys, zkvm_verify
image_id = open("/image_id").read()
proven = zkvm_verify.verify(open("/receipt.zkr", "rb").read(), image_id)
print(proven)
assert proven.exit_code == 0 and proven.security_bits >= 128
try:
    zkvm_verify.verify(open("/receipt.zkr", "rb").read()[:-1], image_id)
    sys.exit("a shorter receipt is no less true")
except zkvm_verify.InvalidReceipt as error:
    print("refused, as it should be:", error)
import importlib.util
assert not importlib.util.find_spec("numpy") and not importlib.util.find_spec("zkvm")'
echo "bare_debian.sh: passed"
