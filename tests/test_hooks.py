# SPDX-License-Identifier: Apache-2.0
"""What registries say by themselves: a hint, by which the registry is asked at once; never more."""

import base64
import hashlib
import hmac
import json

import pytest

from containerd import app
from hubkit import SOON, Client, Hub, Source, wait_for, with_hub, within  # noqa: F401
from image import sha256
from registries import Fake, Real, free_port
from small import feeds  # noqa: F401

pytestmark = pytest.mark.usefixtures("with_hub")

SECRET = "of-hooks"
KIND = {"Content-Type": "application/vnd.docker.distribution.events.v1+json"}


def hub_of(folder, feeds, *args, secret=SECRET):
    config = None
    if secret:
        (folder / "secret").write_text(secret + "\n")
        config = folder / "hub.yaml"
        config.write_text("hooks:\n  secret_file: %s\n" % (folder / "secret"))
    return Hub(folder / "hub", feeds=feeds, config=config, args=args, port=free_port())


def digests(image):
    return [sha256(image.config()), sha256(image.manifest())]


def means(hub, ref):
    """What the registry said last."""
    return [i["digest"] for i in hub.get("/api/v1/tags", ref=ref)["items"] if i["source"].endswith("/tags")]


def moved(hub, ref):
    return [a for a in hub.alerts(rule="tag-moved", state="firing") if a["title"].startswith(ref + " ")]


def hook(hub, kind, what, secret=None, **headers):
    body = what if isinstance(what, bytes) else json.dumps(what).encode()
    return Client(hub.port).request("POST", "/api/v1/hooks/" + kind, body, headers, secret=secret)


@pytest.mark.real
def test_a_push_is_an_alert(tmp_path, program, feeds):
    """R24: a registry that tells of its pushes: another image under a tag in use is alerted of soon, while
    nothing begins or ends"""
    one, two = (app(program, {"left-pad": v}) for v in ("1.0.0", "2.0.0"))
    with hub_of(tmp_path, feeds, "--tags") as hub:
        (tmp_path / "registry").mkdir()
        registry = Real(tmp_path / "registry", "plain",
                        ("http://127.0.0.1:%d/api/v1/hooks/distribution" % hub.port, SECRET))
        try:
            ref, first = registry.push("shop/app", "1", one)
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c", ref, digests(one))])
            wait_for(lambda: means(hub, ref) == [first], 30, 0.05, hub.said)
            assert not moved(hub, ref)
            _, second = registry.push("shop/app", "1", two)
            within(lambda: moved(hub, ref), SOON, 0.02, hub.said)
            assert means(hub, ref)[0] == second
            registry.push("shop/app", "1", one)
            wait_for(lambda: not moved(hub, ref), 30, 0.05, hub.said)
        finally:
            registry.stop()


def pushed(repository, tag, digest, host=None):
    return {"events": [{"action": "push", "request": {"host": host} if host else {},
                        "target": {"repository": repository, "tag": tag, "digest": digest}}]}


def test_a_hint_is_not_believed(tmp_path, program, feeds):
    """Whatever a message says, what the registry answers counts; of what nothing uses nobody asks"""
    image, other = (app(program, {"left-pad": v}) for v in ("3.0.0", "4.0.0"))
    fake = Fake()
    try:
        ref = fake.push("shop/app", "1", image)
        with hub_of(tmp_path, feeds, "--tags") as hub:
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c", ref, digests(image))])
            wait_for(lambda: means(hub, ref), 30, 0.05, hub.said)
            is_now = means(hub, ref)
            def heads():
                return len(fake.methods("/manifests/"))

            asked = heads()
            # It is as it was, and neither a tag that nobody uses.
            for message, tags in ((pushed("shop/app", "1", is_now[0]), 1), (pushed("shop/app", "2", is_now[0]), 0),
                                  (pushed("shop/other", "1", is_now[0]), 0), ({"events": []}, 0)):
                answer = hook(hub, "distribution", message, SECRET)
                assert (answer.status, answer.json["tags"]) == (202, tags), answer
            assert heads() == asked
            # A lie, from a host that has another name than machines know it by.
            answer = hook(hub, "distribution", pushed("shop/app", "1", "sha256:" + "6" * 64, "inside:5000"), SECRET)
            assert answer.json == {"hints": 1, "left_out": 0, "tags": 1}
            wait_for(lambda: heads() > asked, 30, 0.05, hub.said)
            # One that has no digest, and what is there is another one.
            fake.push("shop/app", "1", other)
            quay = {"repository": "shop/app", "docker_url": ref.split("/", maxsplit=1)[0] + "/shop/app",
                    "updated_tags": ["1", "latest"]}
            assert hook(hub, "quay", quay, SECRET).json["tags"] == 1
            wait_for(lambda: moved(hub, ref), 30, 0.05, hub.said)
            assert means(hub, ref)[0] == digests(other)[1]
            assert all(i["digest"] != "sha256:" + "6" * 64 for i in hub.get("/api/v1/tags", ref=ref)["items"])
    finally:
        fake.stop()


def forms(host, tag, digest):
    """What each registry sends of a push of shop/app, as its documentation shows it, where the host that is named is a
    registry's own; Azure's, Amazon's by EventBridge and by SNS, Google's by Pub/Sub."""
    event = {"version": "0", "id": "13cde686", "detail-type": "ECR Image Action", "source": "aws.ecr",
             "account": "123456789012", "time": "2019-11-16T01:54:34Z", "region": "us-west-2", "resources": [],
             "detail": {"result": "SUCCESS", "repository-name": "shop/app", "image-digest": digest,
                        "action-type": "PUSH", "image-tag": tag}}
    change = {"action": "INSERT", "digest": "%s/shop/app@%s" % (host, digest), "tag": "%s/shop/app:%s" % (host, tag)}
    yield "acr", {"id": "a", "timestamp": "2026-01-01T00:00:00Z", "action": "push",
                  "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 5, "length": 5,
                             "digest": digest, "repository": "shop/app", "tag": tag},
                  "request": {"id": "b", "host": host, "method": "PUT", "useragent": "docker"}}
    yield "ecr", event
    yield "ecr", {"Type": "Notification", "MessageId": "c", "TopicArn": "arn:aws:sns:us-west-2:123456789012:t",
                  "Message": json.dumps(event)}
    yield "gar", {"message": {"attributes": {}, "messageId": "1", "publishTime": "2026-01-01T00:00:00Z",
                              "data": base64.b64encode(json.dumps(change).encode()).decode()},
                  "subscription": "projects/p/subscriptions/s"}
    yield "gar", change


def test_each_form_is_a_hint(tmp_path, program, feeds):
    """R24: events of Azure's, Amazon's and Google's registries have the registry asked, whatever wraps them; who asks
    for a subscription to be confirmed is told that nobody here does"""
    fake = Fake()
    try:
        ref = fake.push("shop/app", "1", app(program, {"left-pad": "1.0.0"}))
        with hub_of(tmp_path, feeds, "--tags") as hub:
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c", ref, digests(app(program, {"left-pad": "1.0.0"})))])
            wait_for(lambda: means(hub, ref), 30, 0.05, hub.said)
            for i, (kind, message) in enumerate(forms(fake.host, "1", "sha256:" + "7" * 64)):
                image = app(program, {"left-pad": "2.0.%d" % i})
                fake.push("shop/app", "1", image)
                assert hook(hub, kind, message, SECRET).json == {"hints": 1, "left_out": 0, "tags": 1}, kind
                wait_for(lambda image=image: means(hub, ref)[0] == digests(image)[1], 30, 0.05, hub.said)
            answer = hook(hub, "ecr", {"Type": "SubscriptionConfirmation", "SubscribeURL": "http://%s/x" % fake.host},
                          SECRET)
            assert answer.status == 422 and "SubscribeURL" in answer.json["error"]
            assert not fake.asked("/x")
    finally:
        fake.stop()


def test_who_asks_is_told(tmp_path, feeds):
    """Where the hub asks no registry, a machine that uses the tag is told to, when it is heard of next"""
    ref, mine = "registry.example/shop/app:1", ["sha256:" + "5" * 64, "sha256:" + "6" * 64]
    with hub_of(tmp_path, feeds, "--no-tags") as hub:
        node, asker = Source(hub, "node-1"), Source(hub, "node-1", name="node-1/tags")
        hub.events([asker.event("snapshot.began"), asker.event("snapshot.ended")])
        assert hub.events([node.began("a", ref, mine)])["tags"] == [{"ref": ref, "known": mine}]
        hub.events([asker.tag(ref, mine[1])])
        assert hub.events([asker.event("heartbeat")])["tags"] == []
        assert hook(hub, "distribution", pushed("shop/app", "1", mine[0]), SECRET).json["tags"] == 1
        told = hub.events([asker.event("heartbeat")])["tags"]
        assert [t["ref"] for t in told] == [ref]
        assert hub.events([asker.event("heartbeat")])["tags"] == []


def test_by_a_secret(tmp_path, feeds):
    """R39: without the secret nothing is taken, and guesses soon have to wait; without one set there is nothing"""
    message = pushed("a/b", "1", "sha256:" + "1" * 64)
    body = json.dumps(message).encode()
    (tmp_path / "none").mkdir()
    with hub_of(tmp_path / "none", feeds, "--no-tags", secret=None) as hub:
        assert hook(hub, "distribution", message, SECRET).status == 404
    with hub_of(tmp_path, feeds, "--no-tags") as hub:
        mac = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        for good in ({"Authorization": "Bearer " + SECRET}, {"Authorization": SECRET}, {"X-Hub-Signature-256": mac}):
            assert hook(hub, "distribution", body, **good).status == 202, good
        assert hook(hub, "distribution", body, SECRET).status == 202
        assert hook(hub, "pigeon", body, SECRET).status == 404
        assert hook(hub, "distribution", b"{", SECRET).status == 400
        try:
            assert hook(hub, "distribution", b" " * (1 << 20) + body, SECRET).status == 413
        except OSError:
            pass  # refused before all of it was taken
        assert Client(hub.port).request("GET", "/api/v1/hooks/quay").status == 405
        # The admin's token is another thing.
        for bad in ({}, {"Authorization": "Bearer " + hub.token}, {"Authorization": ""},
                    {"X-Hub-Signature-256": mac[:-1] + "g"}, {"X-Hub-Signature-256": mac, "changed": "1"}):
            changed = body + b" " if bad.pop("changed", None) else body
            assert hook(hub, "distribution", changed, **bad).status == 403, bad
        assert hook(hub, "distribution", body, SECRET[:-1]).status == 403
        statuses = [hook(hub, "distribution", body, "guess").status for _ in range(20)]
        assert statuses[0] == 403 and statuses[-1] == 429, statuses
        assert hook(hub, "distribution", body, SECRET).status == 202
