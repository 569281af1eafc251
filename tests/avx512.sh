#!/usr/bin/env bash
# Runs the tests of the SIMD kernels with the real AVX-512 objects on a machine that has no AVX-512: Debian's emulator
# bochs boots a Debian kernel with nothing but the test binaries. Prints the cases; exit status 0 means all passed.
#
#   bash tests/avx512.sh [MINUTES]     gives up after so many minutes of emulation (default 60; about 15 of one Zen 3 core are needed)
#
# Needs Debian 12 with root or sudo: toolchain/setup.sh, and the packages below. The kernel is unpacked, not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-60}
if [[ $# -gt 1 || ! $minutes =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: bash tests/avx512.sh [MINUTES]" >&2
  exit 2
fi
packages=(bochs bochs-sdl busybox-static cpio genisoimage isolinux syslinux-common)
kernel=linux-image-cloud-amd64
work=$PWD/build/avx512
log=$work/serial.log

bash toolchain/setup.sh
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}"
fi

mapfile -t tests < <(grep -rhoP --include=CMakeLists.txt '^zkvm_add_simd_test\(\K\w+' tests)
cmake --preset release -Wno-dev >/dev/null
cmake --build --preset release --target "${tests[@]}"

# The guest's root: busybox, the tests and what they load.
root=$work/root
rm -rf "$work"
mkdir -p "$root"/{bin,dev,proc,tests} "$work"/{kernel,iso}
cp /bin/busybox "$root/bin"
for name in "${tests[@]}"; do cp "build/release/bin/$name" "$root/tests"; done
ldd "$root"/tests/* | grep -oP '\s\K/\S+(?= \()' | sort -u | xargs cp -L --parents -t "$root"

# A case of its own for a narrower target says nothing here; the largest transforms would take an hour.
cat >"$root/init" <<'EOF'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
echo "cpu: $(uname -m): $(grep -m1 flags /proc/cpuinfo | grep -ow 'avx2\|bmi2\|avx512[a-z]*' | xargs)"
cd /tests
for name in *; do
  ./$name --gtest_color=no --gtest_filter='-*/scalar:*/avx2:Ntt.LargestSizesRoundTripAndMatch'
  echo "$name: exit status $?"
done
sleep 1  # until the serial port has sent everything
poweroff -f
EOF
chmod +x "$root/init"

# isolinux, because bochs boots disks only.
(
  cd "$work/kernel"
  apt-get -qq download "$(apt-cache depends "$kernel" | awk '/Depends: linux-image/ {print $2}')"
  dpkg-deb -x ./*.deb .
)
cp "$work"/kernel/boot/vmlinuz-* "$work/iso/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/iso/initrd"
# Bochs 2.7 reports a wrong size of compacted XSAVE areas, over which the kernel would disable AVX; its
# security modules take minutes to start.
cat >"$work/iso/isolinux.cfg" <<'EOF'
default tests
label tests
  kernel vmlinuz
  append initrd=initrd console=ttyS0,115200 quiet lsm= mitigations=off clearcpuid=xsaves,xsavec
EOF
genisoimage -quiet -o "$work/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso"

cat >"$work/bochsrc" <<EOF
config_interface: textconfig
display_library: sdl2
cpu: model=corei7_skylake_x, ips=100000000
clock: sync=none
memory: guest=2048, host=2048
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$log
log: $work/bochs.log
panic: action=fatal
error: action=ignore
EOF
echo c >"$work/continue"  # for the debugger in Debian's bochs
: >"$log"
SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy timeout -k 10 "${minutes}m" \
  bochs -rc "$work/continue" -f "$work/bochsrc" </dev/null >"$work/bochs.out" 2>&1 &
tail -n +1 -f --pid=$! "$log"
wait $! || true  # bochs ends with an error when its guest switches off

failed=0
printf '\n==== Summary\n'
for name in "${tests[@]}"; do
  status=$(grep -oP "^$name: exit status \K\d+" "$log" || echo "none: the emulator ended first")
  if [ "$status" = 0 ]; then echo "passed  $name"; else echo "FAILED  $name: exit status $status" && failed=1; fi
done
grep -q '^\[       OK \].*/avx512' "$log" || { echo "FAILED  no case ran on AVX-512" && failed=1; }
exit $failed
