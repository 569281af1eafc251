#!/usr/bin/env bash
# picolibc 1.8 (Debian 12's picolibc-riscv64-unknown-elf 1.8-1): printf of a double rounds twice.
#
# Behaviour: %f, %e and %g first make the shortest decimal number that reads back as the double, of at most 17 digits,
# and then round that. So %.0f of 0.45, which is below a half, is 1: 0.45 becomes 0.5 becomes 1. Digits after the 17th
# are 0, where C libraries that print the exact value have more. %.0a of 1.5 rounds the half down. strtod is exact.
# C recommends, but does not demand, the correctly rounded value.
#
# Seen:               %.0f of 0.45   %.17g of 0.45           %.20f of 0.1              %.0a of 1.5
#   picolibc 1.8      1              0.45                    0.10000000000000000000    0x1p+0
#   glibc 2.36        0              0.45000000000000001     0.10000000000000000555    0x2p+0
#
# Needs apt-get and dpkg-deb of Debian 12, python3 with venv, and network. Compiles by ziglang 0.13.0 (clang), runs
# under qemu-riscv32. Exit status 0: as stated; 1: it has changed; 77: the packages are not to be had.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{
  python3 -m venv venv && venv/bin/pip install --quiet ziglang==0.13.0 &&
    apt-get download picolibc-riscv64-unknown-elf=1.8-1 && dpkg-deb -x picolibc-*.deb picolibc &&
    { command -v qemu-riscv32 || { apt-get download qemu-user-static && dpkg-deb -x qemu-user-static_*.deb qemu; }; }
} >log 2>&1 || { tail -5 log; exit 77; }
qemu=$(command -v qemu-riscv32 || echo qemu/usr/bin/qemu-riscv32-static)
library=$(dirname "$(find picolibc -path '*/release/rv32im/ilp32/libc.a')")
headers=$(dirname "$(find picolibc -path '*/include/stdio.h')")

cat >program.c <<'C'
#include <stdio.h>
#include <stdlib.h>
static long system_call(long number, long x, long y, long z) {
  register long a0 __asm__("a0") = x, a1 __asm__("a1") = y, a2 __asm__("a2") = z, a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}
void _start(void) {
  char text[200];
  const int length = snprintf(text, sizeof text, "%.0f %.17g %.20f %.0a %d\n", 0.45, 0.45, 0.1, 1.5,
                              strtod("0.45000000000000001", NULL) == 0.45);
  system_call(64, 1, (long)text, length);
  system_call(93, 0, 0, 0);
  for (;;) {}
}
C
venv/bin/python -m ziglang cc -target riscv32-freestanding-none -mcpu=generic_rv32+m -mabi=ilp32 -O2 -nostdlib \
  -ffreestanding -isystem "$headers" program.c "$library/libc.a" -o program
found=$("$qemu" program)
expected="1 0.45 0.10000000000000000000 0x1p+0 1"
echo "picolibc 1.8-1: $found"
[ "$found" = "$expected" ] || { echo "changed: expected $expected"; exit 1; }
