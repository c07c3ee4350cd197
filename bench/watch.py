# SPDX-License-Identifier: Apache-2.0
"""What a hub takes that watches a Kubernetes cluster: a real API server, filled with pods of nodes that are not there."""

import contextlib
import os
import statistics
import tempfile
import threading
import time

import hubkit
import kube
import small
from synth import Small

MOST_BYTES, MOST_LIST_S, MOST_VERDICT_MS = 400, 30, 1000
PROBES, IMAGES, FIRST = 200, 500, 40000
CHURN, STEP = 200, 10
LEAST_BYTES = 32  # of a pod: its container's id
ADVISORY = "CVE-2026-7000"
INDEX = ("images", "components", "advisories")


def run(bench):
    """20,000 pods of 1,000 nodes, and where time is no matter 100,000 of 5,000."""
    if kube.folder_of_programs() is None:
        print("info watch skipped: no Kubernetes; `make check-real` builds it")
        return
    measure(bench, "", 20000, 1000)
    if os.environ.get("RUMMAGE_SLOW") == "1":
        measure(bench, "-large", 100000, 5000)
    else:
        print("info watch-memory-large skipped: RUMMAGE_SLOW=1 runs it")


def measure(bench, tail, pods, nodes):
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        cluster = kube.Cluster(os.path.join(folder, "kube"))
        hub = None
        try:
            cluster.start()
            cluster.fill(FIRST // 2, 1000, IMAGES, prefix="first")
            feeds = write_feeds(os.path.join(folder, "feeds"))
            hub = hubkit.Hub(os.path.join(folder, "hub"), feeds=feeds, path=bench.rummage,
                             args=["--kubernetes", cluster.kubeconfig(token=kube.ADMIN)]).start()
            probe = Small("probe:1", {"probe": "1.0.0"}).put(hub)
            uses(hub, FIRST // 2)
            hub.stop()
            # Once as it is measured: what the images, the store's caches and a start cost is no pod's.
            cluster.fill(FIRST // 2, 1000, IMAGES, prefix="second")
            hub.start()
            uses(hub, FIRST)
            before, was = settled(hub, FIRST), parts(hub)
            hub.stop()
            cluster.fill(pods, nodes, IMAGES)
            since = time.monotonic()
            hub.start()
            uses(hub, FIRST + pods)
            what = "%d pods of %d nodes" % (pods, nodes)
            bench.line("watch-list" + tail, time.monotonic() - since, "s", "<=", MOST_LIST_S,
                       "from the hub's start until it knows all; %d more, and %s" % (FIRST, what))
            used, now = settled(hub, FIRST + pods) - before, parts(hub)
            bench.line("watch-memory" + tail, used / pods, "bytes a pod", "<=", MOST_BYTES,
                       "all that the hub's process has grown by; beside %d others; %s" % (FIRST, what))
            grown = {part: (now[part] - was[part]) / pods for part in now}
            for part, each in grown.items():
                bench.line("watch-memory-%s%s" % (part, tail), each, "bytes a pod")
            bench.line("watch-memory-index" + tail, sum(grown[p] for p in INDEX), "bytes a pod", None, None,
                       "of the above " + ", ".join(INDEX))
            bench.line("watch-memory-else" + tail, used / pods - sum(grown.values()), "bytes a pod", None, None,
                       "of the allocator, the store's caches, threads and buffers; may differ by 5 MiB from run to run")
            verdicts(bench, "watch-verdict" + tail, hub, cluster, probe, range(PROBES))
            with Churn(cluster, pods, nodes) as churn:
                churn.wait(CHURN)
                verdicts(bench, "watch-churn" + tail, hub, cluster, probe, range(PROBES, 2 * PROBES), churn)
            want = FIRST + pods + 2 * PROBES + churn.left()
            with contextlib.suppress(AssertionError):
                hubkit.wait_for(lambda: hub.metrics()["rummage_uses"] == want, 60, 0.2)
            bench.line("watch-churn-lost" + tail, abs(want - hub.metrics()["rummage_uses"]), "pods", "<=", 0,
                       "of %d that came" % churn.came)
        except AssertionError as e:
            print("info watch%s ended early: %s" % (tail, str(e).split("\n", maxsplit=1)[0][:200]))
            bench.short += 1
        finally:
            if hub:
                hub.kill()
            cluster.stop()


def write_feeds(folder):
    import json
    os.makedirs(os.path.join(folder, "osv", "npm"))
    record = small.osv(ADVISORY, "npm", "probe", "2.0.0", "SEMVER")
    with open(os.path.join(folder, "osv", "npm", ADVISORY + ".json"), "w", encoding="utf-8") as f:
        json.dump(record, f)
    return folder


def uses(hub, n):
    hubkit.wait_for(lambda: hub.metrics().get("rummage_uses", 0) >= n, 600, 0.2,
                    lambda: "%r uses; %s" % (hub.metrics().get("rummage_uses"), hub.said()))


def settled(hub, pods):
    """What it holds when the list is over, as it then says, and what that took is given back."""
    hubkit.wait_for(lambda: parts(hub)["watch"] > LEAST_BYTES * pods, 120, 0.2, hub.said)
    was, now = 0, hub.memory_bytes()
    while now < was or was == 0:
        time.sleep(1)
        was, now = now, hub.memory_bytes()
    return now


def verdicts(bench, name, hub, cluster, probe, which, churn=None):
    since, came = time.monotonic(), churn.came if churn else 0
    took = sorted(1000 * seen(hub, cluster, probe, i) for i in which)
    note = "from etcd to the finding, p99 of %d; median %.0f ms" % (len(took), statistics.median(took))
    if churn:
        note += "; meanwhile %.0f pods a second came, and as many went" % ((churn.came - came) / (time.monotonic() - since))
    bench.line(name, took[len(took) * 99 // 100], "ms", "<=", MOST_VERDICT_MS, note)


class Churn:
    """Pods of sets that there are come, CHURN a second, and go when as many more have come."""

    def __init__(self, cluster, pods, nodes):
        self.cluster, self.pods, self.nodes, self.came, self.over = cluster, pods, nodes, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(60)

    def row(self, i):
        key, row = self.cluster.pod_row("churn", i, self.nodes, IMAGES)
        row["spec"]["nodeName"] = "fill-node-%d" % (i % self.nodes)
        row["metadata"]["ownerReferences"] = [self.cluster.owner("ReplicaSet", "fill-set-%d" % (i % (self.pods // kube.SET)))]
        return key, row

    def run(self):
        due = time.monotonic()
        while not self.over.wait(max(0, due - time.monotonic())):
            gone = [self.row(i)[0] for i in range(max(0, self.came - CHURN), max(0, self.came - CHURN + STEP))]
            self.cluster.replace([self.row(self.came + i) for i in range(STEP)], gone)
            self.came += STEP
            due += STEP / CHURN

    def wait(self, n):
        hubkit.wait_for(lambda: self.came >= n, 60, 0.1)

    def left(self):
        return min(self.came, CHURN)


def parts(hub):
    """Bytes by part, as the hub counts them."""
    found = {"watch": 0}
    for name, value in hub.metrics().items():
        if name.startswith('rummage_memory_bytes{part="'):
            found[name.split('"')[1]] = value
        elif name == "rummage_watch_memory_bytes":
            found["watch"] = value
    return found


def seen(hub, cluster, probe, i):
    """Seconds until a pod that begins has its finding."""
    name = "probe-%d" % i
    key, row = cluster.pod_row("probe", i, 1, 1)
    status = row["status"]["containerStatuses"][0]
    row["spec"]["containers"][0]["image"] = status["image"] = probe.name
    del row["metadata"]["ownerReferences"]
    status["imageID"] = "registry.test/probe@" + probe.manifest
    cluster.put([(key, row)])
    since = time.monotonic()
    hubkit.wait_for(lambda: hub.who_runs(ADVISORY, workload="Pod/" + name), 30, 0.005)
    return time.monotonic() - since
