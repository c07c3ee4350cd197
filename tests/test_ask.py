# SPDX-License-Identifier: Apache-2.0
"""The verbs that ask a hub: how each ends, what each filter leaves, where each writes; and the test of a sink."""

import json
import os
import socket

import pytest

import kit
from hubkit import Hub, Source, receiver, wait_for, with_hub  # noqa: F401
from registries import free_port
from small import write_record
from synth import Small

pytestmark = pytest.mark.usefixtures("with_hub")

UNREAD = "sha256:" + "7" * 64


class Fleet:
    """Two clusters, three machines: what is vulnerable, what is not, what sleeps, what nobody has read."""

    def __init__(self, hub):
        self.hub = hub
        self.bad = Small("shop/web:1", {"old-core": "1.0.0"}, execs=["srv/bin/tool"]).put(hub)
        self.good = Small("data/db:1", {"new-core": "3.0.0"}).put(hub)
        self.night = Small("data/night:1", {"old-core": "1.1.0"}).put(hub)
        a, b, c = (Source(hub, node, cluster=cluster) for node, cluster in
                   (("node-a", "blue"), ("node-b", "green"), ("node-c", "green")))
        a.send(a.tag(self.bad.name, self.bad.config), a.tag(self.good.name, self.good.config),
               a.began("a" * 64, self.bad.name, self.bad.digests, "web", "shop"),
               a.began("b" * 64, self.good.name, self.good.digests, "StatefulSet/db", "data"),
               a.seen(self.night.name, self.night.digests))
        b.send(b.began("c" * 64, self.bad.name, self.bad.digests, "web", "shop"),
               b.began("d" * 64, "data/odd:1", [UNREAD], "odd", "data"),
               b.declared("CronJob/night", [(self.night.name, self.night.digests)], "data", replicas=0))
        c.send(c.began("e" * 64, self.bad.name, self.bad.digests, "other", "team"))
        wait_for(lambda: len(hub.alerts(advisory="CVE-2026-6200")) == 2, 30)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ask")
    write_record(folder / "feeds", "CVE-2026-6200", "old-core", "2.0.0")
    with Hub(folder / "hub", feeds=folder / "feeds") as hub:
        yield Fleet(hub)


@pytest.fixture(scope="module")
def ask(fleet, tmp_path_factory):
    """ask(VERB...) -> kit.Run, of this hub, by the admin's token."""
    home = tmp_path_factory.mktemp("home")

    def run(*words, url="http://127.0.0.1:%d" % fleet.hub.port,
            token=os.path.join(fleet.hub.state, "admin.token"), **how):
        if token:
            words += ("--token-file", token)
        return kit.run(*words, "--hub", url, env={"HOME": str(home), "XDG_STATE_HOME": str(home)},
                       timeout=60, **how)

    return run


VERBS = {  # verb: what is found, what is not, what is not right
    "who-runs": (["CVE-2026-6200"], ["CVE-1999-0001"], ["pkg:nothing"]),
    "alerts": ([], ["--cluster", "nowhere"], ["--severity", "dreadful"]),
    "images": ([], ["--cluster", "nowhere"], ["--severity", "dreadful"]),
    "workloads": ([], ["--namespace", "nowhere"], ["--severity", "dreadful"]),
    "timeline": (["shop/web", "--cluster", "blue"], None, ["web"]),
    "dormant": ([], ["--cluster", "blue"], ["--severity", "dreadful"]),
    "tags": (["shop/web:1"], ["shop/none:1"], ["--limit", "0"]),
    "coverage": ([], ["--cluster", "blue"], ["--limit", "many"]),
    "audit verify": ([], None, ["nonsense"]),
}
ALL = pytest.mark.parametrize("verb", sorted(VERBS))


@ALL
def test_found_is_0(ask, verb):
    """R30: a verb that finds something ends with 0 and shows it"""
    done = ask(*verb.split(), *VERBS[verb][0])
    assert done.code == 0 and done.out.strip() and not done.err, done
    if verb != "audit verify":
        assert len(done.out.splitlines()) > 1, done.out


@ALL
def test_nothing_is_0(ask, verb):
    """R30: nothing to show is no failure: 0, and a remark that is not in the output"""
    nothing = VERBS[verb][1]
    if nothing is None:
        pytest.skip("there is always something, or it is an error")
    done = ask(*verb.split(), *nothing)
    assert done.code == 0 and done.out == "" and done.err.startswith("rummage: "), done
    assert ask(*verb.split(), *nothing, "-q").err == ""
    assert ask(*verb.split(), *nothing, "-o", "json").json["items"] == []


@ALL
def test_a_bad_question_is_1(ask, verb):
    """R30: what the hub refuses to answer is 1, with its reason"""
    done = ask(*verb.split(), *VERBS[verb][2])
    assert done.code == 1 and done.out == "" and done.err.startswith("rummage: "), done


@ALL
def test_a_hub_that_is_away_is_1(ask, verb):
    """R30: a hub that cannot be reached is 1, and how to say where it is"""
    done = ask(*verb.split(), *VERBS[verb][0], url="http://127.0.0.1:%d" % free_port())
    assert done.code == 1 and done.out == "" and "--hub" in done.err, done


@ALL
def test_a_bad_token_is_1(ask, verb, tmp_path, fleet):
    """R39: no token, a wrong one, and one without the right are 1, and how to give another"""
    wrong = tmp_path / "token"
    wrong.write_text("rmg_" + "A" * 43 + "\n")
    agent = tmp_path / "agent"
    agent.write_text(fleet.hub.make_token("agent-of-" + verb.replace(" ", "-"), "agent").token)
    for token, says in ((None, "send a token"), (wrong, "not taken"), (agent, "agent")):
        done = ask(*verb.split(), *VERBS[verb][0], token=token)
        if token == wrong and "wait" in done.err:  # others have been wrong before
            continue
        assert done.code == 1 and done.out == "" and says in done.err and "--token-file" in done.err, done
    done = ask(*verb.split(), *VERBS[verb][0], token=tmp_path / "nothing")
    assert done.code == 1 and str(tmp_path / "nothing") in done.err


def test_what_is_not_there_is_1(ask):
    """R30: one thing that the hub does not know is 1"""
    for words, says in ((["alerts", "999999"], "no alert"), (["images", "sha256:" + "0" * 64], "no image"),
                        (["timeline", "nobody"], "no workload"), (["alerts", "1", "--cluster", "blue"], "cluster")):
        done = ask(*words)
        assert done.code == 1 and says in done.err, done


def test_a_log_that_is_not_whole_is_2(ask, fleet):
    """R33: audit verify says by its exit code whether the log is whole, also against a head that was told"""
    head = fleet.hub.get("/api/v1/audit/verify")["head"]
    assert ask("audit", "verify", head).code == 0
    other = head.split(":")[0] + ":" + "0" * 64
    done = ask("audit", "verify", other)
    assert done.code == 2 and "NOT WHOLE" in done.out, done
    done = ask("audit", "verify", other, "-o", "json")
    assert done.code == 2 and done.json["good"] is False


def test_answers_go_where_they_are_sent(ask, fleet, tmp_path):
    """R30: -o writes to files, several at once, and JSON says what stands beside the items too"""
    table, whole = tmp_path / "table", tmp_path / "whole.json"
    done = ask("coverage", "-o", "table=%s" % table, "-o", "json=%s" % whole, "-o", "json")
    assert done.code == 0 and "odd" in table.read_text()
    assert dict(json.loads(whole.read_text()), as_of=None) == dict(done.json, as_of=None)
    assert (done.json["total"], done.json["matched"]) == (5, 4)
    assert len(done.json["items"]) == 1 and done.json["as_of"]
    log = tmp_path / "audit.json"
    assert ask("audit", "verify", "-o", "json=%s" % log).out == ""
    assert json.loads(log.read_text())["good"] is True
    assert ask("tags", "shop/web:1", "-o", "json").json["skew"] is False
    assert ask("images", "-o", "pictures").code == 1
    limited = ask("who-runs", "CVE-2026-6200", "--limit", "2", "-o", "json").json
    assert len(limited["items"]) == 2 and limited["totals"]["running"] == 3


# Filters: what is left is what the whole list says of it.

def key(item):
    return json.dumps({k: v for k, v in item.items() if k != "days"}, sort_keys=True)


@pytest.mark.parametrize("verb, words, options, keep", [
    ("who-runs", ["CVE-2026-6200"], ["--cluster", "green"], lambda i: i["cluster"] == "green"),
    ("who-runs", ["CVE-2026-6200"], ["--node", "node-c"], lambda i: i["node"] == "node-c"),
    ("who-runs", ["CVE-2026-6200"], ["--cluster", "green", "--namespace", "shop"],
     lambda i: i["cluster"] == "green" and i["namespace"] == "shop"),
    ("who-runs", ["CVE-2026-6200"], ["--workload", "web"], lambda i: i["workload"] == "Deployment/web"),
    ("workloads", [], ["--cluster", "blue"], lambda i: i["cluster"] == "blue"),
    ("workloads", [], ["--severity", "critical"], lambda i: i["findings"]["critical"] > 0),
    ("workloads", [], ["--workload", "data/CronJob/night"], lambda i: i["workload"] == "CronJob/night"),
    ("dormant", [], ["--cluster", "green", "--namespace", "data"], lambda i: i["cluster"] == "green"),
    ("dormant", [], ["--workload", "web"], lambda i: False),
    ("coverage", [], ["--cluster", "green"], lambda i: i["cluster"] == "green"),
    ("coverage", [], ["--node", "node-c"], lambda i: False),
    ("coverage", [], ["--namespace", "data"], lambda i: i["namespace"] == "data"),
    ("coverage", [], ["--workload", "odd"], lambda i: i["workload"] == "Deployment/odd"),
    ("tags", [], ["--cluster", "blue"], lambda i: True),
    ("tags", [], ["--cluster", "green"], lambda i: i["ref"] == "shop/web:1"),
    ("tags", [], ["--node", "node-c"], lambda i: i["ref"] == "shop/web:1"),
    ("tags", [], ["--namespace", "nowhere"], lambda i: False),
    ("images", [], ["--cluster", "blue"], lambda i: i["ref"] in ("shop/web:1", "data/db:1", "data/night:1")),
    ("images", [], ["--cluster", "blue", "--running"], lambda i: i["ref"] in ("shop/web:1", "data/db:1")),
    ("images", [], ["--cluster", "green"], lambda i: i["ref"] in ("shop/web:1", "data/night:1", "data/odd:1")),
    ("images", [], ["--node", "node-c"], lambda i: i["ref"] == "shop/web:1"),
    ("images", [], ["--namespace", "team"], lambda i: i["ref"] == "shop/web:1"),
    ("images", [], ["--workload", "CronJob/night"], lambda i: i["ref"] == "data/night:1"),
    ("images", [], ["--image", "data/db:1"], lambda i: i["ref"] == "data/db:1"),
    ("alerts", ["--advisory", "CVE-2026-6200"], ["--cluster", "blue"], lambda i: i["uses"] == 3),
    ("alerts", ["--advisory", "CVE-2026-6200"], ["--node", "node-c"], lambda i: i["uses"] == 3),
    ("alerts", ["--advisory", "CVE-2026-6200"], ["--namespace", "data"], lambda i: i["uses"] == 0),
    ("alerts", ["--advisory", "CVE-2026-6200"], ["--rule", "no such rule"], lambda i: False),
    ("alerts", [], ["--advisory", "cve-2026-6200"], lambda i: i["advisory"] == "CVE-2026-6200"),
])
def test_filters(ask, verb, words, options, keep):
    """R30: every verb has the filters of its question, and they mean what they say"""
    whole = ask(verb, *words, "-o", "json").json["items"]
    left = ask(verb, *words, *options, "-o", "json").json["items"]
    assert [key(i) for i in left] == [key(i) for i in whole if keep(i)]


def test_filters_of_totals(ask):
    """R30: what stands beside the items is of what was asked for too"""
    found = ask("coverage", "--cluster", "green", "-o", "json").json
    assert (found["total"], found["matched"]) == (3, 2)
    found = ask("who-runs", "CVE-2026-6200", "--cluster", "green", "-o", "json").json
    assert (found["totals"]["running"], found["totals"]["dormant"], found["totals"]["cached"]) == (2, 1, 0)


def test_an_image_of_alerts(ask, fleet):
    """R30: alerts of one image, by any of its digests"""
    for digest in fleet.bad.digests:
        found = ask("alerts", "--image", digest, "-o", "json").json["items"]
        assert [a["advisory"] for a in found] == ["CVE-2026-6200"] and found[0]["uses"] == 3
    assert ask("alerts", "--image", fleet.good.config, "-o", "json").json["items"] == []


def test_a_timeline_is_of_one_workload(ask):
    """R26: a name that two clusters have is told apart by --cluster"""
    done = ask("timeline", "web")
    assert done.code == 1 and "cluster" in done.err
    for cluster in ("blue", "green"):
        assert ask("timeline", "web", "--cluster", cluster, "-o", "json").json["items"], cluster
    assert ask("timeline", "web", "--cluster", "red").code == 1


def test_the_hub_s_own_settings_filter_nothing(ask, tmp_path):
    """R30: settings of `rummage hub` (its cluster, its node) are not filters of questions"""
    config = tmp_path / "rummage.yaml"
    config.write_text("hub:\n  cluster: nowhere\n  node: nobody\n")
    assert len(ask("workloads", "--config", config, "-o", "json").json["items"]) == \
        len(ask("workloads", "-o", "json").json["items"])


def test_resolved_alerts_have_no_place(ask, fleet):
    """R30: a filter that cannot be applied is refused, never ignored"""
    hub = fleet.hub
    gone = Small("gone/away:1", {"old-core": "1.2.0"}).put(hub)
    node = Source(hub, "node-gone", cluster="red")
    node.send(node.began("9" * 64, gone.name, gone.digests))
    wait_for(lambda: hub.alerts(image=gone.config), 30)
    node.send(node.ended("9" * 64))
    wait_for(lambda: hub.alerts(image=gone.config, state="resolved"), 60)
    found = ask("alerts", "--state", "resolved", "--image", gone.manifest, "-o", "json").json["items"]
    assert [a["advisory"] for a in found] == ["CVE-2026-6200"]
    assert ask("alerts", "--state", "resolved", "--image", fleet.bad.config, "-o", "json").json["items"] == []
    for option in ("--cluster", "--node", "--namespace", "--workload"):
        done = ask("alerts", "--state", "resolved", option, "red")
        assert done.code == 1 and "resolved" in done.err


# The test of a sink.

@pytest.fixture
def sinks(tmp_path, receiver):  # noqa: F811
    config = tmp_path / "hub.yaml"
    config.write_text("sinks:\n  good:\n    kind: webhook\n    url: %s\n  away:\n    kind: webhook\n    url: "
                      "http://127.0.0.1:%d/hook\n  out:\n    kind: stdout\n" % (receiver.url, free_port()))
    return config


def test_a_sink_that_takes_the_message(sinks, receiver):  # noqa: F811
    """R32: alerts test is 0 where the message arrives, which is marked as a test"""
    done = kit.run("alerts", "test", "good", "--hub-config", sinks, timeout=60)
    assert done.code == 0 and "good" in done.out, done
    got = receiver.wait(5, kind="test")
    assert got.items[0]["severity"] == "low" and got.id.startswith("test-")
    quiet = kit.run("alerts", "test", "good", "--hub-config", sinks, "-q", timeout=60)
    assert quiet.code == 0 and quiet.out == "" and len(receiver.messages()) == 2
    done = kit.run("alerts", "test", "out", "--hub-config", sinks, "-q", timeout=60)
    assert done.code == 0 and json.loads(done.out)["kind"] == "test"


def test_a_sink_that_does_not(sinks, receiver, tmp_path):  # noqa: F811
    """R32: alerts test is 1, with the reason, where it does not: nobody there, refused, no such sink, bad settings"""
    def failed(*words, says):
        done = kit.run("alerts", "test", *words, timeout=60)
        assert done.code == 1 and says in done.err and "took the message" not in done.out, done

    failed("away", "--hub-config", sinks, says="127.0.0.1")
    for status in (500, 404, 302):
        receiver.status = status
        failed("good", "--hub-config", sinks, says=str(status))
    failed("pager", "--hub-config", sinks, says="no sink called pager")
    failed("good", says="--hub-config")
    failed("good", "--hub-config", tmp_path / "none.yaml", says="none.yaml")
    failed(says="SINK")
    sinks.write_text(sinks.read_text().replace("/hook", "/hook\n    secret: whsec_*"))
    failed("out", "--hub-config", sinks, says='"secret"')


def test_the_admin_s_token_stays_here(fleet, tmp_path):
    """R39: the token that a hub of this user left is sent to a hub on this machine, and to no other"""
    os.symlink(fleet.hub.state, tmp_path / "rummage")
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    ours = kit.run("workloads", "--hub", "http://127.0.0.1:%d/" % fleet.hub.port, env=home, timeout=60)
    assert ours.code == 0 and ours.out, ours
    other = socket.gethostname()
    try:
        if not socket.gethostbyname(other).startswith("127."):
            pytest.skip("this machine's name is not of loopback")
    except OSError:
        pytest.skip("this machine's name has no address")
    named = kit.run("workloads", "--hub", "http://%s:%d" % (other, fleet.hub.port), env=home, timeout=60)
    assert named.code == 1 and ("send a token" in named.err or "hub running" in named.err), named
