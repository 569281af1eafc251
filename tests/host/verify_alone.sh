#!/bin/sh
# verify_alone.sh NM READELF PROGRAM: fails unless PROGRAM, into which the whole verifier library is linked, runs,
# holds nothing of prover, VM, LLVM or threads (vectors it may use), and needs no shared library beyond the C++ runtime and fmt.
nm=$1 readelf=$2 program=$3
status=0
"$program" || { echo "it does not run"; status=1; }
symbols=$("$nm" --demangle "$program") || exit 1
echo "$symbols" | grep -q 'zkvm::stark::verify(' || { echo "the verifier is not in it"; status=1; }
echo "$symbols" | grep -E 'zkvm::vm::|zkvm::stark::prove\(|zkvm::stark::MerkleTree|llvm::|tbb::| pthread_create|std::thread' && status=1
needed=$("$readelf" --dynamic --wide "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
echo "$needed" | grep -vE '^(libstdc\+\+|libm|libc|libgcc_s|libfmt|ld-linux[-a-z0-9]*)\.so' && status=1
exit $status
