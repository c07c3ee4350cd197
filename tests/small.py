# SPDX-License-Identifier: Apache-2.0
"""A small image, and two advisories about it in the form of OSV's records."""

import json
import os
import time

import pytest

from image import File, Image, alpine_release, apk_row
from synth import Small


def small_image():
    """Alpine 3.18 with xz and musl, lodash of npm, a script of no package."""
    made = Image()
    made.layer([
        File("etc/os-release", alpine_release("3.18.0")),
        File("lib/apk/db/installed", apk_row("xz", "5.2.2-r0") + apk_row("musl", "1.2.4-r0")),
        File("usr/local/bin/hello", "#!/bin/sh\necho hello\n", mode=0o755),
    ], created_by="ADD rootfs.tar /")
    made.layer([File("srv/node_modules/lodash/package.json",
                     json.dumps({"name": "lodash", "version": "4.17.4"}))],
               created_by="RUN npm install")
    return made


def osv(identifier, ecosystem, name, fixed, kind, **more):
    return dict({
        "schema_version": "1.6.0", "id": identifier, "modified": "2026-01-01T00:00:00Z",
        "published": "2025-01-01T00:00:00Z", "summary": "A made-up sentence about " + name,
        "affected": [{"package": {"ecosystem": ecosystem, "name": name},
                      "ranges": [{"type": kind, "events": [{"introduced": "0"}, {"fixed": fixed}]}]}],
    }, **more)


ADVISORIES = {
    "npm": osv("GHSA-jf85-cpcp-j695", "npm", "lodash", "4.17.12", "SEMVER",
               aliases=["CVE-2019-10744"],
               severity=[{"type": "CVSS_V3",
                          "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:H"}]),
    "Alpine": osv("ALPINE-CVE-2024-3094", "Alpine:v3.18", "xz", "5.2.3-r0", "ECOSYSTEM",
                  upstream=["CVE-2024-3094"]),
}


def write_feeds(folder):
    for ecosystem, record in ADVISORIES.items():
        path = os.path.join(folder, "osv", ecosystem)
        os.makedirs(path)
        with open(os.path.join(path, record["id"] + ".json"), "w", encoding="utf-8") as f:
            json.dump(record, f)


def write_record(feeds, ident, name, fixed="2.0.0", score="9.8", **more):
    """An advisory of a package of npm, in one step; the moment after it."""
    vectors = {"9.8": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
               "5.3": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"}
    record = osv(ident, "npm", name, fixed, "SEMVER",
                 severity=[{"type": "CVSS_V3", "score": vectors[score]}], **more)
    folder = os.path.join(str(feeds), "osv", "npm")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ident + ".new"), "w", encoding="utf-8") as f:
        json.dump(record, f)
    os.replace(os.path.join(folder, ident + ".new"), os.path.join(folder, ident + ".json"))
    return time.time()


def write_bad(feeds, names, ident="CVE-2026-700%d", **more):
    """A critical advisory of each package; the folder."""
    for i, name in enumerate(sorted(names)):
        write_record(feeds, ident % i, name, **more)
    return feeds


def fire(hub, feeds, node, number):
    """Something new to tell of the Source node: an image begins to be used, and then an advisory comes of what it has;
    which one."""
    name = "core-%d" % number
    image = Small("shop/web:%d" % number, {name: "1.0.0"}).put(hub)
    node.send(node.began("%064x" % number, image.name, image.digests))
    write_record(feeds, "CVE-2026-%d" % (6100 + number), name, "2.0.0")
    return "CVE-2026-%d" % (6100 + number)


@pytest.fixture(scope="module")
def feeds(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("feeds"))
    write_feeds(folder)
    return folder
