# SPDX-License-Identifier: Apache-2.0
"""Thousands of nodes and pods that a real API server is told of by who stands for their kubelets (kwok): each pod is
created, is pending, runs, and is deleted by itself, as real ones are."""

import contextlib
import sqlite3
import threading

import pytest

import small
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from kube import ADMIN, cluster, digest_of, free_port, pod  # noqa: F401

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.usefixtures("with_hub")]

NODES, PODS, AT_ONCE = 1000, 3000, 4
STAGES = """apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector: {matchExpressions: [{key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn,
                                 values: ["True"]}]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - {type: Ready, status: "True", reason: x, message: x, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-runs}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector: {matchExpressions: [{key: '.metadata.deletionTimestamp', operator: DoesNotExist},
                                {key: '.status.podIP', operator: DoesNotExist}]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      {{ $uid := .metadata.uid }}
      conditions:
      - {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
      containerStatuses:
      {{ range .spec.containers }}
      - {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "registry.test/x@DIGEST", containerID: {{ printf "containerd://%s-%s" $uid .name | Quote }}, ready: true, started: true, restartCount: 0, state: {running: {startedAt: {{ $now | Quote }}}}}
      {{ end }}
      phase: Running
      startTime: {{ $now | Quote }}
      podIP: 10.1.1.1
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-goes}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector: {matchExpressions: [{key: '.metadata.deletionTimestamp', operator: Exists}]}
  next: {delete: true, finalizers: {empty: true}}
"""


@pytest.fixture
def kubelets(cluster):  # noqa: F811
    path = cluster.path("stages.yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write(STAGES.replace("DIGEST", digest_of("app:1")))
    cluster.spawn("kwok", "--kubeconfig=" + cluster.kubeconfig(cert="admin"), "--config=" + path,
                  "--manage-all-nodes=true", "--server-address=127.0.0.1:%d" % free_port(), "--node-ip=127.0.0.1",
                  "--cidr=10.128.0.0/9")
    yield cluster
    cluster.stop_one("kwok")


def each(n, what):
    """what(0) .. what(n - 1), some at once."""
    failed = []

    def some(first):
        try:
            for i in range(first, n, AT_ONCE):
                what(i)
        except Exception as e:  # noqa: BLE001
            failed.append(e)

    threads = [threading.Thread(target=some, args=(k,)) for k in range(AT_ONCE)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed


def rows(hub):
    with contextlib.closing(sqlite3.connect("file:%s/hub.db?mode=ro" % hub.state, uri=True, timeout=30)) as db:
        return db.execute("SELECT container, began_ms, ended_ms FROM use").fetchall()


def test_fleet(kubelets, tmp_path):
    """R14: 1,000 nodes and 3,000 pods that come, run and go: each is one use, from its begin to its end"""
    ns = kubelets.namespace()
    small.write_feeds(str(tmp_path / "feeds"))
    with Hub(tmp_path / "hub", feeds=tmp_path / "feeds",
             args=["--kubernetes", kubelets.kubeconfig(token=ADMIN)]) as hub:
        each(NODES, lambda i: kubelets.create("v1", "nodes", None, {"metadata": {"name": "node-%d" % i}}))
        each(PODS, lambda i: kubelets.create("v1", "pods", ns, dict(
            pod("p-%d" % i, "app:1", nodeName="node-%d" % (i % NODES), tolerations=[{"operator": "Exists"}]))))
        wait_for(lambda: hub.metrics()["rummage_uses"] == PODS, 600, 0.5,
                 lambda: "%r uses; %s; %s" % (hub.metrics()["rummage_uses"], hub.said(), kubelets.said("kwok")))
        each(PODS // 2, lambda i: kubelets.call("DELETE", kubelets.at("v1", "pods", ns, "p-%d" % i)))
        wait_for(lambda: hub.metrics()["rummage_uses"] == PODS - PODS // 2, 600, 0.5,
                 lambda: "%r uses; %s" % (hub.metrics()["rummage_uses"], hub.said()))
        found = rows(hub)
        assert len(found) == len({container for container, _, _ in found}) == PODS
        assert sum(ended > 0 for _, _, ended in found) == PODS // 2
        assert all(ended == 0 or ended >= began for _, began, ended in found)
