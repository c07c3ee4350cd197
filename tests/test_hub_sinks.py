# SPDX-License-Identifier: Apache-2.0
"""A hub and who it tells: what a group becomes for sinks that make something of each alert."""

import collections
import os

import pytest

import sinks
from hubkit import Hub, Source, wait_for, with_hub  # noqa: F401
from small import write_record
from synth import Small
from test_hub import POLICY

pytestmark = pytest.mark.usefixtures("with_hub")

SECONDS = 60  # until a condition holds, on a machine that has other work


def settings(folder, **of_sinks):
    """The hub's file, with an address and sinks as {name: {setting: value}}."""
    path = os.path.join(str(folder), "hub.yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write("address: https://hub.example.com\nsinks:\n")
        for name, values in of_sinks.items():
            f.write("  %s:\n" % name)
            f.writelines("    %s: %s\n" % pair for pair in values.items())
    return path


def use(hub, n, package):
    """So many images of a package, each in use; a Source that says so."""
    node = Source(hub, "node-1")
    images = [Small("shop/app-%d:1" % i, {package: "1.0.0"}).put(hub) for i in range(n)]
    node.send(*[node.began("%064x" % i, image.name, image.digests) for i, image in enumerate(images)])
    return node


@pytest.fixture
def feeds(tmp_path):
    write_record(tmp_path / "feeds", "CVE-2026-8000", "nobody-has-this", "1.0.0")
    return tmp_path / "feeds"


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_each_alert_of_a_large_group(tmp_path, feeds, policy):
    """R30: of 250 alerts that begin at once each is an incident of its own, and so ends"""
    n, pager, chat, am = 250, sinks.Receiver(), sinks.Receiver(), sinks.Alertmanager()
    try:
        config = settings(tmp_path, pager={"kind": "pagerduty", "url": pager.url, "routing_key": "R0"},
                          chat={"kind": "webhook", "url": chat.url}, am={"kind": "alertmanager", "url": am.url})
        with Hub(tmp_path / "hub", feeds=feeds, policy=policy, config=config) as hub:
            node = use(hub, n, "core-0")
            write_record(feeds, "CVE-2026-8001", "core-0", "2.0.0")

            def told(action):
                return collections.Counter(e["dedup_key"] for e in [r.json for r in pager.requests]
                                           if e["event_action"] == action)

            wait_for(lambda: len(told("trigger")) >= n, SECONDS, 0.1, hub.said)
            wait_for(lambda: len(am.alerts()) >= n, SECONDS, 0.1, hub.said)
            keys = {a["key"] for a in hub.alerts(advisory="CVE-2026-8001")}
            assert len(keys) == n and told("trigger") == collections.Counter(keys)
            assert {a["labels"]["alert_key"] for a in am.alerts()} == keys

            def chatted():
                return [(len(m["items"]), m["items_left_out"]) for m in [r.json["data"] for r in chat.requests]
                        if m["kind"] == "fired"]

            assert wait_for(chatted, SECONDS, 0.1, hub.said) == [(100, n - 100)]
            node.send(*[node.ended("%064x" % i) for i in range(n)])
            wait_for(lambda: len(told("resolve")) >= n, SECONDS, 0.1, hub.said)
            assert told("resolve") == told("trigger") == collections.Counter(keys)
            wait_for(lambda: not am.alerts(), SECONDS, 0.1, hub.said)
            assert not hub.items("/api/v1/outbox", state="dead")
    finally:
        for receiver in (pager, chat, am):
            receiver.close()


def firing(am):
    return {a["labels"]["alert_key"] for a in am.alerts()}


def test_alertmanager_is_told_again(tmp_path, feeds, policy):
    """R30: an Alertmanager that forgot all hears of it within a repeat; what is suppressed or resolved ends"""
    am = sinks.Alertmanager()
    try:
        config = settings(tmp_path, am={"kind": "alertmanager", "url": am.url, "repeat": 2})
        with Hub(tmp_path / "hub", feeds=feeds, policy=policy, config=config) as hub:
            node = use(hub, 3, "core-0")
            write_record(feeds, "CVE-2026-8001", "core-0", "2.0.0")
            wait_for(lambda: len(am.alerts()) == 3, SECONDS, 0.1, hub.said)
            alerts = {a["key"]: a["id"] for a in hub.alerts(advisory="CVE-2026-8001")}
            first = {a["labels"]["alert_key"]: a for a in am.alerts()}
            assert set(first) == set(alerts)
            # Again and again: it lasts longer each time, and is the same alert otherwise.
            wait_for(lambda: all(a["endsAt"] > first[a["labels"]["alert_key"]]["endsAt"] for a in am.alerts()),
                     SECONDS, 0.1, hub.said)
            for alert in am.alerts():
                was = first[alert["labels"]["alert_key"]]
                assert all(alert[k] == was[k] for k in ("labels", "startsAt", "generatorURL"))
                assert alert["annotations"].pop("marks") == was["annotations"].pop("marks").replace(", new", "")
                assert alert["annotations"] == was["annotations"]
            sent = len(hub.items("/api/v1/outbox", state="sent"))
            am.forget()
            wait_for(lambda: firing(am) == set(alerts), SECONDS, 0.1, hub.said)
            gone, kept, known = sorted(alerts)
            hub.post("/api/v1/alerts/%d" % alerts[gone],
                     {"act": "suppress", "until": "2100-01-01T00:00:00Z", "reason": "no"})
            hub.post("/api/v1/alerts/%d" % alerts[known], {"act": "acknowledge", "reason": "seen"})
            wait_for(lambda: firing(am) == {kept, known}, SECONDS, 0.1, hub.said)
            am.forget()
            wait_for(lambda: firing(am) == {kept, known}, SECONDS, 0.1, hub.said)
            assert len(hub.items("/api/v1/outbox", state="sent")) == sent  # repeats are not in it
            node.send(*[node.ended("%064x" % i) for i in range(3)])
            wait_for(lambda: not am.alerts(), SECONDS, 0.1, hub.said)
    finally:
        am.close()


def test_a_dead_hubs_alerts_end(tmp_path, feeds, policy):
    """R30, R39: the hub is killed: its alerts end in Alertmanager by themselves, and fire again when it is back"""
    am = sinks.Alertmanager()
    try:
        config = settings(tmp_path, am={"kind": "alertmanager", "url": am.url, "repeat": 1})
        with Hub(tmp_path / "hub", feeds=feeds, policy=policy, config=config) as hub:
            use(hub, 3, "core-0")
            write_record(feeds, "CVE-2026-8001", "core-0", "2.0.0")
            wait_for(lambda: len(am.alerts()) == 3, SECONDS, 0.1, hub.said)
            keys = firing(am)
            hub.kill()
            wait_for(lambda: not am.alerts(), SECONDS, 0.1)
            sinks.wait_until(lambda: any(r.json["status"] == "resolved" for r in am.hook.requests),
                             "Alertmanager does not tell that they are over", SECONDS)
            hub.start()
            wait_for(lambda: firing(am) == keys, SECONDS, 0.1, hub.said)
    finally:
        am.close()
