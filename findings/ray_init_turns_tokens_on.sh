#!/usr/bin/env bash
# Ray 2.60.0: one ray.init() in a program of its own changes which clusters of this user can be reached later.
#
# Behaviour: where a user has no file ~/.ray/auth_token, `ray start --head` makes a cluster that asks nobody for one.
# ray.init() that starts a local cluster makes that file. From then on the very same `ray start --head` makes a cluster
# that asks for the token. ray.init("auto") sends it; ray.init("HOST:PORT") does not, so that a program that has always
# connected by an address fails, on the same machine, by the same user.
#
# Seen: connected by HOST:PORT    before any ray.init()  yes
#                                 after one              no
#       ~/.ray/auth_token         before  absent, after  there
#
# zkvm: says so where a cluster cannot be reached (host/python/zkvm/_cluster_driver.py); its manifests ask for tokens
# explicitly.
#
# Needs python3 with venv, and network. Exit status 0: as stated; 1: it has changed; 77: a package is not to be had.
set -euo pipefail
work=$(mktemp -d)
head=
end_head() {
  [ -z "$head" ] || { kill "$head" && wait "$head"; } >/dev/null 2>&1 || true
  head=
}
trap 'end_head; rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet 'ray[default]==2.60.0'; } >log 2>&1 || {
  tail -5 log
  exit 77
}
mkdir home
export HOME=$work/home RAY_USAGE_STATS_ENABLED=0
export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0  # 127.0.0.1 is this machine: ray_loopback_address.sh
unset RAY_AUTH_MODE RAY_AUTH_TOKEN RAY_AUTH_TOKEN_PATH RAY_ADDRESS

connects() {  # to a new cluster, by its address
  local port answer=no
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  venv/bin/ray start --head --block --node-ip-address=127.0.0.1 --port="$port" --num-cpus=1 --include-dashboard=false \
    --temp-dir="$work/ray-$port" >head.log 2>&1 &
  head=$!
  for _ in $(seq 60); do
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
    sleep 1
  done
  sleep 5
  timeout -s KILL 90 venv/bin/python -c "import ray; ray.init('127.0.0.1:$port', log_to_driver=False)" >try.log 2>&1 &&
    answer=yes
  end_head
  echo "$answer"
}
there() { [ -e "$HOME/.ray/auth_token" ] && echo there || echo absent; }

before="$(there) $(connects) $(there)"
venv/bin/python -c 'import ray; ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)' >init.log 2>&1
after="$(there) $(connects)"
echo "before ray.init(): $before; after: $after"
[ "$before; $after" = "absent yes absent; there no" ]
