# SPDX-License-Identifier: Apache-2.0
"""Containers of containerd that come and go while the agent's stream is cut, the agent killed and the hub away.
containerd keeps no events: what ended unheard is known by its task, as long as that is there."""

import calendar
import contextlib
import json
import re
import sqlite3
import subprocess
import threading
import time

import pytest

from containerd import Containerd
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from image import File, Folder, Image
from nodekit import Agent, Cut, disturb
from registries import need
from small import write_feeds

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

NAME = "localhost/shop/nap:1"
# How long an agent may need, on a busy machine, until it listens again.
DEAF_S = 15


@pytest.fixture(scope="module")
def nap(tmp_path_factory):
    """A static program that sleeps for so many milliseconds."""
    need("cc")
    path = str(tmp_path_factory.mktemp("nap") / "nap")
    with open(path + ".c", "w", encoding="ascii") as f:
        f.write("#include <stdlib.h>\n#include <unistd.h>\n"
                "int main(int n, char **v) { usleep(1000 * (n > 1 ? atoi(v[1]) : 100)); return 0; }\n")
    subprocess.run(["cc", "-static", "-Os", "-o", path, path + ".c"], check=True)
    with open(path, "rb") as f:
        return f.read()


@pytest.fixture
def hub(tmp_path):
    write_feeds(str(tmp_path / "feeds"))
    with Hub(tmp_path / "hub", feeds=tmp_path / "feeds") as started:
        yield started


class Told:
    """What containerd itself says of starts and ends: {container: [seconds]}."""

    def __init__(self, it):
        self.started, self.ended = {}, {}
        self.child = subprocess.Popen([it.ctr_program, "-a", it.socket, "events"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=it.environment, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.child.stdout:
            found = re.match(r"(\S+ \S+)\.(\d+) \S+ UTC \S+ (/tasks/(?:start|exit)) (\{.*)", line)
            if not found:
                continue
            at = calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S")) + float("0." + found[2])
            what = self.started if found[3].endswith("start") else self.ended
            what.setdefault(json.loads(found[4])["container_id"], []).append(at)

    def close(self):
        self.child.kill()
        self.child.wait()


class Storm:
    """Lives of containers, by several at once; each second one is taken away at once, the others stay as ended
    tasks."""

    def __init__(self, it, count, workers=4, each_s=0.0):
        self.it, self.each_s, self.workers = it, each_s, workers
        self.left, self.lock = iter(range(count)), threading.Lock()
        self.kept, self.removed, self.failed = [], [], []
        self.threads = [threading.Thread(target=self.run) for _ in range(workers)]

    def run(self):
        try:
            while not self.failed:
                with self.lock:
                    number = next(self.left, None)
                if number is None:
                    return
                began, name = time.monotonic(), "s%d" % number
                how = ["--rm"] if number % 2 == 0 else ["-d"]
                self.it.ctr("run", *how, "--null-io", "--runc-root", self.it.folder + "/runc", NAME, name, "/bin/nap",
                            str((0, 0, 50, 400)[number // 2 % 4]))
                (self.removed if number % 2 == 0 else self.kept).append(name)
                time.sleep(max(0, self.each_s * self.workers - (time.monotonic() - began)))
        except Exception as e:  # pylint: disable=broad-except
            self.failed.append(e)

    def done(self):
        return len(self.kept) + len(self.removed)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            thread.join()


def uses(hub):
    """{container: [(began, ended)]}, in seconds, of all that the hub's store has."""
    found = {}
    with contextlib.closing(sqlite3.connect("file:%s/hub.db?mode=ro" % hub.state, uri=True)) as db:
        for container, began, ended in db.execute("SELECT container, began_ms, ended_ms FROM use WHERE cached = 0 "
                                                  "AND runtime = 'containerd' ORDER BY id"):
            found.setdefault(container.partition("/")[2], []).append((began / 1000, ended / 1000))
    return found


def was_deaf(times, began, ended):
    """Whether a life may have gone by unheard."""
    return any(what in ("cut", "kill") and began < at + DEAF_S and ended > at - 1 for what, at in times)


def lost(hub, load, told, times):
    """Lives that are not told of though somebody heard them."""
    got = uses(hub)
    return [(c, told.started[c], told.ended[c]) for c in load.removed if c not in got
            and not was_deaf(times, told.started[c][0], told.ended[c][0])]


def check(hub, load, told, times):
    got = uses(hub)
    twice = {c: u for c, u in got.items() if len(u) > 1}
    assert not twice, twice
    assert set(load.kept) <= set(got), sorted(set(load.kept) - set(got))
    for container in load.kept + load.removed:
        if container not in got:
            continue
        [(began, ended)] = got[container]
        assert ended and began <= ended, (container, got[container])
        assert abs(ended - told.ended[container][0]) <= 1 or container in load.removed and \
            was_deaf(times, told.started[container][0], told.ended[container][0]), (container, ended, told.ended[container])
    print("%d lives, of which %d went by unheard" % (load.done(), len(set(load.removed) - set(got))))


def storm(tmp_path, it, hub, count, away_s, each_s=0.0):
    cut, told = Cut(tmp_path / "cut.sock", it.socket), Told(it)
    agent = Agent(tmp_path / "node", hub, "--containerd", cut.path).start()
    try:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        with Storm(it, count, each_s=each_s) as load:
            times = disturb(load, count, cut, agent, hub, away_s)
        assert not load.failed, load.failed
        want = set(load.kept)
        wait_for(lambda: want <= {c for c, u in uses(hub).items() if all(ended for _, ended in u)}, 120, 0.2,
                 lambda: "%s; %r are missing" % (agent.said(), sorted(want - set(uses(hub)))))
        wait_for(lambda: len(told.ended) >= count, 30, 0.05, "containerd's own events")
        wait_for(lambda: not lost(hub, load, told, times), 60, 0.2, lambda: repr((lost(hub, load, told, times), times)))
        wait_for(lambda: all(ended for u in uses(hub).values() for _, ended in u), 120, 0.2, agent.said)
        check(hub, load, told, times)
    finally:
        agent.kill()
        cut.close()
        told.close()


@pytest.fixture(params=[1, 2], ids=["containerd1", "containerd2"])
def it(request, tmp_path_factory, nap):
    made = Containerd(tmp_path_factory.mktemp("s"), request.param)
    image = Image()
    image.cmd = ["/bin/nap"]
    image.layer([Folder("bin"), File("bin/nap", nap, 0o755)])
    made.add(image, NAME)
    yield made
    made.close()


def test_a_storm(tmp_path, it, hub):
    """R31 R39: 40 containers, the stream cut thrice, the agent killed twice, the hub away: nothing is doubled, and
    what containerd still knows is not lost"""
    storm(tmp_path, it, hub, 40, 0)


@pytest.mark.slow
def test_a_great_storm(tmp_path, it, hub):
    """R31 R39: 500 containers in a minute, the hub away for two"""
    storm(tmp_path, it, hub, 500, 120, each_s=0.12)
