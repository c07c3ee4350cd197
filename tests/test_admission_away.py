# SPDX-License-Identifier: Apache-2.0
"""What happens while no hub answers a real cluster's admission: shown before, and told afterwards."""

import json

import pytest

import kit
from admissionkit import Behind, answered, apply, bare, space
from hubkit import Clock, sink, wait_for, with_hub  # noqa: F401
from kube import ADMIN, Cluster, cluster, running  # noqa: F401

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

POLICY = """group: 0s
max-per-minute: 10000
rules:
  - {name: missed, when: admission-missed}
  - {name: worst, severity: critical}
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Watched too, and its admission is somebody else's."""
    with running(Cluster(tmp_path_factory.mktemp("other"))) as made:
        yield made


@pytest.fixture(scope="module")
def real(cluster, other, tmp_path_factory, sink):  # noqa: F811
    made = Behind(cluster, tmp_path_factory.mktemp("away"), policy=POLICY, sink=sink.url,
                  clock=Clock(tmp_path_factory.mktemp("clock")),
                  args=["--kubernetes", "c2=" + other.kubeconfig(token=ADMIN)])
    made.other = other
    made.node = cluster.node("away", {made.refs[n]: made.digests[n] for n in ("clean", "bad")})
    made.elsewhere = other.node("elsewhere", {made.refs["bad"]: made.digests["bad"]})
    yield made
    made.close()


def shown(real):
    return {i["namespace"]: i["away"] for i in real.hub.items("/api/v1/admission")}


def missed(sink, namespace):
    return [i for m in sink.messages(rule="missed") for i in m.items if "/%s/" % namespace in i["key"]]


def test_what_holds_while_no_hub_answers_is_shown(real):
    spaces = {"starts": space(real.cluster, "open"), "denied": space(real.cluster, "closed"),
              "unasked": real.cluster.namespace()}
    wait_for(lambda: {shown(real).get(n): n for n in spaces.values()} == spaces, 60, 0.1, real.hub.said)
    item = next(i for i in real.hub.items("/api/v1/admission", namespace=spaces["denied"]))
    assert item == {"cluster": "c1", "namespace": spaces["denied"], "away": "denied",
                    "webhook": "closed.admission.rummage", "timeout_s": 10, "sometimes": False}
    done = kit.run("admission", "--hub", "http://127.0.0.1:%d" % real.hub.port, "--namespace", spaces["starts"],
                   "-o", "json", env={"RUMMAGE_HUB_TOKEN": real.hub.token})
    assert [i["away"] for i in json.loads(done.out)["items"]] == ["starts"], done.err
    assert real.hub.metrics()['rummage_admission_namespaces{away="denied"}'] >= 1
    # Whoever changes it is believed.
    real.cluster.patch("v1", "namespaces", None, spaces["starts"], {"metadata": {"labels": {"fail": "closed"}}})
    wait_for(lambda: shown(real)[spaces["starts"]] == "denied", 60, 0.1, real.hub.said)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_R24_what_went_through_meanwhile_is_told(real, sink, how):
    """R24: on return an alert says what started while nobody was asked, judged at once; and nothing else"""
    opened, unasked, closed = space(real.cluster, "open"), real.cluster.namespace(), space(real.cluster, "closed")
    assert answered(real, closed, bare("asked", real.refs["bad"]))[0] == 0
    assert answered(real, opened, bare("asked", real.refs["clean"]))[0] == 0
    wait_for(lambda: [u for u in real.hub.who_runs(real.digests["clean"], running="true")
                      if u["namespace"] == opened], 60, 0.1, real.hub.said)
    getattr(real.hub, how)()
    assert apply(real, opened, bare("through", real.refs["bad"]))[0] == 0
    assert apply(real, unasked, bare("elsewhere", real.refs["bad"]))[0] == 0
    assert "failed calling webhook" in apply(real, closed, bare("kept-out", real.refs["bad"]))[1]
    real.hub.start()
    item = wait_for(lambda: missed(sink, opened), 90, 0.1, real.hub.said)[0]
    assert "Pod/through" in item["title"] and "lets all start" in item["text"] and item["after"].startswith("1 critical")
    assert answered(real, opened, bare("after", real.refs["clean"]))[0] == 0
    wait_for(lambda: [u for u in real.hub.who_runs(real.digests["clean"], running="true")
                      if u["workload"].endswith("after")], 60, 0.1, real.hub.said)
    # A second pod that slips through says that the first round is over.
    real.hub.stop()
    apply(real, opened, bare("again", real.refs["bad"]))
    real.hub.start()
    wait_for(lambda: len(missed(sink, opened)) == 2, 90, 0.1, real.hub.said)
    assert {i["key"].rpartition("/")[2] for i in missed(sink, opened)} == {"through", "again"}
    assert not missed(sink, unasked) and not missed(sink, closed)
    # The alert lasts as long as it runs.
    real.cluster.delete("v1", "pods", opened, "through")
    wait_for(lambda: [a for a in real.hub.alerts(rule="missed", state="resolved") if "through" in a["key"]], 60, 0.2,
             real.hub.said)


def test_pods_of_another_cluster_are_none_that_were_missed(real, sink):
    """The last of these: it moves the clock beyond what a container of theirs would be waited for."""
    opened = space(real.cluster, "open")
    real.other.create("v1", "namespaces", None, {"metadata": {"name": opened}})
    real.hub.stop()
    real.other.create("v1", "pods", opened, bare("foreign", real.refs["bad"]))
    assert apply(real, opened, bare("through", real.refs["bad"]))[0] == 0
    real.hub.start()
    wait_for(lambda: missed(sink, opened), 90, 0.1, real.hub.said)
    wait_for(lambda: [u for u in real.hub.who_runs(real.digests["bad"], running="true")
                      if (u["cluster"], u["namespace"]) == ("c2", opened)], 60, 0.1, real.hub.said)
    real.hub.clock.move(seconds=60)
    assert answered(real, opened, bare("after", real.refs["clean"]))[0] == 0
    wait_for(lambda: [u for u in real.hub.who_runs(real.digests["clean"], running="true")
                      if u["namespace"] == opened], 60, 0.1, real.hub.said)
    assert {i["key"].rpartition("/")[2] for i in missed(sink, opened)} == {"through"}
