# SPDX-License-Identifier: Apache-2.0
"""What people do to a real cluster by kubectl, as admission hears of it: what goes back is told when it is asked for."""

import subprocess

import pytest

from admissionkit import CRITICAL, Behind, answered, image, space, whole
from hubkit import sink, wait_for, with_hub  # noqa: F401
from kube import controlled, program  # noqa: F401

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

POLICY = """group: 0s
max-per-minute: 10000
rules:
  - {name: rollback, when: rollback}
  - {name: tag-moved, when: tag-moved}
  - {name: worst, severity: critical}
"""
KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


class Story(Behind):
    """A cluster with controllers whose admission is a hub, and a node on which its images run."""

    def __init__(self, cluster, folder, sink):  # noqa: F811
        super().__init__(cluster, folder, policy=POLICY, sink=sink)
        # One repository: what it means changes with the tag.
        for name, package in (("old", "old-core"), ("new", "left-pad")):
            self.refs[name], self.digests[name] = self.registry.push("shop/web", name, image(package))
        self.node = cluster.node("story", {self.refs[n]: self.digests[n] for n in ("old", "new")})

    def kubectl(self, namespace, *args, may_fail=False):
        done = subprocess.run([program("kubectl"), "--kubeconfig", self.config, "-n", namespace, *args],
                              capture_output=True, text=True, check=False, timeout=60)
        assert may_fail or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def uses(self, namespace, digest):
        return [u for u in self.hub.who_runs(digest, running="true") if u["namespace"] == namespace]

    def runs(self, namespace, digest, other):
        """The one, and nothing of the other any more."""
        return self.uses(namespace, digest) and not self.uses(namespace, other)

    def timeline(self, namespace, name):
        return self.hub.items("/api/v1/timeline", workload=name, namespace=namespace)

    def roll(self, namespace, kind):
        """From the old one to the new one, each alone."""
        old, new = self.digests["old"], self.digests["new"]
        wait_for(lambda: self.runs(namespace, old, new), 60, 0.1, self.hub.said)
        self.kubectl(namespace, "set", "image", "%s/web" % kind, "c0=" + self.refs["new"])
        wait_for(lambda: self.runs(namespace, new, old), 60, 0.1, self.hub.said)

    def rolled_back(self, namespace):
        wait_for(lambda: self.runs(namespace, self.digests["old"], self.digests["new"]), 60, 0.1, self.hub.said)


@pytest.fixture(scope="module")
def story(controlled, tmp_path_factory, sink):  # noqa: F811
    made = Story(controlled, tmp_path_factory.mktemp("story"), sink.url)
    yield made
    made.close()


def of_kind(kind, ref):
    made = whole("web", ref)
    made["kind"] = kind
    if kind != "Deployment":
        made["spec"].pop("replicas" if kind == "DaemonSet" else "", None)
    if kind == "StatefulSet":
        made["spec"]["serviceName"] = "web"
    made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    return made


def rollbacks(sink, namespace):
    return [i for m in sink.messages(rule="rollback") for i in m.items
            if i["rule"] == "rollback" and "/%s/" % namespace in i["key"] and m.kind in ("fired", "reopened")]


def told(story, sink, namespace):
    return wait_for(lambda: rollbacks(sink, namespace), 20, 0.02, story.hub.said)[0]


@pytest.mark.parametrize("kind", list(KINDS))
def test_R33_a_rollout_is_undone(story, sink, kind):
    """R33 R38: kubectl rollout undo is told when it is asked for, before a pod of it exists, and once"""
    ns = space(story.cluster, "open")
    code, said = answered(story, ns, of_kind(kind, story.refs["old"]))
    assert code == 0, said
    story.roll(ns, kind)
    story.cluster.stop_one("kube-controller-manager")  # nobody makes pods
    try:
        before = {p["metadata"]["uid"] for p in story.cluster.get("v1", "pods", ns)["items"]}
        story.kubectl(ns, "rollout", "undo", "%s/web" % kind)
        item = told(story, sink, ns)
        assert before == {p["metadata"]["uid"] for p in story.cluster.get("v1", "pods", ns)["items"]}
        assert item["before"] == "0 critical" and item["after"] == "1 critical"
        assert story.refs["old"] in item["title"] and story.refs["new"] in item["title"]
        assert "admin asked for it" in item["text"] and "ran here before" in item["text"]
    finally:
        story.cluster.start_controllers()
    story.rolled_back(ns)
    steps = [s["what"] for s in story.timeline(ns, kind + "/web")]
    assert steps.count("rolled-back") == 1 and len(rollbacks(sink, ns)) == 1, steps
    assert "withdrawn" not in steps


def test_R33_an_image_is_edited_by_hand(story, sink):
    """R33: an image that is set back by hand is told when it is asked for; what is refused is not"""
    ns = space(story.cluster, "open")
    assert answered(story, ns, of_kind("Deployment", story.refs["old"]))[0] == 0
    story.roll(ns, "Deployment")
    story.kubectl(ns, "set", "image", "deployment/web", "c0=" + story.refs["old"], "--dry-run=server")
    story.cluster.stop_one("kube-controller-manager")
    try:
        story.kubectl(ns, "set", "image", "deployment/web", "c0=" + story.refs["old"])
        assert told(story, sink, ns)["after"] == "1 critical"
    finally:
        story.cluster.start_controllers()
    story.rolled_back(ns)
    assert len(rollbacks(sink, ns)) == 1


def test_R33_a_tag_is_moved_back(story, sink):
    """R33 R36: a tag that means an older image again is told when its pods are to be made anew"""
    ns = space(story.cluster, "open")
    ref, old = story.registry.push("shop/moved", "1", image("old-core"))
    story.node.digests[ref] = old
    assert answered(story, ns, of_kind("Deployment", ref))[0] == 0
    wait_for(lambda: story.uses(ns, old), 60, 0.1, story.hub.said)
    _, new = story.registry.push("shop/moved", "1", image("left-pad-2"))
    story.node.digests[ref] = new
    story.kubectl(ns, "rollout", "restart", "deployment/web")
    wait_for(lambda: story.runs(ns, new, old), 60, 0.1, story.hub.said)
    story.registry.push("shop/moved", "1", image("old-core"))
    story.node.digests[ref] = old
    story.cluster.stop_one("kube-controller-manager")
    try:
        def restarted():  # what a tag means is believed for some seconds
            story.kubectl(ns, "rollout", "restart", "deployment/web", may_fail=True)
            return rollbacks(sink, ns)

        assert wait_for(restarted, 60, 2.5, story.hub.said)[0]["after"] == "1 critical"
        sink.wait(20, rule="tag-moved")
    finally:
        story.cluster.start_controllers()
    wait_for(lambda: story.runs(ns, old, new), 60, 0.1, story.hub.said)
    assert len(rollbacks(sink, ns)) == 1
    assert any(u["namespace"] == ns for a in story.hub.alerts(advisory=CRITICAL)
               for u in story.hub.get("/api/v1/alerts/%d" % a["id"])["uses"])
