#!/usr/bin/env bash
# Ray 2.60.0: where a node dies, tasks that wait may not begin on nodes that are idle until Ray has found out.
#
# Behaviour: two nodes of one core, a driver on a third that has none, and tasks of three seconds, two for each core in
# Ray's queue. One node's processes are killed. The other one ends its task, and tasks wait, but often none begins there
# for some ten seconds: until the health check has declared the dead node dead. A check once a second that fails three
# times (environment of the head; by default five times, every three seconds) makes that three seconds.
#
# Seen (the longest time in which the node that is left had nothing to do):
#   by default                                                  12 s, in one of two to five clusters, else none
#   RAY_health_check_period_ms=1000, ..._failure_threshold=3    1 s at most, in four of four
#
# zkvm: its manifests ask for that (host/python/deploy); host/python/cluster.md says what it costs.
#
# Needs python3 with venv, and network. Exit status 0: as stated; 1: it has changed; 77: a package is not to be had.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet 'ray==2.60.0'; } >log 2>&1 || {
  tail -5 log
  exit 77
}
mkdir home
export HOME=$work/home RAY_USAGE_STATS_ENABLED=0
export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0  # 127.0.0.1 is this machine: ray_loopback_address.sh
unset RAY_AUTH_MODE RAY_AUTH_TOKEN RAY_AUTH_TOKEN_PATH RAY_ADDRESS

cat >idle.py <<'PYTHON'
import sys, time
import ray
from ray.cluster_utils import Cluster

SECONDS = 3
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "node_ip_address": "127.0.0.1",
                  "object_store_memory": 80 << 20, "include_dashboard": False, "temp_dir": sys.argv[1]})
nodes = [cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=80 << 20) for _ in range(2)]
ray.init(address=cluster.address, log_to_driver=False, _node_ip_address="127.0.0.1")


@ray.remote(num_cpus=1, max_retries=0)
def task():
    start = time.time()
    time.sleep(SECONDS)
    return start, time.time(), ray.get_runtime_context().get_node_id()


waiting, left, done, killed = [], 14, [], None
while left or waiting:
    while left and len(waiting) < 4:
        waiting.append(task.remote())
        left -= 1
    ready, waiting = ray.wait(waiting, timeout=0.1)
    for one in ready:
        try:
            done.append(ray.get(one))
        except ray.exceptions.RayError:
            pass  # lost with its node
    if len(done) >= 4 and killed is None:
        time.sleep(SECONDS / 2)
        cluster.remove_node(nodes.pop(), allow_graceful=False)
        killed = time.time()
    if killed and time.time() - killed > 90:
        break
other = next(node for start, end, node in reversed(done))
spans = sorted((start, end) for start, end, node in done if node == other)
with open(sys.argv[2], "w") as out:
    out.write(f"{max(b[0] - a[1] for a, b in zip(spans, spans[1:]) if b[0] > killed):.1f}")
ray.shutdown()
cluster.shutdown()
PYTHON

longest() {  # of so many clusters, or until one idles for long
  local most=0 idle i
  for i in $(seq "$1"); do
    timeout -s KILL 150 venv/bin/python idle.py "$work/ray-$i" idle >try.log 2>&1 || { tail -5 try.log; exit 1; }
    idle=$(cat idle)
    rm -rf idle "$work/ray-$i"
    echo "  $2: idle for $idle s" >&2
    most=$(python3 -c "print(max($most, $idle))")
    [ "$(python3 -c "print($most > 8)")" = False ] || break
  done
  echo "$most"
}
by_default=$(longest 9 "by default")
quick=$(RAY_health_check_period_ms=1000 RAY_health_check_failure_threshold=3 longest 4 "checked each second")
echo "by default: $by_default s; checked each second, three times: $quick s"
python3 -c "raise SystemExit(not ($by_default > 8 and $quick < 5))"
