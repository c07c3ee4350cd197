# SPDX-License-Identifier: Apache-2.0
"""What is done to a container after it started: seen from within, in real engines."""

import hashlib

import pytest

from engines import debian, docker, import_root  # noqa: F401

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def image(docker, debian):  # noqa: F811
    import_root(docker, debian, "shop/debian:1")
    return "shop/debian:1"


def executables(run):
    return {e["path"]: (e["sha256"], e["owner"] and e["owner"].split("@")[0])
            for e in run.json["executables"]}


def test_scan_of_a_container(docker, image, scan):  # noqa: F811
    """R10: a running container is read with what was written in it, and whose layers are known costs little"""
    ident = docker.start(image, "scanned")
    docker.run("exec", "scanned", "sh", "-c",
               "touch /usr/bin/id; chmod 700 /usr/bin/env; rm /usr/bin/tail; cp /usr/bin/head /dropped")
    before = executables(scan("docker:" + image, env={"DOCKER_HOST": "unix://" + docker.socket}))
    found = scan("container:" + ident[:12])
    after = executables(found)
    assert found.json["complete"], found.json["notes"]
    assert "usr/bin/tail" not in after and after["usr/bin/id"] == before["usr/bin/id"]
    assert after.pop("dropped") == (before["usr/bin/head"][0], None)
    before.pop("usr/bin/tail")
    assert before == after
    again = scan("container:" + ident)
    assert executables(again)["dropped"] and again.json["complete"]
    assert again.json["timing_ms"]["read"] < found.json["timing_ms"]["read"]
    missing = scan("container:" + hashlib.sha256(b"none").hexdigest())
    assert missing.code == 1 and "no running container" in missing.err
