"""Asks Ray about host/python/deploy: its cluster launcher about cluster.yaml, its autoscaler about raycluster.yaml, and
`ray start` about the options in both. Nothing is started.

    python tests/host/python/deploy/ask_ray.py        from the repository's root
"""

import copy
import pathlib
import re
import shlex

import click
import jsonschema
import ray
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start

PACKAGE = pathlib.Path("host/python")
LAUNCHER = yaml.safe_load((PACKAGE / "deploy/cluster.yaml").read_text())
KUBERAY = yaml.safe_load((PACKAGE / "deploy/raycluster.yaml").read_text())


def launcher_takes(config):
    config = prepare_config(copy.deepcopy(config))
    validate_config(config)
    return config


def launcher_refuses(config):
    try:
        launcher_takes(config)
    except jsonschema.ValidationError as error:
        print("refused, as it should be:", error.message)
        return True
    except click.ClickException:  # Ray has printed why
        return True
    return False


def start_takes(options):
    start.make_context("ray start", list(options))


def test_launcher_takes_cluster_yaml():
    config = launcher_takes(LAUNCHER)
    (machines,) = config["available_node_types"].values()
    assert machines["min_workers"] == machines["max_workers"] == len(LAUNCHER["provider"]["worker_ips"])


def test_launcher_refuses_misspelled_fields():
    for path, name, misspelled in (((), "setup_commands", "setup_command"), (("auth",), "ssh_user", "ssh_usr"),
                                   (("provider",), "worker_ips", "workers_ips")):
        config = copy.deepcopy(LAUNCHER)
        inner = config
        for step in path:
            inner = inner[step]
        inner[misspelled] = inner.pop(name)
        assert launcher_refuses(config), misspelled


def test_ray_start_takes_the_launchers_commands():
    for kind, first in (("head", "--head"), ("worker", "--address=$RAY_HEAD_IP:6379")):
        stop, command = LAUNCHER[f"{kind}_start_ray_commands"]
        assert stop.endswith("/bin/ray stop")
        limits, begin = command.split("; ")
        assert limits == "ulimit -c 0"
        words = shlex.split(begin)
        environment = ["RAY_AUTH_MODE=token", "RAY_USAGE_STATS_ENABLED=0"]
        if kind == "head":
            environment += ["RAY_health_check_period_ms=1000", "RAY_health_check_failure_threshold=3"]
        of_ray = words[len(environment):]
        assert words[:len(environment)] == environment, words
        assert of_ray[:3] == [stop.split()[0], "start", first], words
        start_takes(of_ray[2:])


def test_the_wheel_is_the_one_that_is_made():
    ((there, here),) = (mount for mount in LAUNCHER["file_mounts"].items() if "wheels" in mount[0])
    version = re.search(r'^version = "(.*)"$', (PACKAGE / "pyproject.toml").read_text(), re.M)[1]
    wheel = f"zkvm-{version}-cp311-cp311-manylinux_2_34_x86_64.whl"
    assert sum(f" {there}/{wheel}" in command for command in LAUNCHER["setup_commands"]) == 2
    assert f"--wheel {here}/{wheel}\n" in (PACKAGE / "deploy/raycluster.yaml").read_text()


def test_manifest_is_for_this_ray():
    assert KUBERAY["spec"]["rayVersion"] == ray.__version__


def test_ray_start_takes_the_manifests_parameters():
    for group in (KUBERAY["spec"]["headGroupSpec"], *KUBERAY["spec"]["workerGroupSpecs"]):
        parameters = [f"--{name}={value}" for name, value in group["rayStartParams"].items()]
        start_takes(parameters)
        try:
            start_takes([parameters[0].replace("=", "s=")])
        except click.NoSuchOption as error:
            print("refused, as it should be:", error.message)
        else:
            raise AssertionError("a misspelled option is taken")


def test_autoscaler_sees_the_workers_share():
    manifest = copy.deepcopy(KUBERAY)
    manifest["metadata"]["namespace"] = "default"
    groups = _derive_autoscaling_config_from_ray_cr(manifest)["available_node_types"]
    assert groups["headgroup"]["resources"]["CPU"] == 0
    assert groups["prover"]["resources"] == {"CPU": 7, "memory": 20 << 30}
    assert (groups["prover"]["min_workers"], groups["prover"]["max_workers"]) == (0, 10)


if __name__ == "__main__":
    tests = [test for name, test in list(globals().items()) if name.startswith("test_")]
    for test in tests:
        print(test.__name__)
        test()
    print(f"{len(tests)} passed, 0 failed")
