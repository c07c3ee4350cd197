# SPDX-License-Identifier: Apache-2.0
"""What reading an image may take of a machine: the control group of an agent's workers, with the kernel's own
groups. Version 2 with controllers is src/node/cage_test.c's: a machine has one version of each."""

import glob
import json
import os
import subprocess

import pytest

from engines import docker, docker_image  # noqa: F401
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from nodekit import Agent
from small import write_feeds

pytestmark = pytest.mark.usefixtures("with_hub")

V1 = "/sys/fs/cgroup/%s"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    write_feeds(str(folder / "feeds"))
    with Hub(folder, feeds=folder / "feeds") as started:
        yield started


def own_group(controller):
    """The folder of the tests' own group in the hierarchy of a controller of version 1."""
    with open("/proc/self/cgroup", encoding="ascii") as f:
        rows = [line.rstrip("\n").split(":", 2) for line in f]
    for _, controllers, path in rows:
        if controller in controllers.split(","):
            found = V1 % controllers + path
            return found if os.path.isdir(found) else (V1 % controller + path)
    return None


def writable():
    groups = [own_group(c) for c in ("cpu", "memory")]
    return os.geteuid() == 0 and all(g and os.access(g, os.W_OK) for g in groups)


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read().strip()


class Changed(Agent):
    """In a mount namespace of its own, after a command of the shell."""

    first = "true"

    def command(self):
        return ["unshare", "--mount", "sh", "-c", self.first + '; exec "$@"', "sh", *super().command()]


@pytest.mark.skipif(not writable(), reason="no control groups of version 1 that may be written to here")
def test_workers_are_in_a_group_of_their_own(tmp_path, docker, hub):  # noqa: F811
    """R31 R36: at most half a processor and so much memory for all workers, after everybody else; gone at the end"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, "--scan-memory", "512M", eager=False) as agent:
        agent.wait_said("workers have a control group for cpu, memory")
        cpu, memory = ("%s/rummage/%d" % (own_group(c), agent.child.pid) for c in ("cpu", "memory"))
        assert (read(cpu + "/cpu.cfs_quota_us"), read(cpu + "/cpu.cfs_period_us")) == ("50000", "100000")
        assert int(read(cpu + "/cpu.shares")) <= 3
        assert int(read(memory + "/memory.limit_in_bytes")) == 512 << 20
        docker_image(docker, tmp_path, "caged:1", {"left-pad": "1.0.0"})
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == "caged:1" and i["read"]], 120, 0.1,
                 agent.said)
        # The worker was there, the agent itself is not.
        assert int(read(memory + "/memory.max_usage_in_bytes")) > 100000
        assert int(read(cpu + "/cpu.stat").split()[1]) > 0
        assert "/rummage/" not in read("/proc/%d/cgroup" % agent.child.pid)
        assert agent.stop() == 0
        assert "control group any more" not in agent.said()
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, eager=False) as agent:
        agent.wait_said("workers have a control group")
        assert not os.path.exists(cpu) and not os.path.exists(memory)


@pytest.mark.skipif(not writable(), reason="no control groups of version 1 that may be written to here")
def test_too_much_memory(tmp_path, docker, hub):  # noqa: F811
    """R36: a worker that wants more than its group has is ended; the image is incomplete, never clean, and the
    agent goes on"""
    root = tmp_path / "root"
    (root / "var/lib/dpkg").mkdir(parents=True)
    with open(root / "var/lib/dpkg/status", "w", encoding="ascii") as f:
        for i in range(100):
            f.write("Package: p%d\nStatus: install ok installed\nVersion: 1\nDescription: %s\n\n" % (i, "x" * (1 << 20)))
    tar = tmp_path / "root.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(tar), "."], check=True)
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, "--scan-memory", "64M", "--scan-cpu", "200",
               eager=False) as agent:
        agent.wait_said("workers have a control group")
        with open(tar, "rb") as f:
            docker.run("import", "-", "heavy:1", stdin=f)
        [heavy] = wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == "heavy:1" and i["read"]],
                           120, 0.1, agent.said)
        assert not heavy["complete"]
        assert "ended by signal 9" in json.dumps(hub.get("/api/v1/images/" + heavy["digest"])["about"])
        docker_image(docker, tmp_path, "light:1", {"left-pad": "1.1.0"})
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == "light:1" and i["complete"]], 120,
                 0.1, agent.said)
    docker.run("rmi", "heavy:1")


@pytest.mark.parametrize("first, why", [
    ("umount -a -t cgroup,cgroup2", "no control groups are mounted here"),
    ("for m in cpu memory blkio unified; do mount -o remount,bind,ro /sys/fs/cgroup/$m || true; done",
     "Read-only file system")], ids=["none", "read-only"])
def test_without_a_group(tmp_path, docker, hub, first, why):  # noqa: F811
    """Where there is no group to be had that is said once, and images are read at idle priority all the same"""
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("no mount namespaces here")
    if why.startswith("Read") and not glob.glob("/sys/fs/cgroup/cpu/cgroup.procs"):
        pytest.skip("no control groups of version 1 here")
    name = "free:%s" % json.dumps(first).count(" ")
    agent = Changed(tmp_path / "node", hub, "--docker", docker.socket, eager=False)
    agent.first = first
    with agent:
        agent.wait_said("workers have no control group")
        docker_image(docker, tmp_path, name, {"left-pad": "1.2.%s" % name[5:]})
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == name and i["read"]], 120, 0.1,
                 agent.said)
        said = [line for line in agent.said().split("\n") if "control group" in line]
        assert len(said) == 1 and why in said[0], said
