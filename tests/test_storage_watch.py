# SPDX-License-Identifier: Apache-2.0
"""The agent and a Podman without a service: what lies and runs there is told by what is on disk."""

import contextlib
import json
import os
import shutil
import sqlite3
import time

import pytest

import kit
import small
from containerd import app, waiting_program
from engines import Podman
from hubkit import SOON, Hub, wait_for, with_hub  # noqa: F401
from nodekit import Agent, Cut
from registries import PASSWORD, USER, Real

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

ADVISORY, IMAGE = "CVE-2026-7301", "example.test/shop:1"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An archive of an image that waits, with a package that an advisory is on."""
    folder = tmp_path_factory.mktemp("image")
    app(waiting_program(folder), {"old-core": "1.0.0"}).write_archive(folder / "app.tar", tag=IMAGE)
    return folder / "app.tar"


@pytest.fixture
def store(tmp_path):
    made = Podman(tmp_path / "podman")
    yield made
    made.close()


@pytest.fixture
def hub(tmp_path):
    small.write_record(tmp_path / "feeds", ADVISORY, "old-core")
    with Hub(tmp_path / "hub", feeds=tmp_path / "feeds") as started:
        yield started


def watching(tmp_path, hub, store, *args):
    return Agent(tmp_path / "node", hub, *(args or ("--podman", store.root)),
                 env={"CONTAINERS_STORAGE_CONF": store.settings, "CONTAINER_HOST": ""})


def running(hub):
    return {u["container"] for u in hub.who_runs(IMAGE, running="true")}


def uses(hub):
    """(container, began, ended) of every use that the hub's store has, which is behind what it answers."""
    with contextlib.closing(sqlite3.connect("file:%s/hub.db?mode=ro" % hub.state, uri=True)) as db:
        return db.execute("SELECT container, began_ms, ended_ms FROM use WHERE cached = 0 "
                          "AND runtime = 'podman' ORDER BY began_ms, id").fetchall()


def test_from_load_to_end(tmp_path, hub, store, image):
    """R14 R31: with nobody listening: a load is read, a start is a use at once, an end is its end"""
    with watching(tmp_path, hub, store) as agent:
        agent.wait_said("watches podman")
        store.run("load", "-q", "-i", str(image))
        found = wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 60, 0.05, agent.said)
        report = hub.get("/api/v1/images/" + found[0]["digest"])
        assert [f["id"] for f in report["findings"]] == [ADVISORY] and report["complete"]
        lasts = store.start(IMAGE, "web")
        began = time.time()
        wait_for(lambda: running(hub) == {lasts}, 30, 0.01, agent.said)
        took = time.time() - began
        use = hub.who_runs(IMAGE, running="true")[0]
        assert use["name"] == "web"
        store.run("kill", "web")
        ended = time.time()
        wait_for(lambda: not running(hub), 30, 0.01, agent.said)
        print("use after %.3f s, end after %.3f s" % (took, time.time() - ended))
        assert took <= SOON and time.time() - ended <= SOON
        # The same container once more is another use, with times of its own.
        store.run("start", "web")
        wait_for(lambda: running(hub) == {lasts}, 30, 0.01, agent.said)
        wait_for(lambda: len(uses(hub)) == 2, 30, 0.01, agent.said)
        first, second = uses(hub)
        assert first[1] < first[2] <= second[1] and second[2] == 0
        store.run("rm", "-f", "-t", "0", "web")
        wait_for(lambda: not running(hub), 30, 0.01, agent.said)
        store.run("rmi", IMAGE)
        wait_for(lambda: not any(i["cached"] for i in hub.items("/api/v1/images")), 30, 0.05, agent.said)
        assert agent.stop() == 0


def test_pulled_and_the_registry_gone(tmp_path, hub, store, image):
    """R16 R22: what was pulled is read from disk, with the registry stopped and its credentials given back"""
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "basic")
    ref = registry.host + "/shop/app:1"
    store.run("load", "-q", "-i", str(image))
    store.run("push", "-q", "--tls-verify=false", "--creds", "%s:%s" % (USER, PASSWORD), IMAGE, ref)
    store.run("rmi", "-a", "-f")
    store.run("pull", "-q", "--tls-verify=false", "--creds", "%s:%s" % (USER, PASSWORD), ref)
    registry.stop()
    with watching(tmp_path, hub, store) as agent:
        found = wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 60, 0.05, agent.said)
        report = hub.get("/api/v1/images/" + found[0]["digest"])
        assert [f["id"] for f in report["findings"]] == [ADVISORY] and report["complete"]


def test_while_nobody_looked(tmp_path, hub, store, image):
    """R39: an agent that was killed finds what runs still, once, and that the rest is over"""
    store.run("load", "-q", "-i", str(image))
    agent = watching(tmp_path, hub, store)
    try:
        agent.start()
        lasts, ends = store.start(IMAGE, "lasts"), store.start(IMAGE, "ends")
        wait_for(lambda: running(hub) == {lasts, ends}, 60, 0.05, agent.said)
        agent.kill()
        store.run("kill", "ends")
        late = store.start(IMAGE, "late")
        agent.start()
        wait_for(lambda: running(hub) == {lasts, late}, 60, 0.05, agent.said)
        wait_for(lambda: sorted(u[0] for u in uses(hub)) == sorted([lasts, ends, late]), said=lambda: repr(uses(hub)))
    finally:
        agent.kill()


def test_many(tmp_path, hub, store, image):
    """R14: twenty containers that start and end at once have one use each"""
    store.run("load", "-q", "-i", str(image))
    with watching(tmp_path, hub, store) as agent:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        ids = [store.start(IMAGE, "many-%d" % i) for i in range(20)]
        wait_for(lambda: running(hub) == set(ids), 60, 0.05, agent.said)
        store.run("kill", "-a")
        wait_for(lambda: not running(hub), 60, 0.05, agent.said)
        wait_for(lambda: sorted(u[0] for u in uses(hub) if u[2]) == sorted(ids), 60, 0.05, agent.said)
        assert len(uses(hub)) == len(ids)


def test_the_service_is_cut_off(tmp_path, hub, store, image):
    """R39: what Podman's service told of while it could not be heard is heard later, with its times"""
    store.run("load", "-q", "-i", str(image))
    store.serve()
    cut = Cut(tmp_path / "cut.sock", store.socket)
    try:
        with watching(tmp_path, hub, store, "--podman", cut.path) as agent:
            lasts = store.start(IMAGE, "lasts")
            wait_for(lambda: running(hub) == {lasts}, 60, 0.05, agent.said)
            cut.stop()
            short = store.start(IMAGE, "short")
            store.run("kill", "short")
            store.run("rm", "-f", "short")
            late = store.start(IMAGE, "late")
            cut.go_on()
            wait_for(lambda: running(hub) == {lasts, late}, 60, 0.05, agent.said)
            wait_for(lambda: {u[0] for u in uses(hub)} == {lasts, short, late} and
                     [u[0] for u in uses(hub) if u[2]] == [short], 60, 0.05, agent.said)
            assert len(uses(hub)) == 3
    finally:
        cut.close()


def test_found_by_itself(tmp_path, hub, store, image):
    """R14: a store is found where no service has it; a user's own service is found too; none is told twice"""
    store.run("load", "-q", "-i", str(image))
    root = tmp_path / "machine"
    os.makedirs(root / "var/lib/containers")
    os.symlink(store.root, root / "var/lib/containers/storage")
    env = {"CONTAINERS_STORAGE_CONF": store.settings, "CONTAINER_HOST": "", "RUMMAGE_TEST_ROOT": str(root),
           "XDG_RUNTIME_DIR": ""}

    def once():
        done = kit.run("node", "--once", "-o", "json", env=env, cache=tmp_path / "cache")
        assert done.code == 0, done
        return done.json

    def places():
        return [r["address"].removeprefix(str(root)) for r in once()["runtimes"]]

    seen = once()
    assert [(r["kind"], r["listed"]) for r in seen["runtimes"]] == [("podman", True)]
    assert [(i["ref"], i["inventory"]) for i in seen["images"]] == [(IMAGE, "complete")]
    assert places() == ["/var/lib/containers/storage"]
    store.serve()
    for where in ("/run/user/1234/podman", "/run/podman"):
        os.makedirs(str(root) + where)
    os.symlink(store.socket, root / "run/user/1234/podman/podman.sock")
    assert places() == ["/run/user/1234/podman/podman.sock", "/var/lib/containers/storage"]
    shutil.rmtree(root / "run/user")
    os.symlink(store.socket, root / "run/podman/podman.sock")
    assert places() == ["/run/podman/podman.sock"]


def test_an_image_that_comes_in_pieces(tmp_path, hub, store, image):
    """R16: an image that is listed before it is whole is told, and read, once it is"""
    store.run("load", "-q", "-i", str(image))
    listed = store.root + "/overlay-images/images.json"
    with open(listed, encoding="ascii") as f:
        whole = f.read()
    rows = json.loads(whole)
    folder = "%s/overlay-images/%s" % (store.root, rows[0]["id"])
    # As Podman has it at first: without documents, of which the list then says nothing.
    for name in ("names", "digest", "big-data-names", "big-data-sizes", "big-data-digests"):
        rows[0].pop(name, None)
    os.rename(folder, folder + ".away")
    with open(listed, "w", encoding="ascii") as f:
        json.dump(rows, f)
    with watching(tmp_path, hub, store) as agent:
        agent.wait_said("watches podman")
        os.rename(folder + ".away", folder)
        with open(listed + ".new", "w", encoding="ascii") as f:
            f.write(whole)
        os.rename(listed + ".new", listed)
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 90, 0.05, agent.said)
