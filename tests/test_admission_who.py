# SPDX-License-Identifier: Apache-2.0
"""Whose word counts at admission: registries are asked with the pod's own secrets, and who enters is known by name."""

import base64
import json
import pathlib
import subprocess

import pytest

from admissionkit import CRITICAL, Asked, Behind, answered, apply, audit, bare, space
from hubkit import Source, wait_for, with_hub  # noqa: F401
from kube import ADMIN, Front, cluster, program, sha  # noqa: F401
from registries import PASSWORD, USER

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]


@pytest.fixture(scope="module")
def private(cluster, tmp_path_factory):  # noqa: F811
    """A hub that may read secrets, and a registry that wants a password of everybody."""
    made = Behind(cluster, tmp_path_factory.mktemp("private"), mode="basic", args=["--admission-pull-secrets"])
    yield made
    made.close()


def secret(private, namespace, name, password=PASSWORD, old=False):
    told = {private.registry.host: {"auth": base64.b64encode(("%s:%s" % (USER, password)).encode()).decode()}}
    kind, key = ("dockercfg", ".dockercfg") if old else ("dockerconfigjson", ".dockerconfigjson")
    private.cluster.create("v1", "secrets", namespace, {
        "metadata": {"name": name}, "type": "kubernetes.io/" + kind,
        "data": {key: base64.b64encode(json.dumps(told if old else {"auths": told}).encode()).decode()}})


def with_secret(ref, *names, account=None):
    made = bare("p", ref)
    if names:
        made["spec"]["imagePullSecrets"] = [{"name": n} for n in names]
    if account:
        made["spec"]["serviceAccountName"] = account
    return made


def test_R24_images_are_read_with_the_pods_own_secrets(private):
    """R24: a registry is asked with the pod's own secrets, and with nobody else's"""
    none, own, wrong, account = (space(private.cluster, "open") for _ in range(4))
    secret(private, own, "pull")
    secret(private, wrong, "pull", password="not-it")
    secret(private, account, "older", old=True)
    private.cluster.create("v1", "serviceaccounts", account, {
        "metadata": {"name": "builder"}, "imagePullSecrets": [{"name": "older"}]})

    def pinned(namespace, what):
        return private.review("Pod", what, namespace=namespace, path="/mutate", timeout=30)

    said = answered(private, none, with_secret(private.refs["bad"]))[1]
    assert "nobody has read" in said, said
    assert "keeps its tag" in pinned(none, with_secret(private.refs["clean"]))["warnings"][0]
    code, said = apply(private, own, with_secret(private.refs["bad"], "pull"))
    assert code != 0 and CRITICAL in said, said
    # What one may see says nothing of what others may, also where it was asked a moment ago.
    assert "patch" in pinned(own, with_secret(private.refs["clean"], "pull"))
    for namespace, names in ((none, ()), (wrong, ("pull",))):
        answer = pinned(namespace, with_secret(private.refs["clean"], *names))
        assert "patch" not in answer and "keeps its tag" in answer["warnings"][0], answer
    assert "patch" in pinned(account, with_secret(private.refs["meh"], account="builder"))
    assert "patch" not in pinned(account, with_secret(private.refs["meh"], account="default"))
    kept = [path for path in pathlib.Path(private.hub.folder).rglob("*") if path.is_file()
            and base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()) in path.read_bytes()]
    assert not kept


def entries(private, namespace, name):
    return [s for s in private.hub.items("/api/v1/timeline", workload="Pod/" + name, namespace=namespace)
            if s["what"] == "entered"]


def test_R25_who_enters_is_one_entry(private):
    """R25: kubectl exec: user, groups and command in the timeline, one entry with what the machine saw"""
    ns = space(private.cluster, "open")
    node = private.cluster.node(ns + "-node")
    made = private.cluster.create("v1", "pods", ns, with_secret("app:1"))
    ident = sha(made["metadata"]["uid"] + "c0")
    wait_for(lambda: [u for u in private.hub.items("/api/v1/workloads", namespace=ns) if u["state"] == "running"],
             60, 0.1, private.hub.said)
    assert answered(private, ns, bare("other", private.refs["clean"]))[0] == 0
    # There is no kubelet: it fails once it was let in.
    subprocess.run([program("kubectl"), "--kubeconfig", private.config, "-n", ns, "exec", "p", "--", "sh", "-c", "id"],
                   capture_output=True, check=False, timeout=60)
    step = wait_for(lambda: entries(private, ns, "p"), 30, 0.1, private.hub.said)[0]
    assert step["who"] == "admin" and "sh -c id" in step["text"] and "system:masters" in step["text"], step
    agent = Source(private.hub, ns + "-node")
    agent.send(agent.event("container.changed", container=ident, change={
        "kind": "entered", "path": "sh -c id (terminal 0123)", "text": "uid 0 on the machine", "who": "uid 1000"}))
    step = wait_for(lambda: [s for s in entries(private, ns, "p") if "uid 0 on the machine" in s["text"]], 30, 0.1,
                    private.hub.said)[0]
    assert step["who"] == "admin" and "system:masters" in step["text"] and len(entries(private, ns, "p")) == 1
    # Whoever comes first, it is one.
    agent.send(agent.event("container.changed", container=ident, change={
        "kind": "entered", "path": "ls /", "text": "uid 0 on the machine"}))
    subprocess.run([program("kubectl"), "--kubeconfig", private.config, "-n", ns, "exec", "p", "--", "ls", "/"],
                   capture_output=True, check=False, timeout=60)
    wait_for(lambda: [s for s in entries(private, ns, "p") if s["who"] == "admin" and "ls /" in s["text"]], 30, 0.1,
             private.hub.said)
    assert len(entries(private, ns, "p")) == 2
    node.close()


def test_a_cluster_that_gives_no_answer_holds_no_review_up(cluster, tmp_path):  # noqa: F811
    """The review is answered before its own time is over, who enters too; and nothing is kept of what was cut off"""
    with Front(cluster) as front:
        slow = Asked(tmp_path / "slow", mode="basic", args=[
            "--kubernetes", "c1=" + cluster.kubeconfig(server=front.url, token=ADMIN), "--admission-pull-secrets"])
        slow.cluster = cluster
        try:
            ns = cluster.namespace()
            secret(slow, ns, "pull")
            front.holds = "/namespaces/%s/" % ns
            answer = slow.review("Pod", with_secret(slow.refs["bad"], "pull"), namespace=ns, timeout=3)
            assert answer["allowed"] and "nobody has read" in answer["warnings"][0], answer
            assert slow.review("PodExecOptions", {"kind": "PodExecOptions", "container": "c0", "command": ["id"]}, name="p",
                               namespace=ns, operation="CONNECT", resource="pods", sub="exec", timeout=3)["allowed"]
            assert [p for p in front.asked if "/secrets/pull" in p] and [p for p in front.asked if p.endswith("/pods/p")]
            assert [r for r in audit(slow.hub, "admission.enter") if ns in r["subject"]]
            front.holds = None
            answer = slow.review("Pod", with_secret(slow.refs["bad"], "pull"), namespace=ns, timeout=30)
            assert not answer["allowed"] and CRITICAL in answer["status"]["message"], answer
        finally:
            slow.close()
