# SPDX-License-Identifier: Apache-2.0
"""A fleet (synth.py) and a hub that knows it, the whole program: what one more advisory does, as the
API and a webhook tell it, against what the fleet's own lists say. For tests and for bench/run."""

import os
import random
import threading
import time

from hubkit import Hub, Receiver, Source, wait_for
from synth import NPM, NPM_NAMES, VERSIONS, Advisory, Fleet, Teller

# The rules about findings that hold without a file; what was told of the fleet's beginning is not to
# keep an advisory's alert waiting for a minute.
POLICY = """max-per-minute: 10000
rules:
  - name: exploited
    kev: true
    escalate: [7d, 30d, 90d]
  - name: critical
    severity: critical
    escalate: [7d, 30d, 90d]
  - name: high-and-fixable
    severity: high
    fixable: true
    escalate: [7d, 30d, 90d]
  - name: rollback
    when: rollback
"""
LEAST_EVENTS_A_SECOND, MOST_BYTES, MOST_START_S = 2000, 1 << 30, 10


def most_seconds(containers):
    """From the file to the alert, and from the question to the whole list."""
    return 1.0 if containers <= 100000 else 2.0


def rows(items):
    """Items of who-runs as the fleet says what it expects."""
    return {(i["cluster"], i["node"], i["namespace"], i["workload"], i["container"], i["image"]):
            set(i["matched"]) for i in items}


def counts(hub):
    """All that the hub judges, by itself: images with their figures, and what fires."""
    images = {i["digest"]: (i["findings"], i["uses"], i["components"], i["complete"])
              for i in hub.items("/api/v1/images")}
    alerts = {a["key"]: (a["id"], a["state"], a["severity"], a["uses"]) for a in hub.alerts()}
    return images, alerts


def write_epss(feeds, idents, day):
    """Scores of a day for these CVEs: all of them other than the day before's, none of them high."""
    rng = random.Random(day)
    path = os.path.join(feeds, "epss.csv")
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write("#model_version:v2025.03.14,score_date:2026-01-%02dT00:00:00+0000\n" % (day + 1))
        f.write("cve,epss,percentile\n")
        for ident in idents:
            f.write("%s,%.5f,%.5f\n" % (ident, 0.002 * (1 + day) + rng.random() / 2000, rng.random()))
    os.replace(path + ".new", path)


class Disclosed:
    """events_s: how many events a second were taken; start_s: how long the last start took."""

    def __init__(self, folder, images, containers, store=None, advisories=300, low=0, **how):
        """low: CVEs of no great severity, of as many packages, so that most images have some."""
        self.fleet = Fleet(images, containers)
        self.feeds = os.path.join(str(folder), "feeds")
        self.fleet.write_feeds(self.feeds, advisories)
        names = random.Random("low").sample(range(NPM_NAMES), low)
        self.low = [Advisory("CVE-2024-%d" % (10000 + name), NPM, name, 0, VERSIONS, "low")
                    for name in sorted(names)]
        for advisory in self.low:
            advisory.write(self.feeds)
        how.setdefault("policy", os.path.join(str(folder), "policy.yaml"))
        with open(how["policy"], "w", encoding="ascii") as f:
            f.write(POLICY)
        self.receiver = Receiver()
        self.hub = Hub(os.path.join(str(folder), "hub"), store=store, feeds=self.feeds,
                       sink=self.receiver.url, **how).start()
        self.teller = Teller("127.0.0.1:%d" % self.hub.port, self.hub.token)
        self.images_s = self.teller.tell_images(self.fleet)
        self.events_s = containers / max(self.teller.tell_events(self.fleet), 1e-9)
        self.start_s = None

    def close(self):
        self.hub.kill()
        self.receiver.close()

    def disclose(self, advisory, seconds):
        """Writes it; (seconds to the alert, seconds to the exact list)."""
        begun = advisory.write(self.feeds)
        told = self.receiver.wait(seconds, advisory=advisory.id).at
        asked = time.time()
        found = self.hub.who_runs(advisory.id)
        listed = time.time() - asked
        assert rows(found) == self.fleet.expected(advisory)
        assert {i["state"] for i in found} <= {"running"}
        return told - begun, listed

    def restart(self, seconds=120):
        """From nothing to ready."""
        self.hub.stop(seconds)
        begun = time.monotonic()
        self.hub.start(seconds=seconds)
        self.start_s = time.monotonic() - begun

    def same_as_matched_anew(self):
        """Deltas have led where a hub that starts and judges everything gets to."""
        before = counts(self.hub)
        self.restart()
        assert counts(self.hub) == before

    def loaded(self):
        return self.hub.metrics()["rummage_database_loaded_timestamp_seconds"]

    def longest_wait(self, change, seconds=120):
        """The longest that a question, and an event, took while what change() did was taken in."""
        before, over = self.loaded(), threading.Event()
        image = self.fleet.config(self.fleet.runs[0])
        node = Source(self.hub, "waiting")
        asked = {"question": lambda: self.hub.get("/api/v1/who-runs", query=image, limit=1),
                 "event": lambda: node.send(node.event("heartbeat"))}
        waits = dict.fromkeys(asked, 0.0)

        def again(name):
            while not over.is_set():
                begun = time.monotonic()
                asked[name]()
                waits[name] = max(waits[name], time.monotonic() - begun)
                time.sleep(0.01)

        threads = [threading.Thread(target=again, args=(name,)) for name in asked]
        for t in threads:
            t.start()
        try:
            change()
            wait_for(lambda: self.loaded() > before, seconds, 0.05, "no other database")
        finally:
            over.set()
            for t in threads:
                t.join()
        return waits
