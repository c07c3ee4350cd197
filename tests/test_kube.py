# SPDX-License-Identifier: Apache-2.0
"""Kubernetes: a real API server is listed and watched, whatever becomes of it; what its pods run and what makes them
are known to a hub, by its own watcher and by the agent of a cluster."""

import functools
import json
import os
import time

import pytest

import kit
import small
from hubkit import Hub, receiver, wait_for, with_hub  # noqa: F401
from kube import (ADMIN, NOBODY, Front, cluster, controlled, cronjob, digest_of, made_of, pod, sha,  # noqa: F401
                  template)
from nodekit import Agent
from synth import Small
from watching import Watching

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

BAD, GOOD = {"old-core": "1.0.0", "old-web": "1.2.0"}, {"new-core": "2.0.0"}
CUT_S = 60 if os.environ.get("RUMMAGE_SLOW") else 5
POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: finding
    severity: low
  - name: rollback
    when: rollback
"""


def container_of(made, name="main"):
    """The id that a node gives it."""
    return sha(made["metadata"]["uid"] + name)


def containers(told, kind, since=0):
    return [e["container"] for e in told.find(kind, since)]


class Kinds(Watching):
    """All kinds are told whole at first, each by itself."""

    def __enter__(self):
        wait_for(lambda: len(self.find("snapshot.ended")) >= 10, 60, 0.05,
                 lambda: "not all were listed: %r %r" % (self.events, self.said))
        return self


def log_in(cluster, way, folder):  # noqa: F811
    if way == "certificate":
        return cluster.kubeconfig(cert="admin")
    if way == "token":
        return cluster.kubeconfig(token=ADMIN)
    if way == "file":
        (folder / "token").write_text(ADMIN + "\n")
        return cluster.kubeconfig(token_file=folder / "token")
    if way == "in-cluster":
        (folder / "token").write_text(ADMIN)
        with open(cluster.certs.path("ca.crt"), encoding="ascii") as f:
            (folder / "ca.crt").write_text(f.read())
        return "in-cluster:%s" % folder
    plugin = folder / "plugin"
    plugin.write_text("#!/bin/sh\nprintf '%%s' \"$KUBERNETES_EXEC_INFO\" > %s\n"
                      "echo '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s\"}}'\n"
                      % (folder / "info", ADMIN))
    plugin.chmod(0o755)
    return cluster.kubeconfig(plugin=plugin)


@pytest.mark.parametrize("way", ["certificate", "token", "file", "plugin", "in-cluster"])
def test_ways_to_log_in(cluster, way, tmp_path, monkeypatch):  # noqa: F811
    """R14: a cluster is listed by each way to log in"""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(cluster.port))
    ns = cluster.namespace()
    cluster.create("apps/v1", "deployments", ns, made_of("web", "app:1"))
    with Kinds("kubernetes", log_in(cluster, way, tmp_path)) as told:
        seen = told.wait("workload.declared", namespace=ns)
    assert seen["workload"] == {"kind": "Deployment", "name": "web"}
    assert seen["images"] == [{"ref": "app:1", "container": "main"}] and seen["labels"] == {"team": "blue"}
    if way == "plugin":
        info = json.loads((tmp_path / "info").read_text())
        assert info["kind"] == "ExecCredential" and info["spec"]["interactive"] is False


def test_pods_come_and_go(cluster):  # noqa: F811
    """R14: what a pod runs is told once, from its begin to its end: init containers, sidecars, image volumes"""
    ns, conf = cluster.namespace(), cluster.kubeconfig(token=ADMIN)
    node = cluster.node(ns + "-node")
    with Kinds("kubernetes", conf) as told:
        seen = told.wait("node.seen", node=node.name)
        made = cluster.create("v1", "pods", ns, pod(
            "web", "app:1", volumes=[{"name": "data", "image": {"reference": "data:1"}}],
            initContainers=[{"name": "prepare", "image": "init:1"},
                            {"name": "side", "image": "side:1", "restartPolicy": "Always"}]))
        main = told.wait("use.began", container=container_of(made))
        assert main["namespace"] == ns and main["node"] == node.name and main["name"] == "main"
        assert main["workload"] == {"kind": "Pod", "name": "web"}
        assert main["image"] == {"ref": "app:1", "digests": [digest_of("app:1")]}
        side = told.wait("use.began", container=container_of(made, "side"))
        assert side["image"]["ref"] == "side:1"
        volume = made["metadata"]["uid"] + "/volume/data"
        assert told.wait("use.began", container=volume)["image"]["ref"] == "data:1"
        # One that ended before anybody looked is told as well.
        told.wait("use.ended", container=container_of(made, "prepare"))
        cluster.patch("v1", "pods", ns, "web", {"metadata": {"labels": {"a": "b"}}})
        cluster.delete("v1", "pods", ns, "web")
        for name in (container_of(made), container_of(made, "side"), volume):
            told.wait("use.ended", container=name)
        mine = [e["container"] for e in told.find("use.began", namespace=ns)]
        assert sorted(mine) == sorted(set(mine)) and len(mine) == 4
        node.close()
        cluster.patch("v1", "nodes", None, node.name, {"spec": {"unschedulable": True}})
        told.wait("node.seen", node=node.name, availability="pause", container=seen["container"])
        cluster.delete("v1", "nodes", None, node.name)
        told.wait("node.removed", node=node.name, container=seen["container"])
    assert node.failed is None


def test_pages(cluster):  # noqa: F811
    """R14: a server that does not stream lists is asked in pages, and nothing is lost or told twice between them"""
    cluster.fill(1200, 10, prefix="fill-pages")
    with Front(cluster) as front:
        front.no_streams = True
        with Kinds("kubernetes", cluster.kubeconfig(server=front.url, token=ADMIN)) as told:
            want = {sha("fill-pages-%d" % i) for i in range(1200)}
            wait_for(lambda: want <= set(containers(told, "use.began")), 60, 0.1, lambda: repr(told.said))
            mine = [c for c in containers(told, "use.began") if c in want]
            assert len(mine) == 1200
            assert sum("/pods?limit=500" in p for p in front.asked) == 3 and any("continue=" in p for p in front.asked)


def test_cut_and_forgotten(cluster):  # noqa: F811
    """R14: the server is out of reach, and has forgotten what was before when it is back: no pod is lost, and what went
    meanwhile is not told again"""
    ns = cluster.namespace()
    node = cluster.node(ns + "-node")
    with Front(cluster) as front, \
            Kinds("kubernetes", cluster.kubeconfig(server=front.url, token=ADMIN)) as told:
        made = [cluster.create("v1", "pods", ns, pod("before-%d" % i, "app:1")) for i in range(4)]
        for one in made:
            told.wait("use.began", container=container_of(one))
        mark = told.mark()

        def meanwhile():
            since = time.monotonic()
            for i in range(2):
                cluster.delete("v1", "pods", ns, "before-%d" % i)
            made.append(cluster.create("v1", "pods", ns, pod("after", "app:2")))
            wait_for(lambda: cluster.get("v1", "pods", ns, "after")["status"].get("containerStatuses"), 30, 0.1)
            cluster.compact()
            cluster.restart_server()
            wait_for(lambda: time.monotonic() - since > CUT_S, CUT_S + 60, 0.1)

        front.close_for(meanwhile)
        told.wait("use.began", since=mark, seconds=90, container=container_of(made[4]))
        pods = "here/kubernetes/pods"
        end = told.wait("snapshot.ended", since=mark, seconds=90, source=pods)
        begin = max(i for i, e in enumerate(told.events) if e["type"] == "snapshot.began" and e["source"] == pods)
        mine = {container_of(one) for one in made}
        again = {e["container"] for e in told.events[begin:] if e["type"] == "use.began"} & mine
        assert end and again == {container_of(one) for one in made[2:]}
    node.close()


def test_cut_and_gone_on(cluster):  # noqa: F811
    """R14: a watch that breaks off goes on where it was: nothing is told twice"""
    ns = cluster.namespace()
    node = cluster.node(ns + "-node")
    with Front(cluster) as front, \
            Kinds("kubernetes", cluster.kubeconfig(server=front.url, token=ADMIN)) as told:
        first = cluster.create("v1", "pods", ns, pod("first", "app:1"))
        told.wait("use.began", container=container_of(first))
        mark = told.mark()
        second = front.close_for(lambda: cluster.create("v1", "pods", ns, pod("second", "app:1")))
        told.wait("use.began", since=mark, container=container_of(second))
        cluster.delete("v1", "pods", ns, "first")
        told.wait("use.ended", since=mark, container=container_of(first))
        assert not told.find("snapshot.began", mark)
    node.close()


def test_busy_and_another_token(cluster, tmp_path):  # noqa: F811
    """R14: a server that is busy is asked again when it says; a token that is replaced is read again"""
    token = tmp_path / "token"
    token.write_text("one")
    with Front(cluster) as front:
        front.token, front.busy = "one", 12
        with Kinds("kubernetes", cluster.kubeconfig(server=front.url, token_file=token)) as told:
            ns = cluster.namespace()
            cluster.create("apps/v1", "statefulsets", ns, made_of("db", "db:1", serviceName="db"))
            told.wait("workload.declared", namespace=ns)
            assert front.busy == 0
            front.token = "two"
            token.write_text("two")
            front.cut()
            cluster.create("apps/v1", "daemonsets", ns, made_of("log", "log:1", None))
            told.wait("workload.declared", namespace=ns, workload={"kind": "DaemonSet", "name": "log"})


def test_another_server(cluster):  # noqa: F811
    """R14: of several servers another one is asked when one does not answer"""
    ns = cluster.namespace()
    with Front(cluster) as front, Front(cluster) as other:
        front.closed = True
        where = cluster.kubeconfig(server=front.url, token=ADMIN) + "," + other.url
        with Kinds("kubernetes", where) as told:
            cluster.create("batch/v1", "cronjobs", ns, cronjob("nightly", "job:1"))
            told.wait("workload.declared", namespace=ns)
            front.closed = False
            mark = told.mark()
            other.closed = True
            other.cut()
            cluster.create("batch/v1", "cronjobs", ns, cronjob("weekly", "job:1"))
            told.wait("workload.declared", since=mark, namespace=ns)


def test_custom_kind(cluster, feeds):  # noqa: F811
    """R14: a kind that nobody knows is a workload where it makes pods, and what it owns is its own"""
    group = "test.example"
    cluster.create("apiextensions.k8s.io/v1", "customresourcedefinitions", None, {
        "metadata": {"name": "rollers." + group}, "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": "Roller", "plural": "rollers"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})
    ns = cluster.namespace()
    wait_for(lambda: cluster.request("GET", cluster.at(group + "/v1", "rollers"))[0] == 200, 30, 0.1)
    roller = cluster.create(group + "/v1", "rollers", ns, {
        "apiVersion": group + "/v1", "kind": "Roller", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "workload": {"pods": template("app:1")["spec"]}}})
    owner = {"apiVersion": group + "/v1", "kind": "Roller", "name": "web", "uid": roller["metadata"]["uid"],
             "controller": True}
    owned = made_of("web-1", "app:1")
    owned["metadata"]["ownerReferences"] = [owner]
    cluster.create("apps/v1", "replicasets", ns, owned)
    with Hub_(cluster, "--kubernetes-kind", group + "/v1/rollers", feeds=feeds) as hub:
        found = wait_for(lambda: [w for w in hub.items("/api/v1/workloads") if w["namespace"] == ns], 60, 0.1, hub.said)
    assert [w["workload"] for w in found] == ["Roller/web"]


def test_some_namespaces(cluster, feeds):  # noqa: F811
    """R14: who may list some namespaces alone watches those, and says so; others can be left out"""
    names = [cluster.namespace() for _ in range(3)]
    node = cluster.node(names[0] + "-node")
    for ns in names:
        cluster.create("apps/v1", "deployments", ns, made_of("web", "app:1"))
        cluster.create("v1", "pods", ns, pod("one", "app:1"))
    cluster.create("rbac.authorization.k8s.io/v1", "clusterroles", None, {"metadata": {"name": "sees"}, "rules": [
        {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]})
    for ns in names[:2]:
        cluster.create("rbac.authorization.k8s.io/v1", "rolebindings", ns, {
            "metadata": {"name": "sees"}, "subjects": [{"kind": "User", "name": "nobody"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sees"}})

    def seen(hub):
        return {w["namespace"] for w in hub.items("/api/v1/workloads")} & set(names)

    some = [a for ns in names[:2] for a in ("--kubernetes-namespace", ns)]
    try:
        with Hub(os.path.join(cluster.folder, "hub-some"),
                 args=["--kubernetes", cluster.kubeconfig(token=NOBODY), *some], feeds=feeds) as hub:
            wait_for(lambda: seen(hub) == set(names[:2]) and len(running(hub, "app:1", names[1])) == 1, 60, 0.1, hub.said)
            assert "only the namespaces that are named" in hub.said()
            # Each is listed by itself: one that is told anew ends nothing of another.
            cluster.delete("v1", "pods", names[0], "one")
            wait_for(lambda: not running(hub, "app:1", names[0]), 60, 0.1, hub.said)
            assert len(running(hub, "app:1", names[1])) == 1
        with Hub_(cluster, "--kubernetes-without", names[2], "--kubernetes-without", names[1], feeds=feeds) as hub:
            wait_for(lambda: seen(hub) == {names[0]}, 60, 0.1, hub.said)
            cluster.create("v1", "pods", names[0], pod("two", "app:1"))
            wait_for(lambda: running(hub, "app:1", names[0]), 60, 0.1, hub.said)
            assert seen(hub) == {names[0]} and "not watched" in hub.said()
    finally:
        node.close()
        cluster.delete("v1", "nodes", None, node.name)


class Hub_(Hub):
    """A hub that watches the cluster."""

    def __init__(self, cluster, *args, folder=None, **how):  # noqa: F811
        super().__init__(folder or os.path.join(cluster.folder, "hub-%d" % time.monotonic_ns()),
                         args=["--kubernetes", cluster.kubeconfig(token=ADMIN), *args], **how)


# In no version that the images of these tests have.
write_record = functools.partial(small.write_record, fixed="9.0.0")


@pytest.fixture
def feeds(tmp_path):
    return small.write_bad(tmp_path / "feeds", BAD, fixed="9.0.0")


@pytest.fixture
def policy(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path / "policy.yaml"


@pytest.fixture(params=["hub", "cluster"])
def told(request, tmp_path, controlled, feeds, policy, receiver):  # noqa: F811
    """A hub that is told of the cluster: by its own watcher, or by the cluster's agent. It knows app:1, which is bad,
    and app:2."""
    how = {"feeds": feeds, "policy": policy, "sink": receiver.url}
    if request.param == "hub":
        with Hub_(controlled, folder=tmp_path / "hub", **how) as hub:
            yield hub, know(hub)
        return
    with Hub(tmp_path / "hub", **how) as hub:
        token = hub.make_token("agent", "agent", cluster="blue").token
        with ClusterAgent(tmp_path / "agent", hub, "--kubernetes", controlled.kubeconfig(token=ADMIN), token=token,
                          eager=False):
            yield hub, know(hub)


class ClusterAgent(Agent):
    def command(self):
        return [kit.program("rummage"), "cluster", "--hub", self.url, *self.who, "--state-dir", self.state,
                "--cluster", self.cluster, *self.args]


def know(hub):
    images = Small("app:1", BAD, "2026-01-01T00:00:00Z").put(hub), Small("app:2", GOOD, "2026-02-01T00:00:00Z").put(hub)
    wait_for(lambda: hub.get("/api/v1/images/" + images[0].config)["counts"]["critical"] == 2, 30, 0.05)
    return {i.name: i.manifest for i in images}


def running(hub, ref, ns):
    return [u for u in hub.who_runs(ref, running="true") if u["namespace"] == ns]


def test_dormant(told, controlled, feeds, receiver):  # noqa: F811
    """R14 R35 R38: a CronJob between two runs and a Deployment of nothing are dormant, judged while they sleep"""
    hub, digests = told
    ns = controlled.namespace()
    where = "app:2@" + digests["app:2"]
    controlled.create("batch/v1", "cronjobs", ns, cronjob("tax", where, suspend=True))
    controlled.create("apps/v1", "deployments", ns, made_of("idle", where, 0))

    def asleep():
        return {w["workload"] for w in hub.items("/api/v1/dormant") if w["namespace"] == ns}

    wait_for(lambda: asleep() == {"CronJob/tax", "Deployment/idle"}, 60, 0.1, hub.said)
    write_record(feeds, "CVE-2026-7100", "new-core")
    uses = wait_for(lambda: [u for u in hub.who_runs("CVE-2026-7100") if u["namespace"] == ns], 60, 0.1, hub.said)
    assert {u["workload"] for u in uses} == {"CronJob/tax", "Deployment/idle"}
    assert receiver.wait(60, advisory="CVE-2026-7100").items[0]["uses"][0]["dormant"] is True
    controlled.delete("batch/v1", "cronjobs", ns, "tax")
    wait_for(lambda: asleep() == {"Deployment/idle"}, 60, 0.1, hub.said)


KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rollout_undone(told, controlled, receiver, kind):  # noqa: F811
    """R33 R38: a rollout, and back: told as a rollback of the workload, with before and after"""
    hub, digests = told
    ns = controlled.namespace()
    node = controlled.node(ns + "-node", digests)
    controlled.create("apps/v1", KINDS[kind], ns, made_of(
        "web", "app:1", None if kind == "DaemonSet" else 1,
        **({"serviceName": "web"} if kind == "StatefulSet" else {})))
    try:
        for ref in ("app:2", "app:1"):
            other = "app:1" if ref == "app:2" else "app:2"
            wait_for(lambda: running(hub, other, ns), 90, 0.1, hub.said)
            controlled.patch("apps/v1", KINDS[kind], ns, "web", {"spec": {"template": template(ref)}})
            wait_for(lambda: running(hub, ref, ns) and not running(hub, other, ns), 90, 0.1, hub.said)
        assert {u["workload"] for u in running(hub, "app:1", ns)} == {kind + "/web"}
        item = receiver.wait(60, rule="rollback").item("rollback")
        assert "0 critical" in item["before"] and "2 critical" in item["after"], item
        steps = hub.items("/api/v1/timeline", workload="%s/%s/web" % (ns, kind))
        assert [s["what"] for s in steps].count("rolled-back") == 1, steps
    finally:
        controlled.delete("apps/v1", KINDS[kind], ns, "web")
        wait_for(lambda: not controlled.get("v1", "pods", ns)["items"], 60, 0.1)
        node.close()
        controlled.delete("v1", "nodes", None, node.name)
    assert node.failed is None
