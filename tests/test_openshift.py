# SPDX-License-Identifier: Apache-2.0
"""OpenShift: its kinds, as custom resources of a real API server, are known to a hub beside Kubernetes' own."""

import json
import signal

import pytest

from admissionkit import Asked
from admissionkit import pod as pod_of
from hubkit import Source, receiver, wait_for, with_hub  # noqa: F401
from kube import ADMIN, Front, cluster, controlled, pod, sha  # noqa: F401
from openshift import BUILDS, IMAGES, REGISTRY, Config, Stream, delete_image, install, put_build, put_image, vulnerability
from synth import Small
from test_kube import BAD, Hub_, feeds, running, told, write_record  # noqa: F401
from test_writeback import LINK, shop  # noqa: F401
from watching import Watching

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]


POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: finding
    severity: low
  - name: rollback
    when: rollback
  - name: tag-moved
    when: tag-moved
  - name: tag-vanished
    when: tag-vanished
"""


@pytest.fixture
def policy(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path / "policy.yaml"


@pytest.fixture(autouse=True)
def installed(request):
    """Before anybody looks: what is not there is looked for again after minutes alone."""
    if {"controlled", "shop"} & set(request.fixturenames):
        install(request.getfixturevalue("controlled"))


@pytest.fixture
def place(controlled):  # noqa: F811
    """A namespace of its own, which is empty in the end; pods are given nodes by the test."""
    namespace = controlled.namespace()
    yield namespace
    for one in controlled.get("v1", "pods", namespace)["items"]:
        controlled.delete("v1", "pods", namespace, one["metadata"]["name"])


@pytest.fixture
def node(controlled, place, told):  # noqa: F811
    made = controlled.node(place + "-node", told[1])
    yield made
    made.close()
    controlled.delete("v1", "nodes", None, made.name)
    assert made.failed is None


def test_a_cluster_without_it(cluster):  # noqa: F811
    """R14: where the kinds are not there nothing is said of them, and they are not asked for again and again"""
    with Front(cluster) as front, Watching("kubernetes", cluster.kubeconfig(server=front.url, token=ADMIN)) as told_:
        for kind in ("pods", "nodes", "cronjobs"):
            told_.wait("snapshot.ended", source="here/kubernetes/" + kind)
        ns = cluster.namespace()
        cluster.create("v1", "pods", ns, pod("one", "app:1"))
        wait_for(lambda: any("imagestreams" in p for p in front.asked), 30, 0.1)
        assert not [e for e in told_.events if "openshift" in str(e) or "imagestreams" in e["source"]]
        assert not any("openshift" in line for line in told_.said), told_.said
        assert sum("deploymentconfigs" in p for p in front.asked) <= 2


def test_a_deployment_config_rolled_back(told, controlled, receiver, place, node):  # noqa: F811
    """R14 R33 R38: a DeploymentConfig rolled out, and back to the version before: its pods are its own, and it is told
    as a rollback with before and after"""
    hub, _ = told
    web = Config(controlled, place, "web", "app:1")
    for ref, other in (("app:2", "app:1"), ("app:1", "app:2")):
        wait_for(lambda o=other: running(hub, o, place), 90, 0.1, hub.said)
        web.roll(ref)
        wait_for(lambda r=ref, o=other: running(hub, r, place) and not running(hub, o, place), 90, 0.1, hub.said)
    assert {u["workload"] for u in running(hub, "app:1", place)} == {"DeploymentConfig/web"}
    item = receiver.wait(60, rule="rollback").item("rollback")
    assert "0 critical" in item["before"] and "2 critical" in item["after"], item
    steps = hub.items("/api/v1/timeline", workload="%s/DeploymentConfig/web" % place)
    assert [s["what"] for s in steps].count("rolled-back") == 1, steps
    web.delete()


def test_a_stream_s_tag_moved(told, controlled, receiver, place, node):  # noqa: F811
    """R14 R24: an image stream's tag is moved while the digest that it meant runs: told with both; what it meant before
    anybody looked is known as well"""
    hub, digests = told
    stream = Stream(controlled, place, "web")
    ref = stream.repository + ":latest"
    stream.push("latest", "sha256:" + "0" * 64, 7200, write=False)
    stream.push("latest", digests["app:2"], 3600)
    node.digests[ref] = digests["app:2"]
    controlled.create("v1", "pods", place, pod("web", ref))

    def meanings(of):
        return [i["digest"] for i in hub.get("/api/v1/tags", ref=of)["items"]]

    for name in (ref, stream.outside + ":latest"):
        wait_for(lambda n=name: meanings(n) == [digests["app:2"], "sha256:" + "0" * 64], 60, 0.1, hub.said)
    wait_for(lambda: running(hub, ref, place), 60, 0.1, hub.said)
    assert not [a for a in hub.alerts(rule="tag-moved", state="firing") if a["title"].startswith(ref)]
    stream.push("latest", digests["app:1"])
    item = receiver.wait(60, rule="tag-moved").item("tag-moved")
    assert item["title"].startswith(ref + " ") and digests["app:2"][:19] in item["text"], item
    assert digests["app:1"][:19] in item["text"]
    first = hub.get("/api/v1/tags", ref=ref)["items"]
    assert [i["digest"] for i in first] == [digests["app:1"], digests["app:2"], "sha256:" + "0" * 64]
    assert first[0]["source"].endswith("/tags") and first[2]["last"] == first[1]["first"]


def test_a_stream_s_tag_goes(told, controlled, receiver, place, node):  # noqa: F811
    """R14 R24: an image stream has the tag of what runs no more: an alert until it is there again; also where it went
    while nobody watched the cluster"""
    hub, digests = told
    stream = Stream(controlled, place, "web")
    ref = stream.repository + ":1"
    stream.push("2", digests["app:1"], 3600, write=False)
    stream.push("1", digests["app:2"], 3600)
    node.digests[ref] = digests["app:2"]
    controlled.create("v1", "pods", place, pod("web", ref))

    def gone():
        return [a["title"] for a in hub.alerts(rule="tag-vanished", state="firing")]

    wait_for(lambda: running(hub, ref, place) and hub.get("/api/v1/tags", ref=ref)["items"], 60, 0.1, hub.said)
    assert not gone()
    stream.drop("1")
    item = receiver.wait(60, rule="tag-vanished").item("tag-vanished")
    assert item["title"].startswith(ref + " "), item
    assert gone() == [item["title"]], "the tag that is there is not said to have gone, nor what nobody uses"
    stream.push("1", digests["app:2"])
    wait_for(lambda: not gone(), 60, 0.1, lambda: repr(gone()))


def test_a_stream_s_tag_went_unseen(controlled, place, tmp_path, feeds, policy):  # noqa: F811
    """R14 R24: an image stream's tag that went while the hub was away has vanished when it comes back"""
    image, stream = Small("app:1", BAD), Stream(controlled, place, "web")
    node = controlled.node(place + "-node", {stream.repository + ":1": image.manifest})
    stream.push("1", image.manifest, 3600, write=False)
    stream.push("2", image.manifest, 3600)
    controlled.create("v1", "pods", place, pod("web", stream.repository + ":1"))
    hub = Hub_(controlled, "--kubernetes-namespace", place, folder=tmp_path / "hub", feeds=feeds, policy=policy)

    def known(tag):
        return hub.get("/api/v1/tags", ref="%s:%s" % (stream.repository, tag))["items"]

    try:
        with hub:
            wait_for(lambda: known("1") and running(hub, stream.repository + ":1", place), 60, 0.1, hub.said)
            hub.stop()
            stream.drop("1")
            hub.start()
            wait_for(lambda: hub.alerts(rule="tag-vanished", state="firing"), 60, 0.1, hub.said)
            titles = [a["title"] for a in hub.alerts(rule="tag-vanished", state="firing")]
            assert len(titles) == 1 and titles[0].startswith(stream.repository + ":1 "), titles
    finally:
        node.close()
        controlled.delete("v1", "nodes", None, node.name)
    assert node.failed is None


def test_what_is_said_of_images(told, controlled, place):  # noqa: F811
    """R14 R24: what lies in the cluster's own registry is known where nobody runs it, under each of its digests; what is
    annotated of an image, and which build made it, is said of it as long as it is so"""
    hub, digests = told
    alone, config = "sha256:" + sha("manifest " + place), "sha256:" + sha("config " + place)
    ref = "%s/%s/web" % (REGISTRY, place)

    def image(digest):
        return hub.get("/api/v1/images/" + digest)

    def said(digest):
        return {s["name"]: s["value"] for s in image(digest)["said"]}

    put_image(controlled, alone, config, ref + "@" + alone)
    lies = wait_for(lambda: [c for c in hub.items("/api/v1/cached") if c["ref"] == ref + "@" + alone], 60, 0.1, hub.said)
    assert lies[0]["node"] is None or lies[0]["node"] == ""
    assert image(config)["digest"] == image(alone)["digest"]
    put_image(controlled, digests["app:1"], image(digests["app:1"])["digest"], ref + "@" + digests["app:1"],
              dict(vulnerability("example", [("low", 3), ("critical", 10)]),
                   **{"images.openshift.io/deny-execution": "true"}))
    put_build(controlled, place, "web", 7, digests["app:1"], ref + ":latest")
    wait_for(lambda: {"deny", "vulnerability/example", "built.by"} <= set(said(digests["app:1"])), 60, 0.1, hub.said)
    now = said(digests["app:1"])
    assert json.loads(now["vulnerability/example"])["summary"][1] == {"label": "critical", "data": "10", "severityIndex": 1}
    assert [now["built." + k] for k in ("by", "in", "build", "source", "commit")] == [
        "web", place, "web-7", "https://git.example.com/web.git", "c0ffee"]
    put_image(controlled, digests["app:1"], image(digests["app:1"])["digest"], ref + "@" + digests["app:1"])
    wait_for(lambda: "deny" not in said(digests["app:1"]), 60, 0.1, hub.said)
    assert "built.by" in said(digests["app:1"]) and "vulnerability/example" not in said(digests["app:1"])
    delete_image(controlled, alone)
    wait_for(lambda: not [c for c in hub.items("/api/v1/cached") if c["ref"] == ref + "@" + alone], 60, 0.1, hub.said)
    delete_image(controlled, digests["app:1"])
    controlled.delete(BUILDS + "/v1", "builds", place, "web-7")


OURS = "quality.images.openshift.io/vulnerability.rummage"
DENY, MARK = "images.openshift.io/deny-execution", "rummage/deny-execution"


class Written:
    """The Images of app:1, which is bad, and of app:2, of which somebody says that nobody is to run it."""

    def __init__(self, shop_):
        self.shop, self.digests = shop_, shop_.digests
        self.policy = shop_.folder / "policy.yaml"
        self.rules = self.policy.read_text()
        for image, said in zip(shop_.images, ({}, {DENY: "true"})):
            put_image(shop_.cluster, image.manifest, image.config, "%s/%s/%s@%s" % (
                REGISTRY, shop_.ns, image.name.partition(":")[0], image.manifest), said)

    def notes(self, name):
        return self.meta(name)["annotations"]

    def meta(self, name):
        return self.shop.cluster.get(IMAGES + "/v1", "images", None, self.digests[name])["metadata"]

    def versions(self):
        return [self.meta(name)["resourceVersion"] for name in sorted(self.digests)]

    def counts(self, name):
        said = json.loads(self.notes(name).get(OURS, "{}"))
        return {row["label"]: row["data"] for row in said.get("summary", ()) if row["data"] != "0"} if said else None

    def wait(self, name, counts, deny=None, mark=None):
        def right():
            notes = self.notes(name)
            return self.counts(name) == counts and (notes.get(DENY), notes.get(MARK)) == (deny, mark)
        wait_for(right, 90, 0.1, lambda: "%r\n%s" % (self.notes(name), self.shop.hub.said()))

    def rule(self, deny):
        self.policy.write_text(self.rules.replace("severity: low\n", "severity: low\n    admission: deny\n")
                               if deny else self.rules)
        self.shop.hub.child.send_signal(signal.SIGHUP)

    def close(self):
        for digest in self.digests.values():
            delete_image(self.shop.cluster, digest)


@pytest.fixture
def written(shop):  # noqa: F811
    made = Written(shop)
    yield made
    made.close()


def test_what_is_written_on_images(written, shop):  # noqa: F811
    """R14: an Image has what was found in it, and whether nobody is to run it, in the annotations that are OpenShift's for
    that; these change with an advisory and with the policy, and go; somebody's own word stays; nothing is written twice"""
    shop.start("images")
    written.wait("app:1", {"critical": "2"})
    written.wait("app:2", {}, "true")
    text = written.notes("app:1")[OURS]
    said = json.loads(text)
    assert set(said) == {"name", "timestamp", "description", "reference", "scannerVersion", "compliant", "summary"}
    assert len(text) < 1024 and said["compliant"] is True and len(said["summary"]) == 4
    assert said["reference"] == "%s/api/v1/images/%s" % (LINK, written.digests["app:1"])
    assert [(r["label"], r["severityIndex"]) for r in said["summary"]] == [
        ("critical", 3), ("important", 2), ("moderate", 1), ("low", 0)]
    assert written.notes("app:1")["openshift.io/image.managed"] == "true"
    versions = written.versions()
    shop.rounds()
    shop.start("images")
    shop.rounds()
    assert written.versions() == versions and shop.hub.metrics()["rummage_kubernetes_writes_total"] == 0
    write_record(shop.folder / "feeds", "CVE-2026-7101", "old-web")
    written.wait("app:1", {"critical": "3"})
    # The policy: what is ours comes and goes.
    written.rule(deny=True)
    written.wait("app:1", {"critical": "3"}, "true", "true")
    assert json.loads(written.notes("app:1")[OURS])["compliant"] is False
    write_record(shop.folder / "feeds", "CVE-2026-7100", "new-core")
    written.wait("app:2", {"critical": "1"}, "true")
    versions = written.versions()
    shop.rounds()
    assert written.versions() == versions
    # What the hub wrote is no news to it.
    assert [[s["name"] for s in shop.hub.get("/api/v1/images/" + i.config)["said"]] for i in shop.images] == [[], ["deny"]]
    written.rule(deny=False)
    written.wait("app:1", {"critical": "3"})
    written.wait("app:2", {"critical": "1"}, "true")
    written.rule(deny=True)
    written.wait("app:1", {"critical": "3"}, "true", "true")
    shop.start("none")
    written.wait("app:1", None)
    written.wait("app:2", None, "true")
    versions = written.versions()
    shop.rounds()
    assert written.versions() == versions


def test_what_the_cluster_denies_is_denied(tmp_path):
    """R14 R24: an image that its cluster says nobody is to run is denied at admission, which says why, whatever the rules
    say of it; break-glass lets it in"""
    it = Asked(tmp_path / "it")
    try:
        ref = it.refs["clean"]
        assert it.review("Pod", pod_of(ref), timeout=30)["allowed"]
        cluster_ = Source(it.hub, "", name="c1/kubernetes/images")
        for labels, allowed in (({"deny": "images.openshift.io/deny-execution"}, False), ({}, True)):
            cluster_.send(cluster_.event("image.said", image=Source.image(ref, [it.digests["clean"]]), labels=labels))
            answer = it.review("Pod", pod_of(ref), timeout=30)
            assert answer["allowed"] == allowed, answer
            if not allowed:
                assert "images.openshift.io/deny-execution" in answer["status"]["message"]
                answer = it.review("Pod", pod_of(ref, **{"rummage/break-glass": "now"}), timeout=30)
                assert answer["allowed"]
    finally:
        it.close()
