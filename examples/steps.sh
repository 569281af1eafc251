# What the run.sh of examples have in common. They source it in the root of the repository, with set -euo pipefail.
readonly zkvm=build/release/bin/zkvm
times=""  # a line each

set_up() {  # set_up [TARGET...]: builds these and zkvm
  bash toolchain/setup.sh
  cmake --preset release >/dev/null
  cmake --build --preset release --target zkvm "$@"
}

shown() {  # shown TITLE COMMAND ...; keeps the wall clock under the title, if there is one
  local title=$1 from=$EPOCHREALTIME
  shift
  echo
  echo "\$ $*"
  "$@"
  [ -z "$title" ] || times+=$(awk -v title="$title" -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN {
    printf "%-40s%8.2f s", title, to - from }')$'\n'
}

refused() {  # refused COMMAND ...: exits unless its exit status is 1, the answer no
  local status=0
  echo
  echo "\$ $*"
  "$@" || status=$?
  [ $status -eq 1 ] || { echo "expected a refusal, exit status 1, found $status" >&2 && exit 1; }
}

field() {  # field KEY JSON: a number
  sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" <<<"$2"
}

# prove_and_verify ELF INPUT RECEIPT [OPTION...]: options are of `zkvm verify`. Prints all times. (No local may have the
# name of a constant of who calls this.)
prove_and_verify() {
  local guest_elf=$1 private=$2 proof_file=$3 proof proved verified
  shift 3
  # The first proof makes the program's image, and keeps it for those that follow.
  for proof in first second; do
    echo
    echo "\$ $zkvm prove $guest_elf --input $private -o $proof_file"
    proved=$("$zkvm" prove "$guest_elf" --input "$private" -o "$proof_file" --json)
    times+=$(printf '%-40s%8.2f s' "prove, $proof time" "$(field seconds "$proved")")$'\n'
  done
  # Who verifies has the receipt and the program's image id, but not the input.
  shown "" "$zkvm" verify "$proof_file" --image-id "$("$zkvm" id "$guest_elf")" "$@"
  verified=$("$zkvm" verify "$proof_file" --elf "$guest_elf" --json)
  printf '\n%s' "$times"
  awk -v memory="$(field peak_rss_bytes "$proved")" -v bytes="$(field receipt_bytes "$proved")" \
    -v cycles="$(field cycles "$proved")" -v verify="$(field seconds "$verified")" 'BEGIN {
      printf "%-40s%8d\n%-40s%8.2f GiB\n%-40s%8.2f MB\n%-40s%8.1f ms\n", "cycles", cycles, "peak memory", memory / 2^30,
             "receipt", bytes / 1e6, "verify", verify * 1e3 }'
}
