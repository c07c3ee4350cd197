# SPDX-License-Identifier: Apache-2.0
"""What an agent takes that looks into containers: of their processor, of their time, of memory.

The same programs are started at the same rate in one container, in turn without an agent, with one that
sees them, and with one that is asked about each by the kernel."""

import json
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time

import pytest

import engines
import image
import nodekit
import small
from hubkit import wait_for

RATE, SECONDS, ROUNDS = 1000, 8, 3
CONTAINERS = 500
TICK = os.sysconf("SC_CLK_TCK")

OBSERVE = """rules:
  - {name: started, when: exec, how: [new, writable, memfd, setuid]}
"""
ENFORCE = """rules:
  - {name: refused, when: exec, how: [new, writable, memfd], enforce: true}
"""
MODES = (("none", None, ()), ("observe", OBSERVE, ("--execs",)), ("enforce", ENFORCE, ("--enforce",)))


def compiled(folder, source):
    path = os.path.join(folder, "execs")
    subprocess.run(["cc", "-O2", "-static", "-o", path, source], check=True)
    with open(path, "rb") as f:
        return f.read()


def image_of(docker, files):
    """Of a few files; bin/wait only waits."""
    docker.run("import", "--change", 'CMD ["/bin/wait"]', "-", "bench:1", input=image.tar_of(files))


def wait_program(folder):
    with open(os.path.join(folder, "wait.c"), "w", encoding="ascii") as f:
        f.write("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    subprocess.run(["cc", "-O2", "-static", "-o", folder + "/wait", folder + "/wait.c"], check=True)
    with open(folder + "/wait", "rb") as f:
        return f.read()


def spent_s(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pss_mib(pid):
    """Of a process and of those that it has started."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
        own = sum(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024
    children = ""
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
            children += f.read()
    return own + sum(pss_mib(int(child)) for child in children.split())


class Engine:
    """A dockerd, a folder for it, and a hub."""

    def __init__(self, folder):
        self.folder = tempfile.mkdtemp(dir=folder)
        os.makedirs(os.path.join(self.folder, "d"))
        try:
            self.docker = engines.Docker(os.path.join(self.folder, "d"))
        except pytest.skip.Exception as e:
            raise RuntimeError(str(e)) from e

    def machine(self, name, policy, *args):
        path = os.path.join(self.folder, name + ".yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(policy)
        feeds = os.path.join(self.folder, "feeds")
        os.makedirs(feeds + "/osv/npm", exist_ok=True)
        with open(feeds + "/osv/npm/CVE-2026-7001.json", "w", encoding="ascii") as f:
            json.dump(small.osv("CVE-2026-7001", "npm", "demo", "2.0.0", "SEMVER"), f)
        return nodekit.Machine(os.path.join(self.folder, name), "node", "--docker", self.docker.socket, *args,
                               policy=path, feeds=feeds)

    def close(self):
        self.docker.close()
        subprocess.run(["rm", "-rf", self.folder], check=False)


def run(docker):
    done = docker.run("exec", "busy", "/bin/execs", str(RATE * SECONDS), str(RATE), "/bin/nothing")
    return {k: float(v) for k, v in re.findall(r'"(\w+)":([\d.]+)', done.stdout.decode())}


def measure(engine, name, policy, args):
    """(figures of the programs with the agent's processor time in them, the slowest of 99 in 100 answers)"""
    if policy is None:
        return run(engine.docker), None
    with engine.machine(name, policy, *args) as machine:
        wait_for(lambda: machine.hub.who_runs("bench:1", running="true"), 60, 0.1, machine.said)
        wait_for(lambda: any(i["read"] for i in machine.hub.items("/api/v1/images")), 60, 0.1, machine.said)
        run_short(engine.docker)
        before = spent_s(machine.agent.child.pid)
        got = run(engine.docker)
        got["agent_s"] = spent_s(machine.agent.child.pid) - before
        got["cpu_s"] += got["agent_s"]
        machine.agent.stop()
        said = re.search(r"99 in 100 (\d+) us", machine.agent.said())
    return got, int(said.group(1)) if said else None


def run_short(docker):
    """So that each file is known, and the images have been read."""
    for _ in range(5):
        docker.run("exec", "busy", "/bin/execs", "200", str(RATE), "/bin/nothing")
        time.sleep(0.3)


def execs(bench):
    try:
        engine = Engine(bench.folder)
    except RuntimeError as e:
        print("info node-exec skipped: %s" % e)
        return
    try:
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "execs.c")
        image_of(engine.docker, [image.Folder("bin"), image.File("bin/execs", compiled(engine.folder, source), 0o755),
                                 image.File("bin/nothing", image.elf(), 0o755),
                                 image.File("bin/wait", wait_program(engine.folder), 0o755)])
        engine.docker.start("bench:1", "busy")
        got = {mode: [] for mode, _, _ in MODES}
        for i in range(ROUNDS):
            for mode, policy, args in MODES:
                got[mode].append(measure(engine, "%s-%d" % (mode, i), policy, args))
        say(bench, got)
    except AssertionError as e:
        print("info node-exec ended early: %s" % str(e).split("\n", maxsplit=1)[0][:300])
        bench.short += 1
    finally:
        engine.close()


def say(bench, got):
    what = "%d programs a second in one container, processor time of them and of the agent, to that without one"
    for mode, most in (("observe", 1.5), ("enforce", 1.5)):
        ratio = statistics.median(a[0]["cpu_s"] / b[0]["cpu_s"] for a, b in zip(got[mode], got["none"]))
        bench.line("node-exec-" + mode, ratio, "ratio", "<=", most, what % RATE)
        bench.line("node-exec-%s-agent" % mode, 1e6 * statistics.median(
            a[0]["agent_s"] for a in got[mode]) / (RATE * SECONDS), "us", None, None, "of the agent, for each program")
    bench.line("node-exec-answer", max(a[1] for a in got["enforce"]), "us", "<=", 100,
               "99 in 100 answers to the kernel, from question to answer")
    for mode in got:
        for part in ("p50", "p99"):
            bench.line("node-exec-%s-%s" % (mode, part),
                       statistics.median(a[0][part + "_us"] for a in got[mode]), "us", None, None,
                       "a program's start and end")


def start_many(docker, count, workers=4):
    left, lock = iter(range(count)), threading.Lock()

    def work():
        api = nodekit.Engine(docker.socket)
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            api.start("bench:1", "m-%d" % number)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def memory(bench):
    try:
        engine = Engine(bench.folder)
    except RuntimeError as e:
        print("info node-exec-memory skipped: %s" % e)
        return
    try:
        image_of(engine.docker, [image.Folder("bin"), image.File("bin/wait", wait_program(engine.folder), 0o755),
                                 image.File("bin/nothing", image.elf(), 0o755)])
        with engine.machine("memory", ENFORCE, "--drift", "--enforce") as machine:
            wait_for(lambda: machine.hub.items("/api/v1/images"), 60, 0.1, machine.said)
            pid = machine.agent.child.pid
            few = pss_mib(pid)
            start_many(engine.docker, CONTAINERS)
            wait_for(lambda: len(machine.hub.who_runs("bench:1", running="true")) == CONTAINERS, 120, 0.5,
                     machine.said)
            seen = []
            for _ in range(20):
                time.sleep(0.5)
                seen.append(pss_mib(pid))
            before, began = spent_s(pid), time.monotonic()
            time.sleep(20)
            idle = 100 * (spent_s(pid) - before) / (time.monotonic() - began)
            bench.line("node-exec-memory", max(seen), "MiB", "<=", 48,
                       "the agent and its guard, with --drift and --enforce, and %d containers" % CONTAINERS)
            bench.line("node-exec-memory-none", few, "MiB", None, None, "the same before there were any")
            bench.line("node-exec-idle", idle, "%", None, None, "of a core, with %d containers that do nothing" % CONTAINERS)
    except AssertionError as e:
        print("info node-exec-memory ended early: %s" % str(e).split("\n", maxsplit=1)[0][:300])
        bench.short += 1
    finally:
        ids = engine.docker.run("ps", "-aq", check=False).stdout.decode().split()
        for i in range(0, len(ids), 50):
            engine.docker.run("rm", "-f", *ids[i:i + 50], check=False, timeout=600)
        engine.close()
