# SPDX-License-Identifier: Apache-2.0
"""Admission: a hub that knows the images, asked over TLS as kube-apiserver asks, by connections that are kept."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TOP, "tests")]
import small  # noqa: E402
from hubkit import Client, Hub, wait_for  # noqa: E402
from image import File, Image  # noqa: E402
from node import spent_ns  # noqa: E402
from registries import Real, free_port  # noqa: E402

PACKAGES, VULNERABLE = 300, 40
RATE, SECONDS, THREADS = 200, 10, 8
FLOOD = 40000


def write_feeds(folder):
    os.makedirs(folder + "/osv/npm")
    for i in range(VULNERABLE):
        ident = "CVE-2026-%d" % (8000 + i)
        with open("%s/osv/npm/%s.json" % (folder, ident), "w", encoding="ascii") as f:
            json.dump(small.osv(ident, "npm", "bad-%d" % i, "2.0.0", "SEMVER", severity=[
                {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]), f)
    return folder


def image(bad):
    names = ["bad-%d" % i for i in range(bad)] + ["good-%d" % i for i in range(PACKAGES - bad)]
    return Image().layer([File("app/node_modules/%s/package.json" % n,
                               json.dumps({"name": n, "version": "1.0.0"})) for n in names])


def body(ref, serial):
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-%d" % serial, "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": "shop", "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"generateName": "web-", "uid": "p-%d" % serial, "labels": {
            "app": "web", "pod-template-hash": "5d4f"}, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f", "controller": True}]},
                   "spec": {"containers": [{"name": "web", "image": ref}]}}}}).encode()


def ask_all(port, tls, ref):
    """Seconds that each answer took, asked at a steady rate."""
    took, lock, began = [], threading.Lock(), time.monotonic() + 0.2
    turns = iter(range(RATE * SECONDS))

    def run():
        client = Client(port, tls=tls)
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            time.sleep(max(0.0, began + turn / RATE - time.monotonic()))
            asked = time.monotonic()
            answer = client.request("POST", "/validate", body(ref, turn), {"Content-Type": "application/json"},
                                    timeout="10s")
            with lock:
                took.append(time.monotonic() - asked)
            assert answer.status == 200 and answer.json["response"]["allowed"], answer

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return took


def flood(folder, port, ref, pid):
    """As fast as the connections take turns: (the 99th percentile in seconds, microseconds as below, requests a
    second); None where there is no ab."""
    if shutil.which("ab") is None:
        return None
    with open(folder + "/body", "wb") as f:
        f.write(body(ref, 0))
    before, began = spent_ns(pid), time.monotonic()
    done = subprocess.run(["ab", "-k", "-q", "-n", str(FLOOD), "-c", str(THREADS), "-p", folder + "/body", "-T", "application/json",
                           "-e", folder + "/times", "https://127.0.0.1:%d/validate?timeout=10s" % port],
                          capture_output=True, text=True, check=True)
    took, spent = time.monotonic() - began, spent_ns(pid) - before
    assert re.search(r"Failed requests: +0\n", done.stdout) and "Non-2xx" not in done.stdout, done.stdout
    with open(folder + "/times", encoding="ascii") as f:
        times = dict(line.strip().split(",") for line in f)
    return float(times["99"]) / 1000, spent / 1000 / FLOOD, FLOOD / took


def measure(folder):
    """{name: (seconds of each answer, processor microseconds of the hub for one)}; and "flood"."""
    registry, port, found = Real(folder, "plain"), free_port(), {}
    hub = Hub(folder + "/hub", feeds=write_feeds(folder + "/feeds"), args=["--admission", "127.0.0.1:%d" % port],
              env={"RUMMAGE_REGISTRY_INSECURE": registry.host})
    try:
        hub.start()
        wait_for(lambda: "admission is answered" in hub.said(), 20, 0.1, hub.said)
        tls = ssl.create_default_context(cafile=hub.state + "/admission.crt")
        for name, bad in (("clean", 0), ("vulnerable", VULNERABLE)):
            ref, digest = registry.push("shop/" + name, "1", image(bad))
            ref = "%s@%s" % (ref.rsplit(":", 1)[0], digest)
            first = Client(port, tls=tls)
            wait_for(lambda: "nobody has read" not in json.dumps(first.request(
                "POST", "/validate", body(ref, 0), timeout="10s").json), 60, 0.5, hub.said)
            before = spent_ns(hub.child.pid)
            took = ask_all(port, tls, ref)
            found[name] = (took, (spent_ns(hub.child.pid) - before) / 1000 / len(took))
            found.setdefault("flood", flood(folder, port, ref, hub.child.pid))
    finally:
        hub.kill()
        registry.stop()
    return found
