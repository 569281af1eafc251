#!/bin/sh
# verify_symbols.sh NM ARCHIVE...: fails if a library that a verifier links needs the prover, threads, the VM, or other
# SIMD kernels than the verifier's own.
nm=$1
shift
needed=$("$nm" --demangle --undefined-only "$@") || exit 1
foreign=$(echo "$needed" | grep -E 'tbb::|pthread_create|std::thread|zkvm::vm::|zkvm::stark::(scalar|avx2|avx512)::' |
  grep -vE '::(blake3|verifier_deep)_kernels')
[ -z "$foreign" ] && exit 0
echo "$foreign"
exit 1
