# SPDX-License-Identifier: Apache-2.0
"""What the hub lives through: kill -9 of itself, of PostgreSQL and of who receives its messages, under load; a full
disk; a clock that jumps; broken advisories. What it has acknowledged is compared with a model."""

import http.client
import json
import os
import random
import sqlite3
import subprocess
import threading
import time

import pytest

import kit
from hubkit import (PATIENCE, SOON, Clock, Hub, ReceiverProcess, Refused, Source, receiver, wait_for,  # noqa: F401
                    with_hub, within)
from postgres import Server, postgres  # noqa: F401
from small import write_record
from synth import Small
from test_hub import POLICY

pytestmark = pytest.mark.usefixtures("with_hub")

KILLS = 50 if os.environ.get("RUMMAGE_SLOW") == "1" else 5
BROKEN = (OSError, http.client.HTTPException, Refused)


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL that may be killed."""
    made = Server()
    yield made
    made.close()


class Load(threading.Thread):
    """Tells events of some nodes, about so many a second, each batch until it is acknowledged; and
    knows what runs after all that was."""

    def __init__(self, hubs, images, nodes=10, rate=2000, seed=1):
        super().__init__(daemon=True)
        self.hubs, self.images, self.rate, self.rng = hubs, images, rate, random.Random(seed)
        self.sources = [Source(None, "load-%d" % i) for i in range(nodes)]
        self.running = {s.node: {} for s in self.sources}  # container -> image, as acknowledged
        self.over = threading.Event()
        self.acknowledged = self.tries = 0
        self.failed = None
        self.made = 0

    def batch(self, source, n):
        """Events, and what runs on the node after them."""
        running, events = dict(self.running[source.node]), []
        for _ in range(n):
            if running and self.rng.random() < 0.48:
                container = self.rng.choice(sorted(running))
                del running[container]
                events.append(source.ended(container))
            else:
                self.made += 1
                image = self.rng.randrange(len(self.images))
                container = "%064x" % self.made
                running[container] = image
                events.append(source.began(container, self.images[image].name, self.images[image].digests,
                                           "app-%d" % image))
        return events, running

    def acknowledge(self, events):
        end = time.monotonic() + 120
        while True:
            hub = self.rng.choice(self.hubs)
            self.tries += 1
            try:
                said = hub.events(events)
                assert said["refused_count"] == 0, said
                return
            except BROKEN as e:
                if isinstance(e, Refused) and e.answer.status < 500:
                    raise
                hub.forget()
                assert time.monotonic() < end, "never acknowledged: %r" % e
                time.sleep(0.05)

    def run(self):
        size = 100
        try:
            while not self.over.is_set():
                started = time.monotonic()
                source = self.rng.choice(self.sources)
                events, running = self.batch(source, size)
                self.acknowledge(events)
                self.running[source.node] = running
                self.acknowledged += len(events)
                time.sleep(max(0, started + size / self.rate - time.monotonic()))
        except Exception as e:  # told by whoever joins
            self.failed = e

    def stop(self):
        self.over.set()
        self.join(150)
        assert not self.is_alive()
        if self.failed:
            raise self.failed

    def compare_soon(self, hub, seconds=PATIENCE):
        """The same, of a hub that follows: what the leader did reaches it a moment later."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.compare(hub)
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def compare(self, hub):
        for source in self.sources:
            found = {}
            for image in self.images:
                for row in hub.who_runs(image.config, node=source.node, running="true"):
                    assert row["container"] not in found, "told twice: %r" % row
                    found[row["container"]] = row["image"]
            want = {c: self.images[i].config for c, i in self.running[source.node].items()}
            lost, doubled = set(want) - set(found), set(found) - set(want)
            assert found == want, (source.node, len(found), len(want), sorted(lost)[:3], sorted(doubled)[:3])


def images_of(hub, feeds, n):
    """Images of which each has an advisory of its own."""
    made = []
    for i in range(n):
        write_record(feeds, "CVE-2026-%d" % (6000 + i), "core-%d" % i, "2.0.0")
        made.append(Small("load/app-%d:1" % i, {"core-%d" % i: "1.0.0"}).put(hub))
    wait_for(lambda: all(hub.get("/api/v1/images/" + i.config)["counts"]["critical"] == 1 for i in made), 20, 0.1)
    return made


def check_told(hub, receiver):  # noqa: F811
    """Everything that fires has been told; what was told twice has the same id; no alert is there twice."""
    wait_for(lambda: not hub.items("/api/v1/outbox", state="waiting"), 60, 0.2,
             lambda: "outbox: %r" % hub.items("/api/v1/outbox", state="waiting")[:3])
    assert not hub.items("/api/v1/outbox", state="dead")
    messages = receiver.messages()
    said = {}
    for m in messages:
        text = {k: v for k, v in m.data.items() if k != "at"}
        assert said.setdefault(m.id, text) == text, "one id, two messages: %s" % m.id
    alerts = hub.alerts()
    assert len({a["key"] for a in alerts}) == len(alerts) == len({a["id"] for a in alerts})
    told = {}
    for m in messages:
        for item in m.items:
            if m.kind in ("fired", "reopened"):
                told.setdefault(item["alert"], set()).add((m.id, m.kind))
    for alert in alerts:
        if alert["state"] != "firing":
            continue
        openings = {i for i, _ in told.get(alert["id"], ())}
        assert openings, "never told: %r" % alert
        assert len([1 for _, kind in told[alert["id"]] if kind == "fired"]) == 1, told[alert["id"]]
        assert len(openings) <= alert["times_opened"], (alert, told[alert["id"]])
    assert hub.get("/api/v1/audit/verify")["good"]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_kills(store, request, tmp_path):
    """R39: kill -9 of hub, store and receiver at random points under 2,000 events/s: nothing lost, nothing doubled"""
    rng = random.Random(7)
    server = request.getfixturevalue("server") if store == "postgresql" else None  # noqa: F811
    feeds, policy = tmp_path / "feeds", tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    write_record(feeds, "CVE-2026-6999", "nobody", "1.0.0")
    told = ReceiverProcess(tmp_path)
    url = server.database("kills") if server else None
    hub = Hub(tmp_path / "hub", store=url, feeds=feeds, sink=told.url, policy=policy).start()
    try:
        images = images_of(hub, feeds, 20)
        load = Load([hub], images)
        load.start()
        victims = ["hub", "receiver"] + (["store"] if server else ["hub"])
        for kill in range(KILLS):
            time.sleep(rng.uniform(0.2, 1.0))
            victim = victims[kill % len(victims)]
            if victim == "hub":
                hub.kill()
                time.sleep(rng.uniform(0, 0.3))
                hub.start()
            elif victim == "store":
                server.kill()
                time.sleep(rng.uniform(0, 0.3))
                server.start()
                hub.wait(30)
            else:
                told.restart()
            assert load.failed is None, load.failed
        time.sleep(1)
        load.stop()
        assert load.acknowledged > 100 * KILLS, load.acknowledged
        hub.wait(30)
        load.compare(hub)
        time.sleep(7)  # beyond the grace of what has just ended
        check_told(hub, told)
        hub.kill()
        hub.start()
        load.compare(hub)
        check_told(hub, told)
    finally:
        hub.kill()
        told.kill()


def test_takeover(tmp_path, server):
    """R39: two hubs of one PostgreSQL: the leader is killed, the other leads within 10 s and has lost nothing"""
    feeds, policy = tmp_path / "feeds", tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    write_record(feeds, "CVE-2026-6999", "nobody", "1.0.0")
    told = ReceiverProcess(tmp_path)
    url = server.database("takeover")
    first, second = (Hub(tmp_path / name, store=url, feeds=feeds, sink=told.url, policy=policy)
                     for name in ("one", "two"))
    try:
        first.start()
        second.token = first.token
        second.start()
        assert first.get("/readyz")["leader"] and not second.get("/readyz")["leader"]
        images = images_of(first, feeds, 10)
        load = Load([first, second], images, rate=500)
        load.start()
        for round_ in range(2 if KILLS < 50 else 10):
            time.sleep(2)
            leader, other = (first, second) if round_ % 2 == 0 else (second, first)
            leader.kill()
            load.hubs = [other]
            within(lambda o=other: o.get("/readyz")["leader"], 10, 0.05, other.said)
            write_record(feeds, "CVE-2026-%d" % (6500 + round_), "core-%d" % round_, "3.0.0")
            wait_for(lambda r=round_: other.alerts(advisory="CVE-2026-%d" % (6500 + r)), 10, 0.05)
            leader.start()
            load.hubs = [first, second]
            assert load.failed is None, load.failed
        time.sleep(1)
        load.stop()
        wait_for(lambda: first.metrics()["rummage_uses"] == second.metrics()["rummage_uses"], 15, 0.1,
                 lambda: repr([h.metrics()["rummage_uses"] for h in (first, second)]))
        for hub in (first, second):
            wait_for(lambda: not int(server.sql("SELECT COUNT(*) FROM inbox", "takeover")), 15, 0.1)
            load.compare_soon(hub)
        time.sleep(7)
        check_told(first, told)
        assert [(a["id"], a["key"], a["state"]) for a in first.alerts()] == \
            [(a["id"], a["key"], a["state"]) for a in second.alerts()]
    finally:
        first.kill()
        second.kill()
        told.kill()


def test_a_full_disk(tmp_path):
    """R39: a full disk: what cannot be written is not acknowledged, the hub lives, and goes on once there is room"""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    disk, feeds = tmp_path / "disk", tmp_path / "feeds"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(disk)], check=False,
                          capture_output=True)
    if done.returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    write_record(feeds, "CVE-2026-6000", "core-0", "2.0.0")
    hub = Hub(tmp_path / "hub", feeds=feeds, store="sqlite:%s/hub.db" % disk)
    try:
        hub.start()
        image = Small("load/app-0:1", {"core-0": "1.0.0"}).put(hub)
        node, kept = Source(hub, "node-1"), set()

        def tell(n=100):
            containers = ["%064x" % (node.seq + i) for i in range(n)]
            before = node.seq
            try:
                node.send(*[node.began(c, image.name, image.digests) for c in containers])
                kept.update(containers)
                return 200
            except Refused as e:
                node.seq = before
                return e.answer.status

        assert tell() == 200
        with open(disk / "filler", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 65536)
            except OSError:
                pass
        statuses = {tell() for _ in range(200)}
        assert 503 in statuses and statuses <= {200, 503}, statuses
        assert hub.get("/healthz") and {i["container"] for i in hub.who_runs(image.name)} == kept
        os.remove(disk / "filler")
        wait_for(lambda: tell() == 200, 20, 0.1, hub.said)
        assert {i["container"] for i in hub.who_runs(image.name)} == kept
        hub.restart()
        assert {i["container"] for i in hub.who_runs(image.name)} == kept
        assert hub.get("/api/v1/audit/verify")["good"]
    finally:
        hub.kill()
        subprocess.run(["umount", str(disk)], check=False)


def test_a_clock_that_jumps(tmp_path, receiver):  # noqa: F811
    """R39: the clock jumps a day on and two back: nothing is told twice, and what is new is told at once"""
    feeds, policy = tmp_path / "feeds", tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    write_record(feeds, "CVE-2026-6000", "core-0", "2.0.0")
    clock = Clock(str(tmp_path))
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=policy, clock=clock) as hub:
        image = Small("load/app-0:1", {"core-0": "1.0.0", "core-1": "1.0.0", "core-2": "1.0.0",
                                       "core-3": "1.0.0"}).put(hub)
        node = Source(hub, "node-1")
        node.send(node.began("1" * 64, image.name, image.digests))
        receiver.wait(10, advisory="CVE-2026-6000")
        for i, days in ((1, 1), (2, -2), (3, 1)):
            clock.move(days=days)
            written = write_record(feeds, "CVE-2026-600%d" % i, "core-%d" % i, "2.0.0")
            assert receiver.wait(10, advisory="CVE-2026-600%d" % i).at - written <= SOON
            node.clock = clock
            assert node.send(node.event("heartbeat"))["applied"] == 1
        hub.restart()
        time.sleep(3)
        fired = [i["advisory"] for m in receiver.messages(kind="fired") for i in m.items]
        assert sorted(fired) == ["CVE-2026-600%d" % i for i in range(4)], fired
        assert not receiver.messages(kind="resolved") and not receiver.messages(kind="reopened")
        assert hub.get("/api/v1/audit/verify")["good"]


def test_broken_advisories(tmp_path, receiver):  # noqa: F811
    """R37: a corrupted file is said, what it said before stays, and the others are read all the same"""
    feeds = tmp_path / "feeds"
    write_record(feeds, "CVE-2026-6000", "core-0", "2.0.0")
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url) as hub:
        image = Small("load/app-0:1", {"core-0": "1.0.0", "core-1": "1.0.0"}).put(hub)
        node = Source(hub, "node-1")
        node.send(node.began("1" * 64, image.name, image.digests))
        receiver.wait(10, advisory="CVE-2026-6000")
        path = feeds / "osv" / "npm" / "CVE-2026-6000.json"
        for wrong in (b"", b"{", b"\0" * 4096, path.read_bytes()[:-20], b'{"id":7}'):
            (feeds / "new").write_bytes(wrong)
            os.replace(feeds / "new", path)
            time.sleep(0.3)
            assert len(hub.who_runs("CVE-2026-6000")) == 1, wrong
        wait_for(lambda: "CVE-2026-6000" in hub.said(), 5, said=hub.said)
        write_record(feeds, "CVE-2026-6001", "core-1", "2.0.0")
        wait_for(lambda: hub.who_runs("CVE-2026-6001"), 10, 0.05, hub.said)
        assert hub.get("/readyz")


def test_a_broken_database(tmp_path):
    """R37: a database file that is replaced by rubbish leaves the last one in use; a good one is taken"""
    feeds, file = tmp_path / "feeds", tmp_path / "advisories.db"
    write_record(feeds, "CVE-2026-6000", "core-0", "2.0.0")
    assert kit.run("db", "build", "--from", feeds, "--out", file).code == 0
    with Hub(tmp_path / "hub", db=file) as hub:
        image = Small("load/app-0:1", {"core-0": "1.0.0", "core-1": "1.0.0"}).put(hub)
        node = Source(hub, "node-1")
        node.send(node.began("1" * 64, image.name, image.digests))
        assert len(hub.who_runs("CVE-2026-6000")) == 1
        whole = file.read_bytes()
        for wrong in (b"", b"rubbish" * 1000, whole[:len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1])):
            (tmp_path / "new.db").write_bytes(wrong)
            os.replace(tmp_path / "new.db", file)
            time.sleep(1.2)
            assert len(hub.who_runs("CVE-2026-6000")) == 1
        write_record(feeds, "CVE-2026-6001", "core-1", "2.0.0")
        assert kit.run("db", "build", "--from", feeds, "--out", file).code == 0
        wait_for(lambda: hub.who_runs("CVE-2026-6001"), 10, 0.1, hub.said)


def test_retention(tmp_path):
    """R39: what was kept for long enough goes, while the hub takes events and answers; what runs stays"""
    feeds, days = tmp_path / "feeds", 86400000
    write_record(feeds, "CVE-2026-6000", "core-0", "2.0.0")
    config = tmp_path / "hub.yaml"
    config.write_text("retention:\n  ended_uses_days: 30\n  changes_days: 30\n")
    with Hub(tmp_path / "hub", feeds=feeds, config=config) as hub:
        image = Small("load/app-0:1", {"core-0": "1.0.0"}).put(hub)
        node = Source(hub, "node-1")
        node.send(*[node.began("%064x" % i, image.name, image.digests) for i in range(1000)])
        node.send(*[node.ended("%064x" % i) for i in range(1, 1000)])
        hub.stop()
        db = sqlite3.connect(os.path.join(hub.state, "hub.db"))
        db.execute("UPDATE use SET ended_ms = ended_ms - ? WHERE ended_ms > 0", (40 * days,))
        db.execute("UPDATE stream SET at_ms = at_ms - ?", (40 * days,))
        others = [row[1] for row in db.execute("PRAGMA table_info(use)")][1:]
        db.executemany("INSERT INTO use SELECT ?, %s FROM use WHERE id = 2" % ", ".join(others),
                       [(i,) for i in range(2000, 52000)])
        db.execute("UPDATE use SET ended_ms = 0, container = 'last' WHERE id = 51999")
        db.commit()
        ended = "SELECT COUNT(*) FROM use WHERE ended_ms > 0"
        assert db.execute(ended).fetchone()[0] > 50000
        hub.start()
        told = 0
        while db.execute(ended).fetchone()[0]:
            node.send(node.began("%064x" % (10000 + told), image.name, image.digests))
            told += 1
            assert len(hub.who_runs(image.name)) == told + 2
            assert told < 5000, hub.said()
        assert told
        wait_for(lambda: db.execute("SELECT MIN(at_ms) FROM stream").fetchone()[0] >
                 (time.time() * 1000) - days, 30, 0.1)
        db.close()
        hub.restart()
        assert len(hub.who_runs(image.name)) == told + 2


def test_the_store_goes_away_for_a_while(tmp_path, server):
    """R39: PostgreSQL is away: nothing is acknowledged, the hub says so, answers from memory what is true or
    nothing, and comes back"""
    feeds = tmp_path / "feeds"
    write_record(feeds, "CVE-2026-6000", "core-0", "2.0.0")
    with Hub(tmp_path / "hub", feeds=feeds, store=server.database("away")) as hub:
        image = Small("load/app-0:1", {"core-0": "1.0.0", "core-1": "1.0.0"}).put(hub)
        node = Source(hub, "node-1")
        node.send(node.began("1" * 64, image.name, image.digests))
        event = node.began("2" * 64, image.name, image.digests)
        server.kill()
        try:
            for _ in range(20):
                answer = hub.request("POST", "/api/v1/events", b"%s\n" % json.dumps(event).encode())
                assert answer.status == 503 and answer.json["error"], answer
                answer = hub.request("GET", "/api/v1/who-runs", query="CVE-2026-6000")
                ready = hub.request("GET", "/readyz")
                # Killed in the middle of a change, the hub knows of no answer that is true.
                assert answer.status == 503 or len(answer.json["items"]) == 1, answer
                assert ready.status == answer.status, (ready, answer)
            assert hub.get("/healthz")
            write_record(feeds, "CVE-2026-6001", "core-1", "2.0.0")
            wait_for(lambda: "the last database stays in use" in hub.said(), 20, 0.1, hub.said)
        finally:
            server.start()
        wait_for(lambda: hub.request("POST", "/api/v1/events", json.dumps(event).encode()).status
                 == 200, 15, 0.2, hub.said)
        # What was taken before the hub led again waits in the inbox for a moment.
        wait_for(lambda: len(hub.who_runs("CVE-2026-6000")) == 2, 10, 0.2, hub.said)
        # What was disclosed meanwhile could not be judged; it is as soon as it can.
        wait_for(lambda: hub.alerts(advisory="CVE-2026-6001"), 20, 0.2, hub.said)
        assert len(hub.who_runs("CVE-2026-6001")) == 2
