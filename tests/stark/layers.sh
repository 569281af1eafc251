#!/bin/sh
# layers.sh ROOT: fails if a room of stark/ includes one that does not stand before it, if the verifier's rooms
# use threads, BoringSSL or the VM, or if another room than session/ includes the VM.
cd "$1/stark" || exit 2
rooms='field simd hash transcript protocol verifier air chips chips/rv32im chips/memory chips/tables chips/hash chips/layer machine
  witness poly pcs/commit pcs/fri pcs/open prover/stages prover session/image session/rows session'
bad=$(
  above=
  for room in $rooms; do
    case $room in
      chips/*) allowed="$above chips $room" ;;  # a family of chips knows no other
      *) allowed="$above $room" ;;
    esac
    find "$room" -maxdepth 1 -name '*.h' -o -maxdepth 1 -name '*.cc' | xargs grep -nE '^#include "stark/' /dev/null |
      grep -vE "\"stark/($(echo $allowed | tr ' ' '|'))/[a-z0-9_.]+\""
    above="$above $room"
  done
  # What stands in no room is in nobody's order.
  find . -name '*.h' -o -name '*.cc' | sed 's|^\./||; s|/[^/]*$||' | sort -u |
    grep -vxE "$(echo $rooms | tr ' ' '|')" | sed 's|$|: no room of layers.sh|'
  grep -rnE '#include [<"](tbb|openssl|vm)/' field simd hash transcript protocol verifier air chips machine
  grep -rnE '#include "vm/' . --include='*.h' --include='*.cc' | grep -v '^\./session/'
)
[ -z "$bad" ] && exit 0
echo "$bad"
exit 1
