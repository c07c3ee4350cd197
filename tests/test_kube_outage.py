# SPDX-License-Identifier: Apache-2.0
"""What becomes of a watch when the cluster's API servers fail it: cut off and compacted, started anew, too busy by
their own measure, dead beside another one; a token that is worth nothing any more. With real servers."""

import contextlib
import http.client
import os
import sqlite3
import threading
import time

import pytest

import kube
import small
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from kube import ADMIN, Cluster, Front, cluster, pod, sha  # noqa: F401
from watching import Watching

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

CUT_S = 60 if os.environ.get("RUMMAGE_SLOW") else 5
KINDS = 10
EARLY_S = 0.3  # what a request may lie unread
FLOW = "flowcontrol.apiserver.k8s.io/v1"


def container_of(made):
    return sha(made["metadata"]["uid"] + "main")


def told_all(told):
    """All kinds are told whole at first, each by itself."""
    wait_for(lambda: len(told.find("snapshot.ended")) >= KINDS, 90, 0.05,
             lambda: "not all were listed: %r %r" % (told.events, told.said))


def run(cluster, ns, name):  # noqa: F811
    made = cluster.create("v1", "pods", ns, pod(name, "app:1"))
    wait_for(lambda: cluster.get("v1", "pods", ns, name)["status"].get("containerStatuses"), 60, 0.1)
    return made


def stands(told, made):
    """What the watcher holds for running of these, by its last word on each."""
    mine, last = {container_of(m) for m in made}, {}
    for e in list(told.events):
        if e["type"] in ("use.began", "use.ended") and e["container"] in mine:
            last[e["container"]] = e["type"]
    return {c for c, kind in last.items() if kind == "use.began"}


@pytest.fixture(scope="module")
def uncached(tmp_path_factory):
    """A server that remembers nothing by itself: what etcd has compacted is gone at once."""
    made = Cluster(tmp_path_factory.mktemp("kube"))
    made.server_args = ["--watch-cache=false"]
    with kube.running(made) as it:
        yield it


def rows(hub):
    """Of each container its uses, as the store has them: begin and end."""
    found = {}
    with contextlib.closing(sqlite3.connect("file:%s/hub.db?mode=ro" % hub.state, uri=True, timeout=30)) as db:
        for container, began, ended in db.execute("SELECT container, began_ms, ended_ms FROM use"):
            found.setdefault(container, []).append((began, ended))
    return found


def running(hub, made):
    mine = {container_of(m) for m in made}
    return {c for c, uses in rows(hub).items() if c in mine and any(ended == 0 for _, ended in uses)}


def lists(front):
    """How often all pods were asked for: by a list, or by a watch that begins with one."""
    return sum("/pods?" in p and "resourceVersion=" not in p and "continue=" not in p for p in front.asked)


def test_forgotten_without_a_restart(uncached, tmp_path):
    """R14 R8: cut off, and what was before is compacted away meanwhile: the hub loses no pod, and what was deleted has
    ended, with a time"""
    ns = uncached.namespace()
    node = uncached.node(ns + "-node")
    small.write_feeds(str(tmp_path / "feeds"))
    with Front(uncached) as front, Hub(tmp_path / "hub", feeds=tmp_path / "feeds", args=[
            "--kubernetes", uncached.kubeconfig(server=front.url, token=ADMIN)]) as hub:
        made = [run(uncached, ns, "before-%d" % i) for i in range(4)]
        wait_for(lambda: len(running(hub, made)) == 4, 90, 0.1, hub.said)
        listed = lists(front)
        cut_ms = 1000 * time.time()

        def meanwhile():
            since = time.monotonic()
            for i in range(2):
                uncached.delete("v1", "pods", ns, "before-%d" % i)
            made.append(run(uncached, ns, "after"))
            uncached.compact()
            wait_for(lambda: time.monotonic() - since > CUT_S, CUT_S + 60, 0.1)

        front.close_for(meanwhile)
        left = {container_of(m) for m in made[2:]}
        wait_for(lambda: running(hub, made) == left, 120, 0.1, hub.said)
        assert listed == 1 and lists(front) > listed, front.asked
        found = rows(hub)
        assert all(len(found[container_of(m)]) == 1 for m in made), found
        for m in made[:2]:
            began, ended = found[container_of(m)][0]
            assert began <= cut_ms <= ended <= 1000 * time.time()
    node.close()


def test_lists_are_streamed(cluster):  # noqa: F811
    """R14: a server that streams lists is asked for no pages, and asked once"""
    with Front(cluster) as front, Watching("kubernetes", cluster.kubeconfig(server=front.url, token=ADMIN)) as told:
        told_all(told)
        assert not [p for p in front.asked if "limit=" in p], front.asked
        assert lists(front) == 1


def test_restarted_and_another_token(cluster, tmp_path):  # noqa: F811
    """R14: the server is started anew, and the token is worth nothing any more: the new one in its file is taken, no pod
    is lost, and none is told to have ended that runs"""
    ns = cluster.namespace()
    node = cluster.node(ns + "-node")
    cluster.account(ns, "watcher")
    token = tmp_path / "token"
    token.write_text(cluster.token(ns, "watcher", "one"))
    made = [run(cluster, ns, "stays"), run(cluster, ns, "goes")]
    with Front(cluster, as_caller=True) as front, \
            Watching("kubernetes", cluster.kubeconfig(server=front.url, token_file=token)) as told:
        told_all(told)
        wait_for(lambda: len(stands(told, made)) == 2, 60, 0.1, lambda: repr(told.said))
        second = cluster.token(ns, "watcher", "two")
        cluster.delete("v1", "secrets", ns, "one")
        cluster.restart_server()
        wait_for(lambda: any(status == 401 for _, _, status in front.answered), 90, 0.1, lambda: repr(front.answered))
        cluster.delete("v1", "pods", ns, "goes")
        made.append(run(cluster, ns, "comes"))
        mark = told.mark()
        (tmp_path / "new").write_text(second)
        os.replace(tmp_path / "new", token)
        told.wait("use.began", since=mark, seconds=120, container=container_of(made[2]))
        left = {container_of(made[0]), container_of(made[2])}
        snapshot = told.find("snapshot.began", mark, source="here/kubernetes/pods")
        wait_for(lambda: stands(told, made) == left or snapshot, 60, 0.1, lambda: repr(told.events[mark:]))
        assert not told.find("use.ended", container=container_of(made[0]))
        assert snapshot or told.find("use.ended", container=container_of(made[1]))
    assert node.failed is None
    node.close()


def narrow(cluster, name, user):  # noqa: F811
    """A level of priority for this user alone, which lets in one request at a time; no other waits."""
    cluster.create(FLOW, "prioritylevelconfigurations", None, {"metadata": {"name": name}, "spec": {
        "type": "Limited", "limited": {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0,
                                       "limitResponse": {"type": "Reject"}}}})
    rule = {"subjects": [{"kind": "User", "user": {"name": user}}], "resourceRules": [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}]}
    cluster.create(FLOW, "flowschemas", None, {"metadata": {"name": name}, "spec": {
        "priorityLevelConfiguration": {"name": name}, "matchingPrecedence": 100, "rules": [rule]}})


@contextlib.contextmanager
def crowd(cluster, token):  # noqa: F811
    """Others of the same user who ask without a pause."""
    over = threading.Event()

    def ask():
        far = http.client.HTTPSConnection("127.0.0.1", cluster.port, context=cluster.tls)
        while not over.is_set():
            far.request("GET", "/api/v1/pods", headers={"Authorization": "Bearer " + token})
            far.getresponse().read()
        far.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    yield
    over.set()
    for t in threads:
        t.join(30)


def refused(front):
    """Of each kind that was refused by 429, how long it was until it was asked for again. An answer that is cut off
    before it is whole is none, and may be asked for at once."""
    gaps, last = [], {}
    for at, path, status in sorted(front.answered):
        kind = path.split("?")[0]
        was = last.pop(kind, None)
        if was and (at - was > 1 or not any(was - EARLY_S <= cut <= at for cut in front.cuts)):
            gaps.append(at - was)
        if status == 429:
            last[kind] = at
    return gaps


def test_storm_of_429(cluster, tmp_path):  # noqa: F811
    """R14: a server that by its own measure is too busy for the watcher is asked again no sooner than it says, and
    nothing of what came and went meanwhile is lost"""
    ns, name = cluster.namespace(), "narrow"
    node = cluster.node(ns + "-node")
    cluster.account(ns, "watcher")
    token = tmp_path / "token"
    token.write_text(cluster.token(ns, "watcher", "one"))
    made = [run(cluster, ns, "stays"), run(cluster, ns, "goes")]
    with Front(cluster, as_caller=True) as front:
        with Watching("kubernetes", cluster.kubeconfig(server=front.url, token_file=token)) as told:
            told_all(told)
            wait_for(lambda: len(stands(told, made)) == 2, 60, 0.1, lambda: repr(told.said))
            mark = told.mark()
            narrow(cluster, name, "system:serviceaccount:%s:watcher" % ns)
            with crowd(cluster, token.read_text()):
                since = time.monotonic()

                def enough():
                    front.cut()  # a watch that goes on is not asked about
                    return len(refused(front)) >= 20 and time.monotonic() - since > CUT_S

                wait_for(enough, CUT_S + 120, 3, lambda: repr(front.answered))
                cluster.delete("v1", "pods", ns, "goes")
                made.append(run(cluster, ns, "comes"))
            told.wait("use.began", since=mark, seconds=120, container=container_of(made[2]))
            told.wait("use.ended", since=mark, seconds=120, container=container_of(made[1]))
            assert min(refused(front)) > 0.95, refused(front)
            assert not told.find("snapshot.began", mark, source="here/kubernetes/pods")  # it went on where it was
            assert not told.find("use.ended", container=container_of(made[0]))
    cluster.delete(FLOW, "flowschemas", None, name)
    node.close()


def test_owners_that_may_not_be_read(cluster, tmp_path):  # noqa: F811
    """R14: where ReplicaSets may not be read, pods are told as theirs, and not each asks for its own"""
    ns = cluster.namespace()
    cluster.create("rbac.authorization.k8s.io/v1", "clusterroles", None, {"metadata": {"name": "narrow"}, "rules": [
        {"apiGroups": ["*"], "resources": ["pods", "deployments", "nodes"], "verbs": ["get", "list", "watch"]}]})
    cluster.account(ns, "watcher", "narrow")
    token = tmp_path / "token"
    token.write_text(cluster.token(ns, "watcher", "one"))
    cluster.fill(400, 10, prefix="fill-narrow")
    with Front(cluster, as_caller=True) as front, \
            Watching("kubernetes", cluster.kubeconfig(server=front.url, token_file=token)) as told:
        last = told.wait("use.began", seconds=90, container=sha("fill-narrow-399"))
        assert last["workload"] == {"kind": "ReplicaSet", "name": "fill-narrow-set-19"}
        assert len([p for p in front.asked if "/replicasets/" in p]) <= 2, front.asked


def test_first_of_two_dies(cluster):  # noqa: F811
    """R14: of two servers the one that is watched dies: the other one is, and the first again when that dies"""
    ns = cluster.namespace()
    node = cluster.node(ns + "-node")
    with cluster.another_server() as other:
        where = cluster.kubeconfig(token=ADMIN) + ",https://127.0.0.1:%d" % other.port
        with Watching("kubernetes", where) as told:
            told_all(told)
            made = [run(other, ns, "first")]
            told.wait("use.began", seconds=60, container=container_of(made[0]))
            cluster.kill_server()
            made.append(other.create("v1", "pods", ns, pod("second", "app:1")))
            cluster.start_server()  # whose node goes on
            told.wait("use.began", seconds=90, container=container_of(made[1]))
            other.kill_server()
            made.append(run(cluster, ns, "third"))
            cluster.delete("v1", "pods", ns, "first")
            mark = told.mark()
            told.wait("use.began", seconds=90, container=container_of(made[2]))
            snapshot = told.find("snapshot.began", source="here/kubernetes/pods")
            wait_for(lambda: stands(told, made) == {container_of(m) for m in made[1:]} or len(snapshot) > 1, 90, 0.1,
                     lambda: repr((told.events[mark:], told.said)))
            assert not [m for m in made[1:] if told.find("use.ended", container=container_of(m))]
    node.close()
