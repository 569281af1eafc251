#!/usr/bin/env bash
# Sets the machine up, builds the service and a guest, proves the guest, has the service verify the receipt over HTTP,
# shows that a changed one is refused, and prints what it took. Exits 0 only if both answers are right.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly guest=build/release/guests/hello.elf receipt=build/service.zkr log=build/service.log

source examples/steps.sh
set_up service hello_guest

printf '\3\0\0\0\1\0\0\0\4\0\0\0\1\0\0\0\5\0\0\0\11\0\0\0\2\0\0\0\6\0\0\0' >build/service.numbers
echo "\$ zkvm prove $guest --input build/service.numbers -o $receipt"
"$zkvm" prove "$guest" --input build/service.numbers -o "$receipt"

: >"$log"
build/release/bin/service --port 0 "$("$zkvm" id "$guest")" >"$log" 2>&1 &
readonly service=$!
trap 'kill $service 2>/dev/null || true' EXIT
port=
for _ in $(seq 100); do
  port=$(sed -n 's/.*:\([0-9][0-9]*\).*/\1/p' "$log" | head -1)
  [ -n "$port" ] && break
  sleep 0.1
done
[ -n "$port" ] || { cat "$log" >&2; echo "run.sh: the service did not start" >&2; exit 1; }

ask() {  # ask FILE: status and body of the answer, on one line
  python3 - "$port" "$1" <<'PYTHON'
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
connection.request("POST", "/verify", open(sys.argv[2], "rb").read())
answer = connection.getresponse()
print(answer.status, answer.read().decode().strip())
PYTHON
}
echo "\$ curl --data-binary @$receipt http://127.0.0.1:$port/verify"
answer=$(ask "$receipt")
echo "$answer"
[[ $answer == 200*'"valid":true'* ]] || { echo "run.sh: a true receipt was refused" >&2; exit 1; }

readonly changed=build/service_changed.zkr
cp "$receipt" "$changed"
at=$(($(stat -c %s "$changed") / 2))
printf "\\x$(printf %x $(($(od -An -tu1 -j$at -N1 "$changed") ^ 1)))" | dd of="$changed" bs=1 seek=$at conv=notrunc status=none
echo "\$ curl --data-binary @$changed http://127.0.0.1:$port/verify          # one bit changed"
answer=$(ask "$changed")
echo "$answer"
[[ $answer == 422*'"valid":false'* ]] || { echo "run.sh: a changed receipt was not refused" >&2; exit 1; }
