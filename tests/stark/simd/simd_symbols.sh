#!/bin/sh
# simd_symbols.sh NM OBJECT...: fails if an object that is compiled for one instruction set defines code that
# the linker may share with others (weak symbols outside its namespace), because it could then run on the wrong CPU.
nm=$1
shift
symbols=$("$nm" --demangle --defined-only "$@") || exit 1
shared=$(echo "$symbols" | grep -E '^[0-9a-f]+ [Wu] ' | grep -vE 'zkvm::stark::(scalar|avx2|avx512)::')
[ -z "$shared" ] && exit 0
echo "$shared"
exit 1
