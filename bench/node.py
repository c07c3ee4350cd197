# SPDX-License-Identifier: Apache-2.0
"""The agent's figures, of the whole program beside a real dockerd and containerd: how long it takes from a
container's start to the alert at a webhook, and what it takes while nothing happens."""

import calendar
import json
import os
import shutil
import statistics
import time

import small
from containerd import Containerd, app, waiting_program
from engines import Docker, docker_image
from hubkit import Hub, Receiver, wait_for
from nodekit import Agent, Engine

IMAGES, IDLE_CONTAINERS, SETTLE_S, IDLE_S = 40, 10, 15, 60
ADVISORY = "CVE-2026-7301"
POLICY = """max-per-minute: 10000
rules:
  - name: critical
    severity: critical
"""


def write_feeds(folder):
    os.makedirs(folder + "/osv/npm")
    with open("%s/osv/npm/%s.json" % (folder, ADVISORY), "w", encoding="ascii") as f:
        json.dump(small.osv(ADVISORY, "npm", "old-core", "2.0.0", "SEMVER", severity=[
            {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]), f)
    return folder


def started_at(engine, container):
    """By the engine's own clock, which is this machine's."""
    text = engine.call("GET", "/containers/%s/json" % container)["State"]["StartedAt"]
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float("0" + text[19:-1])


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def docker_in(folder):
    for name in ("/d", "/images"):
        os.makedirs(folder + name)
    return Docker(folder + "/d")


def latency(folder):
    """(seconds from a start to its use at the hub, and to its alert at the webhook), of one image each."""
    engine_, receiver = docker_in(folder), Receiver()
    try:
        with open(folder + "/policy.yaml", "w", encoding="ascii") as f:
            f.write(POLICY)
        for i in range(IMAGES):
            docker_image(engine_, folder + "/images", "shop-%d:1" % i, {"old-core": "1.0.%d" % i})
        with Hub(folder + "/hub", feeds=write_feeds(folder + "/feeds"), sink=receiver.url,
                 policy=folder + "/policy.yaml") as hub, \
                Agent(folder + "/node", hub, "--docker", engine_.socket) as agent:
            wait_for(lambda: len([i for i in hub.items("/api/v1/images") if i["read"]]) == IMAGES, 300, 0.2, agent.said)
            engine, uses, alerts = Engine(engine_.socket), [], []
            for i in range(IMAGES):
                container = engine.start("shop-%d:1" % i, "c%d" % i)
                wait_for(lambda: hub.who_runs("shop-%d:1" % i, running="true"), 30, 0.005, agent.said)
                seen, began = time.time(), started_at(engine, container)
                told = wait_for(lambda: len(receiver.messages("fired")) > i and receiver.messages("fired")[i], 30,
                                0.005, agent.said)
                uses.append(seen - began)
                alerts.append(told.at - began)
            return uses, alerts
    finally:
        receiver.close()
        for container in engine_.run("ps", "-aq").stdout.decode().split():
            engine_.run("rm", "-f", container)
        engine_.close()


def spent_ns(pid):
    """Processor time of all threads, as the scheduler counts it."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task), encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def pss_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Pss:")) * 1024


def idle(folder, *args):
    """(share of one processor, bytes) of an agent that watches dockerd and containerd, with containers that run
    and all read."""
    engine, other = docker_in(folder), None
    try:
        other = Containerd(folder + "/c")
        docker_image(engine, folder + "/images", "shop:1", {"left-pad": "1.0.0"})
        other.add(app(waiting_program(folder), {"left-pad": "1.0.0"}), "localhost/shop:1")
        for i in range(IDLE_CONTAINERS):
            engine.start("shop:1", "d%d" % i)
            other.run("localhost/shop:1", "c%d" % i)
        with Hub(folder + "/hub", feeds=write_feeds(folder + "/feeds")) as hub, \
                Agent(folder + "/node", hub, "--docker", engine.socket, "--containerd", other.socket, *args,
                      eager=False) as agent:
            wait_for(lambda: hub.items("/api/v1/images") and all(i["read"] for i in hub.items("/api/v1/images")) and
                     len(hub.items("/api/v1/images")) == 2, 120, 0.2, agent.said)
            time.sleep(SETTLE_S)
            before, began = spent_ns(agent.child.pid), time.monotonic()
            time.sleep(IDLE_S)
            share = (spent_ns(agent.child.pid) - before) / 1e9 / (time.monotonic() - began)
            return share, pss_bytes(agent.child.pid)
    finally:
        if other:
            other.close()
        for container in engine.run("ps", "-aq").stdout.decode().split():
            engine.run("rm", "-f", container)
        engine.close()


def can():
    """Why not; or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [p for p in ("dockerd", "docker", "containerd", "ctr", "runc", "cc") if shutil.which(p) is None]
    return "no " + ", ".join(missing) if missing else ""


def median_ms(values):
    return 1000 * statistics.median(values)
