#!/usr/bin/env bash
# Builds the guests' libstdc++ (rv32im/ilp32, on picolibc) from Debian's gcc-12-source, which has no package
# of its own, into a cache. Called by setup.sh; about two minutes on two cores, once per machine.
#
#   libstdcxx.sh --path    print where the library is or would be put
#   libstdcxx.sh           build it there if it is not there yet
#
# The folder's name holds the compiler's version and a digest of this file, so that a change of either
# builds anew; zkvm_add_guest.cmake computes the same name and looks in the same places.
set -euo pipefail

readonly gcc=riscv64-unknown-elf-gcc
readonly self=$(readlink -f "$0")
key="libstdcxx-$($gcc -dumpversion)-$(sha256sum "$self" | cut -c1-12)"
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

source_archive=/usr/src/gcc-12/gcc-12.2.0-dfsg.tar.xz
[ -f "$source_archive" ] || { echo "libstdcxx.sh: $source_archive not found (package gcc-12-source)" >&2; exit 1; }
mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
log="$work/log"
step() {  # step TEXT COMMAND...: one progress line; on failure the end of the log
  echo "libstdc++: $1"; shift
  "$@" >"$log" 2>&1 || { echo "libstdcxx.sh: failed: $*" >&2; tail -40 "$log" >&2; exit 1; }
}

step "unpacking the sources (1/4)" tar -C "$work" -xf "$source_archive" \
  --exclude='gcc-12.2.0/libstdc++-v3/testsuite/[0-9]*' --exclude='gcc-12.2.0/libstdc++-v3/doc/html' \
  gcc-12.2.0/{libstdc++-v3,libgcc,include,config,libiberty,gcc/BASE-VER,gcc/DATESTAMP} \
  gcc-12.2.0/{config.sub,config.guess,config-ml.in,config.rpath,compile,depcomp,install-sh,ltmain.sh,missing,mkinstalldirs,move-if-change}

# configure links test programs against -lstdc++ before there is one.
mkdir -p "$work/empty" "$work/build"
ar rcs "$work/empty/libstdc++.a"
cd "$work/build"
flags="--specs=picolibc.specs -march=rv32im -mabi=ilp32"
step "configuring (2/4)" "$work/gcc-12.2.0/libstdc++-v3/configure" \
  --host=riscv64-unknown-elf --prefix="$work/out" \
  --with-newlib --disable-multilib --disable-shared --disable-nls \
  --disable-libstdcxx-threads --disable-libstdcxx-pch --disable-libstdcxx-filesystem-ts \
  --disable-libstdcxx-verbose --disable-tls \
  CC="$gcc $flags" CXX="riscv64-unknown-elf-g++ $flags" LDFLAGS="--oslib=semihost -L$work/empty" \
  CFLAGS="-O2 -ffunction-sections -fdata-sections" CXXFLAGS="-O2 -ffunction-sections -fdata-sections"
step "compiling (3/4, two minutes)" make -j"$(nproc)"
step "installing (4/4)" make install

# gcc places the headers by its own version and the libraries by the multilib; flatten to include/ and lib/.
mkdir -p "$work/final/lib"
cp -a "$work/out/include/c++/"* "$work/final/include" 2>/dev/null || cp -a "$work/out/include" "$work/final/include"
find "$work/out" -name 'lib*.a' -exec cp {} "$work/final/lib/" \;
# A std::thread without threads has no constructor to call; give it one that says why it does not compile.
cat >"$work/no_threads" <<'PATCH'
    template<typename _Callable, typename... _Args, typename = _Require<__not_same<_Callable>>>
      explicit thread(_Callable&&, _Args&&...)
      { static_assert(!sizeof(_Callable*), "zkvm: guests have one thread: no std::thread"); }
PATCH
thread_header="$work/final/include/bits/std_thread.h"
sed -i "/thread() noexcept = default;/r $work/no_threads" "$thread_header"
grep -q "zkvm: guests have one thread" "$thread_header" || { echo "libstdcxx.sh: $thread_header: not as expected" >&2; exit 1; }
touch "$work/final/complete"
mkdir -p "$cache"
mv -T "$work/final" "$target" 2>/dev/null || [ -f "$target/complete" ]  # another run may have been first
echo "libstdc++: $target ($(du -sm "$target" | cut -f1) MB)"
