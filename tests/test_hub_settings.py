# SPDX-License-Identifier: Apache-2.0
"""The hub's own file: what is wrong in it is told when the hub starts, and again at SIGHUP, which takes all of it
or nothing."""

import json
import os
import signal

import pytest

import kit
from hubkit import Client, Hub, Receiver, Source, receiver, wait_for, with_hub  # noqa: F401
from small import fire, write_record

pytestmark = pytest.mark.usefixtures("with_hub")


def sinks(**urls):
    return "sinks:\n" + "".join("  %s:\n    kind: webhook\n    url: %s\n" % row for row in urls.items())


@pytest.fixture
def feeds(tmp_path):
    write_record(tmp_path / "feeds", "CVE-2026-6000", "other", "2.0.0")
    return tmp_path / "feeds"


def refused(tmp_path, config, policy=None, rest=()):
    """What a hub says that does not start."""
    file = tmp_path / "hub.yaml"
    file.write_text(config)
    args = ["hub", "--state-dir", tmp_path / "state", "--listen", "127.0.0.1:0", "--hub-config", file, *rest]
    if policy:
        (tmp_path / "policy.yaml").write_text(policy)
        args += ["--policy", tmp_path / "policy.yaml"]
    done = kit.run(*args, cache=tmp_path / "cache", timeout=60)
    assert done.code == 1 and not done.killed, done
    assert not os.path.exists(tmp_path / "state" / "hub.db"), "it went on to the store"
    return done.err


@pytest.mark.parametrize("setting, says", [
    ("url: example.com/hook", '"url"'),
    ("url: https://", '"url"'),
    ("url: https://example.com:123456/", '"url"'),
    ("url: https://example.com/\n    secret: whsec_!", '"secret"'),
    ("url: https://example.com/\n    ca: /nowhere/ca.pem", '"ca"'),
    ("url: https://example.com/\n    ca: /etc/passwd", '"ca"'),
    ("url: https://example.com/\n    token_file: /nowhere/token", "/nowhere/token"),
    ("url: https://example.com/\n    colour: red", '"colour"'),
    ("secret: s", '"url"'),
])
def test_a_bad_sink_is_told_at_the_start(tmp_path, setting, says):
    """R32: a sink's bad setting is an error of the start, with the sink's and the setting's name"""
    said = refused(tmp_path, "sinks:\n  good:\n    kind: stdout\n  ops:\n    kind: webhook\n    %s\n" % setting)
    assert says in said, said
    assert "ops" in said or "hub.yaml:6" in said or "hub.yaml:7" in said, said
    assert "hub.yaml" in said


@pytest.mark.parametrize("config, says", [
    ("oidc:\n  issuer: http://id.example.com\n  audience: a\n", "oidc"),
    ("oidc:\n  issuer: https://id.example.com\n  audience: a\n  roles:\n    ops: owner\n", "owner"),
    ("oidc:\n  issuer: https://id.example.com\n  audience: a\n  jwks: /nowhere/keys\n", "/nowhere/keys"),
])
def test_a_bad_provider_is_told_at_the_start(tmp_path, config, says):
    """R39: so is an identity provider's"""
    assert says in refused(tmp_path, config)


def test_a_rule_tells_a_sink_that_is_there(tmp_path):
    """R32: a rule that would tell nobody is an error of the start"""
    policy = "rules:\n  - name: urgent\n    severity: high\n    sinks: [pagre]\n"
    said = refused(tmp_path, "sinks:\n  pager:\n    kind: stdout\n", policy)
    assert "pagre" in said and "urgent" in said and "policy.yaml" in said


@pytest.mark.parametrize("option, word, says", [
    ("--kubernetes-write", "label", '"label"'),
    ("--kubernetes-write", "green=labels", '"green"'),
    ("--crawl", "///", "'///'"),
    ("--registry-scans", "harbour=https://example.com", "'harbour="),
    ("--registry-scans", "harbor=http://example.com", "--insecure-registry"),
])
def test_a_bad_word_is_told_at_the_start(tmp_path, option, word, says):
    """R14: words of options are read before anything of the hub starts"""
    said = refused(tmp_path, "", rest=[option, word])
    assert says in said and "answers at" not in said, said


def hup(hub):
    """What the hub says to SIGHUP."""
    with open(hub.log, "rb") as f:
        before = len(f.read())
    hub.child.send_signal(signal.SIGHUP)

    def said():
        with open(hub.log, "rb") as f:
            text = f.read()[before:].decode()
        return text if "read again" in text or "stays as it is" in text else None

    return wait_for(said, 30, said="nothing is said to SIGHUP")


def test_sinks_are_read_again(tmp_path, feeds):
    """R32: SIGHUP takes new sinks and lets others go; those that stay lose nothing"""
    one, two = Receiver(), Receiver()
    config = tmp_path / "hub.yaml"
    config.write_text(sinks(one=one.url))
    try:
        with Hub(tmp_path / "hub", feeds=feeds, config=config) as hub:
            node = Source(hub, "node-1")
            one.wait(30, advisory=fire(hub, feeds, node, 1))
            config.write_text(sinks(one=one.url, two=two.url))
            assert "read again" in hup(hub)
            both = fire(hub, feeds, node, 2)
            one.wait(30, advisory=both)
            two.wait(30, advisory=both)
            config.write_text(sinks(two=two.url))
            assert "read again" in hup(hub)
            last = fire(hub, feeds, node, 3)
            two.wait(30, advisory=last)
            # The same name, another place.
            config.write_text(sinks(two=one.url))
            assert "read again" in hup(hub)
            moved = fire(hub, feeds, node, 4)
            one.wait(30, advisory=moved)
            assert not one.messages(advisory=last) and not two.messages(advisory=moved)
            assert len(one.messages(advisory=both)) == 1 == len(two.messages(advisory=both))
    finally:
        one.close()
        two.close()


@pytest.mark.parametrize("broken, says", [
    ("sinks:\n  one:\n    kind: webhook\n    url: nonsense\n", 'sink "one": "url"'),
    ("sinks:\n  one:\n    kind: pigeon\n", "hub.yaml:3"),
    ("sinks:\n  two:\n    kind: webhook\n", 'sink "two" lacks "url"'),
    ("oidc:\n  issuer: http://id.example.com\n  audience: a\n", "oidc"),
    ("open_metrics: true\nsinks: [", "hub.yaml"),
])
def test_a_broken_file_changes_nothing(tmp_path, feeds, receiver, broken, says):  # noqa: F811
    """R32: at SIGHUP a bad setting is said, with its sink, and all stays as it is"""
    config = tmp_path / "hub.yaml"
    config.write_text(sinks(one=receiver.url))
    with Hub(tmp_path / "hub", feeds=feeds, config=config) as hub:
        config.write_text(broken)
        said = hup(hub)
        assert "stays as it is" in said and says in said, said
        receiver.wait(30, advisory=fire(hub, feeds, Source(hub, "node-1"), 1))
        assert Client(hub.port).request("GET", "/metrics").status == 401


def test_a_sink_that_hangs_can_be_replaced(tmp_path, feeds, receiver):  # noqa: F811
    """R32: what a sink that is let go was about to take, the new one takes"""
    stuck = Receiver()
    stuck.pause_s = 60
    config = tmp_path / "hub.yaml"
    config.write_text(sinks(one=stuck.url))
    try:
        with Hub(tmp_path / "hub", feeds=feeds, config=config) as hub:
            advisory = fire(hub, feeds, Source(hub, "node-1"), 1)
            wait_for(lambda: stuck.tried, 30)
            config.write_text(sinks(one=receiver.url))
            assert "read again" in hup(hub)
            receiver.wait(60, advisory=advisory)
    finally:
        stuck.close()


def test_the_rest_is_read_again(tmp_path, feeds):
    """R39: open_metrics and the address hold from SIGHUP on"""
    config = tmp_path / "hub.yaml"
    config.write_text("open_metrics: false\n")
    with Hub(tmp_path / "hub", feeds=feeds, config=config) as hub:
        nobody = Client(hub.port)
        assert nobody.request("GET", "/metrics").status == 401
        config.write_text("open_metrics: true\n")
        hup(hub)
        assert nobody.request("GET", "/metrics").status == 200
        config.write_text("")
        hup(hub)
        assert nobody.request("GET", "/metrics").status == 401


def test_port_in_use(tmp_path, feeds):
    """R39: a port that somebody else has is said, with what to do"""
    with Hub(tmp_path / "hub", feeds=feeds) as first:
        done = kit.run("hub", "--state-dir", tmp_path / "second", "--listen", "127.0.0.1:%d" % first.port,
                       "--feed-dir", feeds, cache=tmp_path / "cache", timeout=60)
        assert done.code == 1 and not done.killed
        assert "127.0.0.1:%d" % first.port in done.err and "in use" in done.err
        assert "--listen" in done.err
        assert first.get("/healthz") == {"status": "ok"}
    for listen, says in (("127.0.0.1", "HOST:PORT"), ("127.0.0.1:99999", "HOST:PORT"),
                         ("192.0.2.1:1", "192.0.2.1:1"), ("nowhere.invalid:1", "nowhere.invalid")):
        done = kit.run("hub", "--state-dir", tmp_path / "third", "--listen", listen, cache=tmp_path / "cache",
                       timeout=60)
        assert done.code == 1 and says in done.err and "another hub" not in done.err, done


def test_messages_of_the_log_are_lines(tmp_path, feeds):
    """R39: what the hub says of broken settings has no control bytes of theirs"""
    config = tmp_path / "hub.yaml"
    config.write_text("")
    with Hub(tmp_path / "hub", feeds=feeds, config=config) as hub:
        config.write_text(json.dumps({"sinks": {"a\u001b[31mb": {"kind": "webhook", "url": "x"}}}))
        hup(hub)
        with open(hub.log, "rb") as f:
            assert b"\x1b" not in f.read()
