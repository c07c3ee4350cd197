# SPDX-License-Identifier: Apache-2.0
"""Several hubs on one PostgreSQL: what any of them is given reaches the one that leads, whoever dies meanwhile."""

import os
import signal

import pytest

from hubkit import Hub, Source, wait_for, with_hub  # noqa: F401
from postgres import postgres  # noqa: F401
from small import write_record
from synth import Small
from test_hub import POLICY, docker, docker_image  # noqa: F401

pytestmark = pytest.mark.usefixtures("with_hub")

SECONDS = 60  # until a condition holds, on a machine that has other work


class Pair:
    """Two hubs of one database: one leads."""

    def __init__(self, folder, postgres, name, **of_the_second):  # noqa: F811
        self.feeds, policy = folder / "feeds", folder / "policy.yaml"
        policy.write_text(POLICY)
        write_record(self.feeds, "CVE-2026-7000", "core-0", "2.0.0")
        self.postgres, self.name = postgres, name
        url = postgres.database(name)
        self.leader = Hub(folder / "one", store=url, feeds=self.feeds, policy=policy)
        self.other = Hub(folder / "two", store=url, feeds=self.feeds, policy=policy, **of_the_second)

    def __enter__(self):
        self.leader.start()
        self.other.token = self.leader.token
        self.other.start()
        assert self.leader.get("/readyz")["leader"] and not self.other.get("/readyz")["leader"]
        return self

    def __exit__(self, *_):
        self.leader.kill()
        self.other.kill()

    def inbox(self, kind):
        return int(self.postgres.sql("SELECT COUNT(*) FROM inbox WHERE kind = '%s'" % kind, self.name))


def is_read(hub, image):
    return any(i["digest"] == image.config and i["read"] for i in hub.items("/api/v1/images"))


def test_an_image_may_be_told_to_any_hub(tmp_path, postgres):  # noqa: F811
    """R39: an image that is told to a hub that follows is judged by the one that leads, and known by both"""
    with Pair(tmp_path, postgres, "any_hub") as pair:
        image = Small("shop/a:1", {"core-0": "1.0.0"})
        pair.other.put("/api/v1/facts/" + image.layer, image.facts())
        said = pair.other.put("/api/v1/images/" + image.config, image.image())
        assert said == {"complete": True, "components": 1, "queued": True}
        node = Source(pair.other, "node-2")
        node.send(node.began("1" * 64, image.name, image.digests))
        for hub in (pair.leader, pair.other):
            wait_for(lambda h=hub: is_read(h, image), SECONDS, 0.05, hub.said)
            wait_for(lambda h=hub: h.alerts(advisory="CVE-2026-7000"), SECONDS, 0.05, hub.said)
            found = hub.get("/api/v1/images/" + image.config)
            assert found["complete"] and [c["name"] for c in found["components"]] == ["core-0"], found
        first, second = (h.alerts() for h in (pair.leader, pair.other))
        assert [a["id"] for a in first] == [a["id"] for a in second]
        assert pair.inbox("image") == 0


def test_an_image_outlives_the_hub_that_took_it(tmp_path, postgres):  # noqa: F811
    """R39: kill -9 of the hub that took an image, or of the one that leads, before it was applied: nothing is lost"""
    with Pair(tmp_path, postgres, "outlives") as pair:
        write_record(pair.feeds, "CVE-2026-7001", "core-1", "2.0.0")
        images = [Small("shop/%d:1" % i, {"core-%d" % i: "1.0.0"}) for i in range(2)]
        node = Source(pair.other, "node-2")

        def take(image, container):
            """The leader is stopped: what the other takes stays in the inbox."""
            os.kill(pair.leader.child.pid, signal.SIGSTOP)
            image.put(pair.other)
            node.send(node.began(container * 64, image.name, image.digests))
            assert pair.inbox("image") == 1

        take(images[0], "1")
        pair.other.kill()
        os.kill(pair.leader.child.pid, signal.SIGCONT)
        wait_for(lambda: is_read(pair.leader, images[0]), SECONDS, 0.05, pair.leader.said)
        wait_for(lambda: pair.leader.alerts(advisory="CVE-2026-7000"), SECONDS, 0.05, pair.leader.said)
        pair.other.start()
        take(images[1], "2")
        pair.leader.kill()
        wait_for(lambda: pair.other.get("/readyz")["leader"], SECONDS, 0.05, pair.other.said)
        wait_for(lambda: is_read(pair.other, images[1]), SECONDS, 0.05, pair.other.said)
        for advisory in ("CVE-2026-7000", "CVE-2026-7001"):
            wait_for(lambda a=advisory: pair.other.alerts(advisory=a), SECONDS, 0.05, pair.other.said)
        assert pair.inbox("image") == 0
        pair.leader.start()
        wait_for(lambda: [(a["id"], a["key"]) for a in pair.leader.alerts()] ==
                 [(a["id"], a["key"]) for a in pair.other.alerts()], SECONDS, 0.1)
        assert len(pair.leader.alerts(state="firing")) == 2
        assert pair.leader.get("/api/v1/audit/verify")["good"]


def test_a_hub_that_follows_reads_its_engine(tmp_path, postgres, docker):  # noqa: F811
    """R39: a hub that follows reads the images of the engine that it watches, once"""
    docker_image(docker, tmp_path, "follows:1", {"core-0": "1.0.0"})
    try:
        with Pair(tmp_path, postgres, "engine", args=["--docker", docker.socket]) as pair:
            docker.run("run", "-d", "--network=none", "--name", "follows", "follows:1")
            for hub in (pair.leader, pair.other):
                wait_for(lambda h=hub: h.alerts(advisory="CVE-2026-7000"), SECONDS, 0.1, pair.other.said)
                # The alert is of the container that was made, which may start a moment later.
                wait_for(lambda h=hub: [i["ref"] for i in h.who_runs("CVE-2026-7000", running="true")] == ["follows:1"],
                         SECONDS, 0.1, pair.other.said)
            assert pair.other.said().count(" components") == 1, pair.other.said()
            assert not pair.other.get("/readyz")["leader"]
    finally:
        docker.run("rm", "-f", "follows", check=False)


def test_readers_that_disagree_are_told_by_the_leader(tmp_path, postgres):  # noqa: F811
    """R8: facts that contradict earlier ones, given to a hub that follows, are one alert of the hub that leads"""
    with Pair(tmp_path, postgres, "disagree") as pair:
        honest = Small("shop/a:1", {"core-0": "1.0.0"})
        other = Small("shop/a:1", {"core-0": "1.0.0"})
        other.npm = {"core-0": "2.0.0"}
        reader = pair.leader.make_token("second-reader", "agent")
        pair.other.put("/api/v1/facts/" + honest.layer, honest.facts())
        reader.port = pair.other.port
        wait_for(lambda: reader.request("GET", "/readyz").status == 200, SECONDS)

        def put():
            return reader.request("PUT", "/api/v1/facts/" + other.layer, other.facts()).status

        wait_for(lambda: put() == 200, SECONDS, 0.5)  # until the other hub knows the token
        for hub in (pair.leader, pair.other):
            wait_for(lambda h=hub: [a["rule"] for a in h.alerts() if a["key"].startswith("facts-disagree:")],
                     SECONDS, 0.1, pair.leader.said)
