"""A Ray cluster whose nodes are processes of this machine, bound to 127.0.0.1, with nothing outside of one folder; and what it
may not leave behind."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # or Ray would ask for 127.0.0.1 by the machine's other address
os.environ["RAY_health_check_period_ms"] = "1000"  # findings/ray_lost_node_idles_others.sh
os.environ["RAY_health_check_failure_threshold"] = "3"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # it warns


def processes(word):
    """Those that have the word in their command line, but no zombies: process ids."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if word in (entry / "cmdline").read_bytes().decode("utf-8", "replace") and state not in "ZX":
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def drivers():
    """Those that this process has started."""
    own = []
    for pid in processes("_cluster_driver"):
        try:
            own += [pid] if int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]) == os.getpid() else []
        except OSError:
            continue
    return own


def gone(word, seconds=20):
    end = time.monotonic() + seconds
    while processes(word) and time.monotonic() < end:
        time.sleep(0.1)
    return not processes(word)


class Nodes:
    """`count` nodes of one core each, and a head of so many."""

    def __init__(self, count, memory=4 << 30, store=80 << 20, head=0):
        from ray.cluster_utils import Cluster

        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zkvm-ray-"))
        self.memory, self.store = memory, store
        self.cluster = Cluster(initialize_head=True, head_node_args={
            "num_cpus": head, "memory": max(1, head) * memory, "node_ip_address": "127.0.0.1", "object_store_memory": store, "include_dashboard": False,
            "temp_dir": str(self.folder)})
        self.nodes = [self.add() for _ in range(count)]
        self.address = self.cluster.address

    def add(self, **more):
        return self.cluster.add_node(**{"num_cpus": 1, "memory": self.memory, "object_store_memory": self.store,
                                        "node_ip_address": "127.0.0.1", **more})

    def kill(self):
        """One node with all that runs there, at once."""
        self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)

    def workers(self):
        """Processes in which segments are being proven."""
        return [pid for pid in processes("ray::zkvm segment")]

    def files_with(self, secret):
        """Files of the cluster's that hold these bytes."""
        found = []
        for path in [*self.folder.rglob("*")]:
            try:
                if path.is_file() and not path.is_symlink() and secret in path.read_bytes():
                    found.append(path)
            except OSError:
                continue
        return found

    def spilled(self):
        return [path for path in self.folder.rglob("*") if "spill" in path.name and path.is_file()]

    def end(self):
        self.cluster.shutdown()
        left = [] if gone(str(self.folder)) else processes(str(self.folder))
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        return left


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **more)
