# SPDX-License-Identifier: Apache-2.0
"""`rummage hub --db-ref`: a hub that follows the advisory database in a registry."""

import pytest

import kit
from dbkit import (PATCH, WHOLE, access, build, dbs, fake, fetched, home,  # noqa: F401
                   layer_digests, manifest_of, push, read, serve_manifest, serve_whole,
                   write_record, zstd)
from hubkit import Hub, Receiver, Source, wait_for, with_hub  # noqa: F401
from registries import PASSWORD, USER, Real, free_port
from synth import Small

pytestmark = pytest.mark.usefixtures("with_hub")


class Follower:
    """A hub that follows a reference."""

    def __init__(self, folder, ref, *args, seconds=1, **how):
        self.receiver = Receiver()
        self.hub = Hub(folder, sink=self.receiver.url, env={"no_proxy": "*"},
                       args=["--db-ref", ref, "--feed-seconds", seconds, *args], **how)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hub.kill()
        self.receiver.close()

    def wait_said(self, text, seconds=60):
        wait_for(lambda: text in self.hub.said(), seconds,
                 said=lambda: "not said: %s in %s" % (text, self.hub.said()))


@pytest.mark.real
@pytest.mark.parametrize("mode", ["plain", "tls"])
def test_hub_takes_a_push(mode, dbs, home, tmp_path):
    """R37: a hub takes what is pushed to its reference at its next poll, and asks by HEAD meanwhile"""
    registry = Real(tmp_path, mode)
    args, how = access(registry)
    ref = registry.host + "/team/db:1"
    try:
        push(ref, dbs[0], *args, **dict(how, env=home))
        env = {"RUMMAGE_REGISTRY_PASSWORD": PASSWORD} if mode == "tls" else {}
        more = ["--username", USER, "--ca-cert", registry.ca] if mode == "tls" else []
        with Follower(tmp_path / "hub", ref, *more) as f:
            f.hub.env.update(home, **env)
            f.hub.start()
            assert built(f.hub) == 1900000000
            push(ref, dbs[1], *args, **dict(how, env=home))
            wait_for(lambda: built(f.hub) == 1900000001, 60, said=f.hub.said)
    finally:
        registry.stop()


def built(hub):
    return int(hub.metrics().get("rummage_database_built_timestamp_seconds", 0))


def test_hub_polls(fake, dbs, home, tmp_path):
    """R37: while nothing is new, a hub asks by HEAD and fetches nothing; a patch where something is"""
    ref = fake.host + "/db:1"
    push(ref, dbs[0], env=home)
    with Follower(tmp_path / "hub", ref) as f:
        f.hub.env.update(home)
        f.hub.start()
        fake.log.clear()
        wait_for(lambda: len(fake.methods("/manifests/")) >= 3, 60)
        assert set(fake.methods("/manifests/")) == {"HEAD"} and fetched(fake) == []
        push(ref, dbs[1], env=home)
        wait_for(lambda: built(f.hub) == 1900000001, 60, said=f.hub.said)
        assert layer_digests(fake, PATCH)[0] in fetched(fake)
        assert layer_digests(fake, WHOLE)[0] not in fetched(fake)
        # Started again while the registry is away, it uses what it has.
        fake.behave = lambda h, kind, name: h.send(500) or True
        f.hub.restart()
        assert built(f.hub) == 1900000001
        f.wait_said("HTTP 500")
        fake.behave = None
        f.wait_said("current again")


def test_hub_refuses_a_bad_one(fake, dbs, home, tmp_path):
    """R37: a hub that is given a bad database says so, keeps the old one, and takes the next good one"""
    ref = fake.host + "/db:1"
    push(ref, dbs[1], env=home)
    good = manifest_of(fake)
    with Follower(tmp_path / "hub", ref) as f:
        f.hub.env.update(home)
        f.hub.start()
        file = bytearray(read(dbs[2]))
        file[3000] ^= 1
        serve_whole(fake, zstd(bytes(file)), bytes=len(file), digest="sha256:" + "1" * 64)
        f.wait_said("the last database stays in use")
        said = f.hub.said()
        assert ref in said and built(f.hub) == 1900000001
        # It is not fetched at every poll, only asked after.
        fake.log.clear()
        wait_for(lambda: len(fake.methods("/manifests/")) >= 3, 60)
        assert fetched(fake) == [] and set(fake.methods("/manifests/")) == {"HEAD"}
        # Nor is an older one taken, which is told apart.
        push(fake.host + "/old:1", dbs[0], env=home)
        old = manifest_of(fake)
        serve_manifest(fake, good)
        f.wait_said("current again")
        serve_manifest(fake, old)
        f.wait_said("older database")
        assert built(f.hub) == 1900000001
        serve_manifest(fake, good)
        push(ref, dbs[2], env=home)
        wait_for(lambda: built(f.hub) == 1900000002, 60, said=f.hub.said)


def test_hub_tells_what_a_push_discloses(fake, home, tmp_path):
    """R37: an advisory that comes by a push raises its alert"""
    ref, folder = fake.host + "/db:1", str(tmp_path / "feeds")
    write_record(folder, 1)
    push(ref, build(folder, str(tmp_path / "1.db")), env=home)
    with Follower(tmp_path / "hub", ref) as f:
        f.hub.env.update(home)
        f.hub.start()
        image, node = Small("shop/app:1", {"package-0007": "1.2.0"}).put(f.hub), Source(f.hub, "node-1")
        node.send(node.began("a" * 64, image.name, image.digests, "app"))
        write_record(folder, 7)
        push(ref, build(folder, str(tmp_path / "2.db"), 1900000001), env=home)
        f.receiver.wait(60, advisory="CVE-2030-00007")
        assert len(f.hub.alerts()) == 1


def test_hub_options(home, tmp_path):
    """A folder and a reference exclude each other, and a reference must be one"""
    run = kit.run("hub", "--db-ref", "h/x:1", "--feed-dir", str(tmp_path), env=home)
    assert run.code == kit.FAILED and "exclude each other" in run.err
    run = kit.run("hub", "--db-ref", "Bad Ref", "--state-dir", str(tmp_path), "--listen",
                  "127.0.0.1:%d" % free_port(), env=home)
    assert run.code == kit.FAILED and "names of repositories have no capital letters" in run.err
