# SPDX-License-Identifier: Apache-2.0
"""The hub as a webhook of Kubernetes' admission: asked as kube-apiserver asks, and by a real one."""

import base64
import json
import os

import pytest

from admissionkit import CRITICAL, LOW, Asked, Behind, answered, apply, audit, bundles, deployment, image, pod, space, webhooks, whole
from hubkit import Source, wait_for, with_hub  # noqa: F401
from kube import cluster  # noqa: F401

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]


@pytest.fixture(scope="module")
def it(tmp_path_factory):
    made = Asked(tmp_path_factory.mktemp("admission"))
    yield made
    made.close()


def test_an_unknown_image_is_read_while_the_api_server_waits(it):
    answer = it.review("Pod", pod(it.refs["clean"]), timeout=30)
    assert answer == {"uid": answer["uid"], "allowed": True}
    assert [i for i in it.hub.items("/api/v1/images") if i["read"]]


def test_R24_a_vulnerable_image_is_denied_with_what_to_do(it):
    answer = it.review("Deployment", deployment(it.refs["clean"], it.refs["bad"]), timeout=30)
    assert not answer["allowed"] and answer["status"]["code"] == 403
    for part in (it.refs["bad"], CRITICAL, "critical in old-core 1.0.0", "fixed in 2.0.0", "rule worst"):
        assert part in answer["status"]["message"], answer
    assert it.refs["clean"] not in answer["status"]["message"]
    denied = wait_for(lambda: audit(it.hub, "admission.denied"), said=it.hub.said)
    assert denied[-1]["actor"] == "jane" and "shop/Deployment/web" in denied[-1]["subject"]


def test_a_lesser_one_is_let_in_with_a_warning(it):
    answer = it.review("Pod", pod(it.refs["meh"]), timeout=30)
    assert answer["allowed"] and LOW in answer["warnings"][0] and "fixed in 2.0.0" in answer["warnings"][0]
    assert all(len(w) <= 256 for w in answer["warnings"])


def test_each_namespace_has_its_rules(it):
    answer = it.review("Pod", pod(it.refs["bad"]), namespace="lab", timeout=30)
    assert answer["allowed"] and "warnings" not in answer


def test_what_cannot_be_read_is_for_the_policy(it):
    gone = it.refs["clean"].replace("shop/clean", "shop/none")
    answer = it.review("Pod", pod(gone), timeout=5)
    assert answer["allowed"] and "nobody has read" in answer["warnings"][0] and "404" in answer["warnings"][0]
    answer = it.review("Pod", pod(gone), namespace="pay", timeout=5)
    assert not answer["allowed"] and "paid-for" in answer["status"]["message"]


def test_only_what_is_new_is_judged(it):
    old = deployment(it.refs["bad"])
    assert it.review("Deployment", deployment(it.refs["bad"]), operation="UPDATE", old=old)["allowed"]
    assert it.review("Deployment", deployment(it.refs["bad"], it.refs["clean"]), operation="UPDATE",
                     old=old, timeout=30)["allowed"]
    assert not it.review("Deployment", deployment(it.refs["bad"]), operation="UPDATE",
                         old=deployment(it.refs["clean"]), timeout=30)["allowed"]
    with_debugger = pod(it.refs["clean"])
    with_debugger["spec"]["ephemeralContainers"] = [{"name": "d", "image": it.refs["bad"]}]
    assert not it.review("Pod", with_debugger, operation="UPDATE", sub="ephemeralcontainers",
                         old=pod(it.refs["clean"]), timeout=30)["allowed"]


def test_break_glass_lets_in_and_is_written_down(it):
    answer = it.review("Pod", pod(it.refs["bad"], **{"rummage/break-glass": "the shop is down"}), timeout=30)
    assert answer["allowed"] and any("the shop is down" in w for w in answer["warnings"])
    row = wait_for(lambda: audit(it.hub, "admission.break-glass"), said=it.hub.said)[-1]
    assert row["actor"] == "jane" and "the shop is down" in json.dumps(row)


def test_who_enters_is_written_down_and_may_be_refused(it):
    def enter(namespace, *command):
        return it.review("PodExecOptions", {"kind": "PodExecOptions", "container": "c", "command": list(command)},
                         namespace=namespace, operation="CONNECT", resource="pods", sub="exec", name="web-1")

    assert enter("shop", "sh", "-c", "id")["allowed"]
    assert enter("pay", "/bin/probe", "x")["allowed"]
    assert not enter("pay", "sh")["allowed"]
    rows = wait_for(lambda: audit(it.hub, "admission.enter"), said=it.hub.said)
    assert any(r["actor"] == "jane" and "sh -c id" in json.dumps(r) for r in rows)
    assert wait_for(lambda: audit(it.hub, "admission.enter.denied"), said=it.hub.said)


def test_a_tag_that_has_moved_is_judged_by_what_it_means_now(it):
    ref, _ = it.registry.push("shop/moves", "1", image("left-pad"))
    assert it.review("Pod", pod(ref), timeout=30)["allowed"]
    it.registry.push("shop/moves", "1", image("old-core"))
    answer = wait_for(lambda: [a for a in [it.review("Pod", pod(ref), timeout=30)] if not a["allowed"]], 60, 0.5,
                      it.hub.said)[0]
    assert CRITICAL in answer["status"]["message"]


def test_what_a_tag_meant_a_moment_ago_is_not_believed_against_what_was_heard_since(it):
    """Nothing is waited for here: an answer of the registry is believed for some seconds otherwise."""
    ref, old = it.registry.push("shop/heard", "1", image("left-pad"))
    assert it.review("Pod", pod(ref), timeout=30)["allowed"]
    _, new = it.registry.push("shop/heard", "1", image("old-core"))
    assert it.review("Pod", pod(ref), timeout=30)["allowed"], "it was not believed: the test shows nothing"
    asker = Source(it.hub, "heard", name="heard/tags")
    asker.send(asker.tag(ref, new))
    answer = it.review("Pod", pod(ref), timeout=30)
    assert not answer["allowed"] and CRITICAL in answer["status"]["message"], answer
    patch = it.review("Pod", pod(ref), path="/mutate", timeout=30)["patch"]
    assert json.loads(base64.b64decode(patch))[0]["value"] == ref + "@" + new != ref + "@" + old


def test_a_tag_becomes_the_digest_that_was_judged(it):
    what = deployment(it.refs["clean"], it.refs["meh"] + "@" + it.digests["meh"])
    answer = it.review("Deployment", what, path="/mutate", timeout=30)
    assert answer["allowed"] and answer["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(answer["patch"])) == [
        {"op": "replace", "path": "/spec/template/spec/containers/0/image",
         "value": it.refs["clean"] + "@" + it.digests["clean"]}]
    gone = it.review("Pod", pod(it.refs["clean"].replace("clean", "none")), path="/mutate", timeout=30)
    assert gone["allowed"] and "patch" not in gone and "keeps its tag" in gone["warnings"][0]
    assert "patch" not in it.review("Deployment", what, path="/mutate", operation="UPDATE", old=what, timeout=30)


def test_a_dry_run_leaves_no_trace(it):
    before = len(it.hub.items("/api/v1/audit"))
    assert not it.review("Pod", pod(it.refs["bad"]), namespace="dry", dryRun=True, timeout=30)["allowed"]
    assert len(it.hub.items("/api/v1/audit")) == before


def test_what_is_no_review_is_refused(it):
    assert it.post("/validate", b"{")[0] == 400
    assert it.post("/validate", b"{}")[0] == 400
    assert it.post("/elsewhere", b"{}")[0] == 404
    assert it.post("/validate", None, "GET")[0] == 405


def test_figures(it):
    figures = it.hub.metrics()
    assert figures["rummage_admission_requests_total"] >= 10
    assert figures["rummage_admission_denied_total"] >= 3
    assert figures["rummage_admission_break_glass_total"] >= 1


# A real API server.

@pytest.fixture(scope="module")
def real(cluster, tmp_path_factory):
    """The hub as the webhook of a cluster that it watches; and the same cluster's own words."""
    made = Behind(cluster, tmp_path_factory.mktemp("real"))
    yield made
    made.close()


def test_R24_kubectl_is_told_why(real):
    closed = space(real.cluster, "closed")
    code, said = answered(real, closed, whole("web", real.refs["bad"]))
    assert code != 0 and CRITICAL in said and "fixed in 2.0.0" in said and "denied the request" in said
    code, said = apply(real, closed, whole("log", real.refs["meh"]))
    assert code == 0 and "Warning: rummage" in said and LOW in said
    assert apply(real, closed, whole("fine", real.refs["clean"]))[0] == 0
    cron = {"kind": "CronJob", "apiVersion": "batch/v1", "metadata": {"name": "twice-a-year"}, "spec": {
        "schedule": "0 0 1 1,7 *", "jobTemplate": {"spec": {"template": {
            "spec": dict(pod(real.refs["bad"])["spec"], restartPolicy="Never")}}}}}
    code, said = apply(real, closed, cron)
    assert code != 0 and CRITICAL in said


def test_what_was_judged_is_what_runs(real):
    pinned = dict(webhooks(real.port, {"pinned": "Fail"}), kind="MutatingWebhookConfiguration")
    pinned["webhooks"][0].update(reinvocationPolicy="Never", clientConfig={
        "url": "https://localhost:%d/mutate" % real.port, "caBundle": bundles(real.cluster)[0]})
    real.cluster.create("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", None, pinned)
    namespace = space(real.cluster, "pinned")

    def written():
        code, said = apply(real, namespace, whole("web", real.refs["clean"]))
        assert code == 0 or "failed calling webhook" in said, said
        got = real.cluster.get("apps/v1", "deployments", namespace, "web") if code == 0 else None
        if got and "@" not in json.dumps(got["spec"]["template"]["spec"]["containers"]):
            real.cluster.delete("apps/v1", "deployments", namespace, "web")
            return None
        return got

    found = wait_for(written, 60, 0.5, real.hub.said)
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == \
        real.refs["clean"] + "@" + real.digests["clean"]


def test_a_workload_that_wakes_up_is_judged_before_any_pod(real):
    namespace = real.cluster.namespace()  # nobody asked when it was made
    real.cluster.create("apps/v1", "deployments", namespace, whole("sleeper", real.refs["bad"], replicas=0))
    wait_for(lambda: [w for w in real.hub.items("/api/v1/dormant") if w["workload"].endswith("sleeper")], 30, 0.1,
             real.hub.said)
    real.cluster.patch("v1", "namespaces", None, namespace, {"metadata": {"labels": {"fail": "closed"}}})

    def woken():
        try:
            real.cluster.patch("apps/v1", "deployments", namespace, "sleeper", {"spec": {"replicas": 1}}, "scale")
        except AssertionError as e:
            return str(e)
        real.cluster.patch("apps/v1", "deployments", namespace, "sleeper", {"spec": {"replicas": 0}}, "scale")
        return None

    assert CRITICAL in wait_for(woken, 60, 0.5, real.hub.said)


def test_while_the_hub_is_away_each_webhook_fails_as_it_says(real):
    opened, closed = space(real.cluster, "open"), space(real.cluster, "closed")
    answered(real, closed, whole("before", real.refs["clean"]))
    real.hub.stop()
    try:
        assert apply(real, opened, whole("through", real.refs["bad"]))[0] == 0
        code, said = apply(real, closed, whole("kept-out", real.refs["clean"]))
        assert code != 0 and "failed calling webhook" in said
    finally:
        real.hub.start()
    # What went through meanwhile is declared, and so told.
    wait_for(lambda: [u for u in real.hub.who_runs(CRITICAL) if "through" in u["workload"]], 60, 0.2, real.hub.said)
    assert answered(real, closed, whole("after", real.refs["clean"]))[0] == 0


def test_the_certificate_is_made_anew_and_both_are_trusted(real):
    path, before = real.hub.state + "/admission.crt", bundles(real.cluster)[0]
    with open(path, encoding="ascii") as f:
        old = f.read()
    real.hub.stop()
    os.utime(path, (1, 1))
    real.hub.start()

    def renewed():
        with open(path, encoding="ascii") as f:
            return f.read() != old

    wait_for(renewed, 90, 0.2, real.hub.said)
    bundle = base64.b64decode(bundles(real.cluster)[0]).decode()
    assert bundles(real.cluster)[0] != before and old.strip() in bundle and bundle.count("END CERTIFICATE") == 2
    assert answered(real, space(real.cluster, "closed"), whole("anew", real.refs["clean"]))[0] == 0
