# SPDX-License-Identifier: Apache-2.0
"""What the hub writes into a cluster: on a real API server with its controllers, labels and annotations of workloads and
pods come, change and go with what is known; nothing is rolled out, and nothing is written twice."""

import time

import pytest

import small
from hubkit import Hub, rfc3339, wait_for, with_hub  # noqa: F401
from kube import ADMIN, NOBODY, Front, controlled, cronjob, made_of, template  # noqa: F401
from synth import Small
from test_kube import BAD, GOOD, POLICY, write_record

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

NOTES = ("rummage/findings", "rummage/link", "rummage/at")
KINDS = {"deployments": "apps/v1", "replicasets": "apps/v1", "statefulsets": "apps/v1", "cronjobs": "batch/v1",
         "pods": "v1"}
LINK = "https://hub.example.com"


class Shop:
    """A namespace in which app:1, which is bad, and app:2 run, and a hub that writes on what runs there."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder, self.ns = cluster, folder, cluster.namespace()
        small.write_bad(folder / "feeds", BAD, fixed="9.0.0")
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "hub.yaml").write_text("address: %s\n" % LINK)
        self.images = [Small("app:1", BAD, "2026-01-01T00:00:00Z"), Small("app:2", GOOD, "2026-02-01T00:00:00Z")]
        self.digests = {i.name: i.manifest for i in self.images}
        self.node = cluster.node(self.ns + "-node", self.digests)
        self.hub = None

    def start(self, write, conf=None):
        if self.hub:
            self.hub.stop()
        self.hub = Hub(self.folder / "hub", feeds=self.folder / "feeds", policy=self.folder / "policy.yaml",
                       config=self.folder / "hub.yaml",
                       args=["--kubernetes", "blue=" + (conf or self.cluster.kubeconfig(token=ADMIN)),
                             "--kubernetes-write", write])
        self.hub.start()
        for image in self.images:
            image.put(self.hub)
        wait_for(lambda: self.hub.get("/api/v1/images/" + self.images[0].config)["counts"]["critical"] >= 2, 60, 0.05)
        return self.hub

    def close(self):
        if self.hub:
            self.hub.kill()
        for resource in ("deployments", "cronjobs", "statefulsets"):
            for one in self.all(resource):
                self.cluster.delete(KINDS[resource], resource, self.ns, one["metadata"]["name"])
        wait_for(lambda: not self.all("pods"), 60, 0.1)
        self.node.close()
        self.cluster.delete("v1", "nodes", None, self.node.name)

    def deploy(self, name, ref, replicas=1):
        return self.cluster.create("apps/v1", "deployments", self.ns, made_of(name, ref, replicas))

    def all(self, resource):
        return self.cluster.get(KINDS[resource], resource, self.ns)["items"]

    def one(self, resource, name):
        return next(o for o in self.all(resource) if o["metadata"]["name"].startswith(name))

    @staticmethod
    def labels(it):
        return {k: v for k, v in it["metadata"].get("labels", {}).items() if k.startswith("rummage/")}

    @staticmethod
    def notes(it):
        return {k: v for k, v in it["metadata"].get("annotations", {}).items() if k.startswith("rummage/")}

    def marked(self, resource, name, want):
        """The object, once it has just these labels."""
        def right():
            found = [o for o in self.all(resource) if o["metadata"]["name"].startswith(name)]
            return found[0] if found and all(self.labels(o) == want for o in found) else None
        return wait_for(right, 90, 0.1, lambda: "%s of %s: %r\n%s" % (
            name, resource, [self.labels(o) for o in self.all(resource)], self.hub.said()))

    def rounds(self, more=2):
        """Lets the hub look at everything again, so often."""
        def done():
            return self.hub.metrics()["rummage_kubernetes_write_rounds_total"]
        want = done() + more
        wait_for(lambda: done() >= want, 90, 0.1, self.hub.said)

    def versions(self):
        return {(r, o["metadata"]["name"]): o["metadata"]["resourceVersion"] for r in KINDS for o in self.all(r)}


@pytest.fixture
def shop(controlled, tmp_path):  # noqa: F811
    made = Shop(controlled, tmp_path)
    try:
        yield made
    finally:
        made.close()


AFFECTED = {"rummage/verdict": "alert", "rummage/critical": "2"}


def test_labels_come_change_and_go(shop):
    """R14: a vulnerable Deployment and its pod have labels; they change with an advisory, and go with an exception"""
    shop.start("labels")
    made = shop.deploy("web", "app:1")
    shop.deploy("idle", "app:2@" + shop.digests["app:2"], 0)
    shop.cluster.create("batch/v1", "cronjobs", shop.ns, cronjob("tax", "app:2@" + shop.digests["app:2"], suspend=True))
    web = shop.marked("deployments", "web", AFFECTED)
    pod = shop.marked("pods", "web", AFFECTED)
    shop.marked("cronjobs", "tax", {})
    notes = shop.notes(pod)
    assert set(notes) == set(NOTES) and notes["rummage/findings"].startswith("2 critical"), notes
    where = LINK + "/api/v1/workloads?cluster=blue&namespace=%s&workload=Deployment/web" % shop.ns
    assert notes["rummage/link"] == where and shop.notes(web) == {}
    # Nothing was rolled out.
    shop.rounds()
    web = shop.one("deployments", "web")
    assert web["metadata"]["generation"] == made["metadata"]["generation"]
    assert web["spec"]["template"] == made["spec"]["template"] and not any(shop.notes(o) for o in shop.all("replicasets"))
    assert len(shop.all("replicasets")) == 2
    # Nor is anything written while nothing changes, by this hub or by one that was started anew.
    versions = shop.versions()
    shop.rounds()
    assert shop.versions() == versions
    shop.start("labels")
    shop.rounds()
    assert shop.versions() == versions and shop.hub.metrics()["rummage_kubernetes_writes_total"] == 0
    # An advisory is published: what sleeps has it too.
    write_record(shop.folder / "feeds", "CVE-2026-7100", "new-core")
    one = {"rummage/verdict": "alert", "rummage/critical": "1"}
    shop.marked("deployments", "idle", one)
    shop.marked("cronjobs", "tax", one)
    shop.marked("deployments", "web", AFFECTED)
    write_record(shop.folder / "feeds", "CVE-2026-7101", "old-web")
    three = {"rummage/verdict": "alert", "rummage/critical": "3"}
    shop.marked("deployments", "web", three)
    shop.marked("pods", "web", three)
    # An exception for the one does not count for the other.
    shop.hub.post("/api/v1/exceptions", {"advisory": "CVE-2026-7100", "namespace": shop.ns,
                                         "workload": "Deployment/idle", "owner": "me", "reason": "not reachable",
                                         "until": rfc3339(time.time() + 3600)})
    shop.marked("deployments", "idle", {})
    shop.marked("cronjobs", "tax", one)
    assert shop.one("deployments", "web")["metadata"]["generation"] == made["metadata"]["generation"]
    # Another image: the pods are others.
    shop.cluster.patch("apps/v1", "deployments", shop.ns, "web", {"spec": {"template": template("app:2")}})
    shop.marked("deployments", "web", one)
    shop.marked("pods", "web", one)


def test_none_takes_all_away(shop):
    """R14: a mark that somebody takes away comes back; --kubernetes-write none takes all of them away"""
    shop.start("blue=labels")
    shop.deploy("web", "app:1")
    shop.marked("deployments", "web", AFFECTED)
    shop.marked("pods", "web", AFFECTED)
    shop.rounds()
    shop.cluster.patch("apps/v1", "deployments", shop.ns, "web", {"metadata": {"labels": {"rummage/critical": "0"}}})
    shop.marked("deployments", "web", AFFECTED)
    shop.start("none")
    shop.marked("deployments", "web", {})
    shop.marked("pods", "web", {})
    wait_for(lambda: not any(shop.notes(o) for r in KINDS for o in shop.all(r)), 90, 0.1,
             lambda: repr([shop.notes(o) for r in KINDS for o in shop.all(r)]))


def role(cluster, name, rules):  # noqa: F811
    cluster.create("rbac.authorization.k8s.io/v1", "clusterroles", None, {"metadata": {"name": name}, "rules": rules})
    cluster.create("rbac.authorization.k8s.io/v1", "clusterrolebindings", None, {
        "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                                                "name": name}, "subjects": [{"kind": "User", "name": "nobody"}]})


READ = [{"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]


def test_what_is_forbidden_is_said(shop):
    """R14: what the API server forbids is said once, and the rest is written"""
    role(shop.cluster, shop.ns, READ + [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}])
    try:
        shop.start("labels", shop.cluster.kubeconfig(token=NOBODY))
        shop.deploy("web", "app:1")
        shop.marked("deployments", "web", AFFECTED)
        wait_for(lambda: "labels of pods are not written: the API server forbids" in shop.hub.said(), 60, 0.1,
                 shop.hub.said)
        shop.rounds()
        assert shop.labels(shop.one("pods", "web")) == {} and shop.hub.said().count("are not written") == 1
        assert shop.hub.get("/api/v1/coverage")
    finally:
        for kind in ("clusterroles", "clusterrolebindings"):
            shop.cluster.delete("rbac.authorization.k8s.io/v1", kind, None, shop.ns)


def test_a_busy_server_is_left_alone(shop):
    """R14: after 429 nothing is written until the server's pause is over"""
    with Front(shop.cluster) as front:
        front.busy_writes = 2
        shop.start("labels", shop.cluster.kubeconfig(server=front.url, token=ADMIN))
        shop.deploy("web", "app:1")
        shop.marked("deployments", "web", AFFECTED)
        shop.marked("pods", "web", AFFECTED)
        times = [at for at, _, _ in front.wrote]
        assert times[1] - times[0] >= 1.9 and times[2] - times[1] >= 1.9, times
        assert all("fieldManager=rummage" in path for _, _, path in front.wrote)


def events_of(shop, kind, name):
    return [e for e in shop.cluster.get("v1", "events", shop.ns)["items"]
            if e["involvedObject"]["kind"] == kind and e["involvedObject"]["name"] == name
            and e["source"].get("component") == "rummage"]


def event(shop, reason, text, kind="Deployment", name="web", count=1):
    def right():
        found = [e for e in events_of(shop, kind, name) if e["reason"] == reason and text in e["message"]]
        assert len(found) <= 1, found
        return found[0] if found and found[0]["count"] >= count else None
    return wait_for(right, 120, 0.1, lambda: "%r\n%s" % (events_of(shop, kind, name), shop.hub.said()))


def test_events_say_when_alerts_open_and_end(shop):
    """R14: an Event on the Deployment when alerts about it open, one for all that come together, and when they are over;
    a hub that is started anew says nothing again"""
    shop.start("events")
    made = shop.deploy("web", "app:1")
    opened = event(shop, "AlertOpened", "2 alerts: CVE-2026-700")
    assert opened["type"] == "Warning" and opened["involvedObject"]["uid"] == made["metadata"]["uid"]
    assert LINK in opened["message"] and "critical" in opened["message"]
    shop.start("events")
    shop.rounds()
    assert [e["count"] for e in events_of(shop, "Deployment", "web")] == [1]
    # The next one is the same Event, once more.
    write_record(shop.folder / "feeds", "CVE-2026-7101", "old-web")
    again = event(shop, "AlertOpened", "3 alerts", count=2)
    assert again["metadata"]["uid"] == opened["metadata"]["uid"]
    shop.cluster.patch("apps/v1", "deployments", shop.ns, "web", {"spec": {"template": template("app:2")}})
    over = event(shop, "AlertResolved", "no alert any more, of 3")
    assert over["type"] == "Normal"
    assert all(e["involvedObject"]["kind"] == "Deployment" for e in shop.cluster.get("v1", "events", shop.ns)["items"]
               if e["source"].get("component") == "rummage")
    # No labels were asked for.
    assert shop.labels(shop.one("deployments", "web")) == {}


REPORTS = {"openreports.io": ("v1alpha1", "reports", "Report"), "wgpolicyk8s.io": ("v1alpha2", "policyreports", "PolicyReport")}


def text():
    return {"type": "string"}


def struct(**members):
    return {"type": "object", "properties": members}


def crd(group):
    """The kind of reports, as far as it is looked at here: what is not named is dropped by the API server."""
    version, resource, kind = REPORTS[group]
    many = {"type": "object", "additionalProperties": text()}
    reference = struct(apiVersion=text(), kind=text(), name=text(), namespace=text(), uid=text())
    number = {"type": "integer"}
    result = struct(policy=text(), source=text(), category=text(), message=text(), properties=many, rule=text(),
                    scored={"type": "boolean"}, timestamp=struct(seconds={"type": "integer", "format": "int64"},
                                                                nanos={"type": "integer", "format": "int32"}),
                    severity={"type": "string", "enum": ["critical", "high", "low", "medium", "info"]},
                    result={"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]})
    result["required"] = ["policy"]
    top = dict(scope=reference, summary=struct(**{"pass": number, "fail": number, "warn": number, "error": number,
                                                  "skip": number}), results={"type": "array", "items": result})
    if group == "openreports.io":
        top["source"] = text()
    return {"metadata": {"name": "%s.%s" % (resource, group)}, "spec": {
        "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": resource},
        "versions": [{"name": version, "served": True, "storage": True,
                      "schema": {"openAPIV3Schema": struct(apiVersion=text(), kind=text(), metadata={"type": "object"},
                                                           **top)}}]}}


@pytest.fixture(params=["openreports.io", "wgpolicyk8s.io"])
def reports(request, controlled):  # noqa: F811
    """The kind of a group, alone: its API and resource."""
    group = request.param
    definition = crd(group)
    api = "%s/%s" % (group, REPORTS[group][0])
    controlled.create("apiextensions.k8s.io/v1", "customresourcedefinitions", None, definition)
    wait_for(lambda: controlled.request("GET", controlled.at(api, REPORTS[group][1]))[0] == 200, 60, 0.1)
    yield api, REPORTS[group][1]
    controlled.delete("apiextensions.k8s.io/v1", "customresourcedefinitions", None, definition["metadata"]["name"])
    wait_for(lambda: controlled.request("GET", "/apis/" + api)[0] == 404, 60, 0.1)


def test_reports(shop, reports):
    """R14: a small report a workload, of the kind that the cluster has: it changes, goes with what is clean, and with
    its workload"""
    api, resource = reports

    def all_reports():
        return {r["metadata"]["name"]: r for r in shop.cluster.get(api, resource, shop.ns)["items"]}

    def report(name, fail):
        def right():
            found = all_reports().get(name)
            return found if found and found["summary"]["fail"] == fail else None
        return wait_for(right, 120, 0.1, lambda: "%r\n%s" % (all_reports(), shop.hub.said()))

    shop.start("reports")
    made = shop.deploy("web", "app:1")
    found = report("rummage-deployment-web", 2)
    owner = found["metadata"]["ownerReferences"][0]
    assert owner["uid"] == made["metadata"]["uid"] and owner["kind"] == "Deployment" and owner["apiVersion"] == "apps/v1"
    assert found["scope"]["name"] == "web" and found["scope"]["namespace"] == shop.ns
    one = found["results"][0]
    assert one["policy"].startswith("CVE-2026-700") and one["result"] == "fail" and one["severity"] == "critical"
    assert one["message"].endswith("in app:1") and "fixed in 9.0.0" in one["message"], one
    assert one["properties"]["component"].startswith("pkg:npm/old-") and one["properties"]["fixed"] == "9.0.0"
    assert list(all_reports()) == ["rummage-deployment-web"]  # none of the ReplicaSet's, none of the pod's
    # Nothing is written again, by a hub that is started anew either.
    version = found["metadata"]["resourceVersion"]
    shop.start("reports")
    shop.rounds()
    assert all_reports()["rummage-deployment-web"]["metadata"]["resourceVersion"] == version
    for i in range(30):
        write_record(shop.folder / "feeds", "CVE-2026-71%02d" % i, "old-web")
    many = report("rummage-deployment-web", 32)
    assert len(many["results"]) == 25 and len(str(many)) < 32768
    # What is clean has none.
    shop.cluster.patch("apps/v1", "deployments", shop.ns, "web", {"spec": {"template": template("app:2")}})
    wait_for(lambda: not all_reports(), 120, 0.1, lambda: repr(all_reports()))
    shop.deploy("other", "app:1")
    report("rummage-deployment-other", 32)
    shop.cluster.delete("apps/v1", "deployments", shop.ns, "other")
    wait_for(lambda: not all_reports(), 120, 0.1, lambda: repr(all_reports()))


def test_a_cluster_without_reports(shop):
    """R14: where there is no kind of reports that is said, and the rest is written"""
    shop.start("reports,labels")
    shop.deploy("web", "app:1")
    shop.marked("deployments", "web", AFFECTED)
    assert shop.hub.said().count("no reports are written: the cluster has no reports") == 1


@pytest.mark.parametrize("write", ["label", "green=labels"])
def test_what_cannot_be_written_is_no_hub(shop, write):
    """R14: a form or a cluster that there is not is refused at the start"""
    with pytest.raises(AssertionError, match="label" if write == "label" else "green"):
        shop.start(write)
    shop.hub.kill()
    shop.hub = None
