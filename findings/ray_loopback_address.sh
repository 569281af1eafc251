#!/usr/bin/env bash
# Ray 2.60.0 on Linux: who is told 127.0.0.1 asks another address.
#
# Behaviour: `ray start --head --node-ip-address=127.0.0.1` makes a cluster that listens on the loopback interface
# alone. ray.init("127.0.0.1:PORT") on the same machine does not find it: 127.0.0.1 (localhost, ::1) in an address is
# replaced by the machine's address towards the internet before anything is asked, and the attempt goes on for minutes.
# With the environment variable RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0, which by its name has to do with other systems, Ray
# takes the loopback address for the machine's own, and connects.
#
# Seen: connected within 60 s    by default  no
#                                with RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0  yes
#
# zkvm: its tests bind their clusters to 127.0.0.1 and set that variable (tests/host/python/ray_nodes.py).
#
# Needs python3 with venv and network, and an address beside the loopback one. Exit status 0: as stated; 1: it has
# changed; 77: a package is not to be had, or there is no other address.
set -euo pipefail
work=$(mktemp -d)
head=
trap '[ -z "$head" ] || kill "$head" 2>/dev/null; wait; rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet ray==2.60.0; } >log 2>&1 || {
  tail -5 log
  exit 77
}
python3 - <<'PY' || exit 77
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    try:
        asked.connect(("192.0.2.1", 1))  # sends nothing
    except OSError:
        raise SystemExit(1)
    raise SystemExit(asked.getsockname()[0].startswith("127."))
PY
export HOME=$work RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 venv/bin/ray start --head --block --node-ip-address=127.0.0.1 --port="$port" \
  --num-cpus=1 --include-dashboard=false --temp-dir="$work/ray" >head.log 2>&1 &
head=$!
for _ in $(seq 60); do
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
  sleep 1
done
connects() {
  timeout -s KILL 60 venv/bin/python -c "import ray; ray.init('127.0.0.1:$port', log_to_driver=False)" >try.log 2>&1
}
by_default=no
connects && by_default=yes
with_variable=no
RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 connects && with_variable=yes
echo "connected: by default $by_default, with RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 $with_variable"
[ "$by_default $with_variable" = "no yes" ]
