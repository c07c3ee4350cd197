# SPDX-License-Identifier: Apache-2.0
"""Findings against oracle_match.py, which works them out from the publishers' files by itself.

Once on the images of the corpus, and once on worlds made here: trees whose packages have versions at, just
below and just above each fix that a feed names.

RUMMAGE_FEEDS  folder with unpacked feeds (default: ../shared's, unpacked for the session)
"""

import json
import os
import random
import subprocess
import zipfile

import pytest

import kit
import oracle_match

pytestmark = pytest.mark.slow
PACKAGES = int(os.environ.get("RUMMAGE_WORLD", "250"))


@pytest.fixture(scope="session")
def feed_folder(shared, tmp_path_factory):
    if os.environ.get("RUMMAGE_FEEDS"):
        return os.environ["RUMMAGE_FEEDS"]
    unpack = os.path.join(shared, "data", "feeds", "unpack.sh")
    if not os.path.exists(unpack):
        pytest.skip("no feeds at " + unpack)
    folder = str(tmp_path_factory.mktemp("feeds"))
    subprocess.run(["bash", unpack, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="session")
def feeds(feed_folder):
    return oracle_match.Feeds(feed_folder)


@pytest.fixture(scope="session")
def database(rummage, feed_folder, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("db") / "feeds.db")
    done = kit.run("db", "build", "--from", feed_folder, "--out", path, timeout=300)
    assert done.code == 0, done.err
    return path


def judge(scan, database, feeds, ref, timeout=120):
    done = scan(ref, "--db", database, timeout=timeout)
    assert done.code in (kit.OK, kit.INCOMPLETE), done
    faults, unchecked, n = oracle_match.compare(done.json, feeds)
    assert faults == [], "%d faults" % len(faults)
    return done.json, unchecked, n


@pytest.mark.parametrize("name", sorted(kit.ready_images()) or ["none"])
def test_ready_images(scan, database, feeds, corpus, name):
    """Findings of a ready image equal the oracle's, zero missing, zero extra."""
    if name not in corpus:
        pytest.skip("no ready images")
    judge(scan, database, feeds, corpus[name][0])


@pytest.mark.parametrize("name", sorted(kit.BUILT))
def test_built_images(scan, database, feeds, built_corpus, name):
    """Findings of a built image equal the oracle's, zero missing, zero extra."""
    if name not in built_corpus:
        pytest.skip("not built")
    judge(scan, database, feeds, built_corpus[name][0], timeout=600)


# Worlds --------------------------------------------------------------------------------------------


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def os_release(root, ident, version):
    write(root, "etc/os-release", "ID=%s\nVERSION_ID=%s\n" % (ident, version))


def dpkg(root, packages):
    write(root, "var/lib/dpkg/status", "".join(
        "Package: lib%s\nStatus: install ok installed\nArchitecture: amd64\nSource: %s\nVersion: %s\n\n" % (n, n, v)
        for n, v in packages))


def apk(root, packages):
    write(root, "lib/apk/db/installed", "".join(
        "P:%s\nV:%s\nA:x86_64\no:%s\n\n" % (n if i % 2 else n + "-libs", v, n) for i, (n, v) in enumerate(packages)))


def rpm(root, packages):
    """The text list of packages that images without an rpm database have."""
    rows = []
    for i, (n, v) in enumerate(packages):
        epoch, version, release = oracle_match.evr(v)
        vr = "%s-%s" % (version, release or "1")
        rows.append("%s\t%s\t1\t1\tV\t%s\t1\tx86_64\t%d\t%s-%s.src.rpm\n" % (
            n if i % 2 else n + "-sub", vr, epoch or "(none)", epoch, n, vr))
    write(root, "var/lib/rpmmanifest/container-manifest-2", "".join(rows))


def python(root, packages):
    for n, v in packages:
        write(root, "opt/venv/lib/python3.11/site-packages/%s-%s.dist-info/METADATA" % (n.replace("-", "_"), v),
              "Metadata-Version: 2.1\nName: %s\nVersion: %s\n\n" % (n, v))


def node(root, packages):
    for n, v in packages:
        write(root, "srv/node_modules/%s/package.json" % n, json.dumps({"name": n, "version": v}))


def maven(root, packages):
    for i, (n, v) in enumerate(packages):
        group, _, artifact = n.partition(":")
        path = os.path.join(root, "srv/%d/%s-%s.jar" % (i, artifact, v))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with zipfile.ZipFile(path, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n\n")
            jar.writestr("META-INF/maven/%s/%s/pom.properties" % (group, artifact),
                         "groupId=%s\nartifactId=%s\nversion=%s\n" % (group, artifact, v))


WORLDS = {
    # name: (os-release, ecosystem, writer, what is put behind a version to be below and above it)
    "debian-12": (("debian", "12"), "Debian:12", dpkg, ("~x", "+b1")),
    "debian-10": (("debian", "10"), "Debian:10", dpkg, ("~x", "+b1")),
    "ubuntu-22.04": (("ubuntu", "22.04"), "Ubuntu:22.04:LTS", dpkg, ("~x", "+b1")),
    "ubuntu-16.04": (("ubuntu", "16.04"), "Ubuntu:Pro:16.04:LTS", dpkg, ("~x", "+b1")),
    "alpine-3.17": (("alpine", "3.17.2"), "Alpine:v3.17", apk, ("", "")),
    "alpine-edge": (("alpine", "edge"), "Alpine:edge", apk, ("", "")),
    "wolfi": (("wolfi", "20230201"), "Wolfi", apk, ("", "")),
    "azurelinux-3": (("azurelinux", "3.0"), "Azure Linux:3", rpm, ("~x", "^x")),
    "photon-3": (("photon", "3.0"), "Photon OS:3.0", rpm, ("~x", "^x")),
    "rocky-8": (("rocky", "8.9"), "Rocky Linux:8", rpm, ("~x", "^x")),
    "pypi": (None, "PyPI", python, (".dev1", ".post1")),
    "npm": (None, "npm", node, ("-0", "")),
    "maven": (None, "Maven", maven, ("-rc1", "-sp1")),
}


def versions_of(rules, below, above):
    """Versions that a package's rules speak of, with their neighbours; sorted, so that a seed picks alike."""
    named = {at for r in rules for events in r.ranges for _, at in events if at != "0"}
    named |= {v for r in rules for v in r.versions[:3]}
    return sorted(named | {v + below for v in named} | {v + above for v in named} or {"1.0-1"})


def plain(text):
    """Fit to be a file's name and a line of a database."""
    return text and not any(c in text for c in " \t\n/\\") or (text.startswith("@") and text.count("/") == 1)


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_worlds(scan, database, feeds, tmp_path, name):
    """Versions at, below and above each fix are judged as the oracle judges them."""
    release, ecosystem, put, (below, above) = WORLDS[name]
    rng = random.Random(name)
    names = sorted(n for e, n in feeds.rules if e == ecosystem and plain(n))
    if not names:
        pytest.skip("no feed covers " + ecosystem)
    packages = []
    for package in rng.sample(names, min(len(names), PACKAGES)):
        versions = [v for v in versions_of(feeds.rules[ecosystem, package], below, above) if plain(v)]
        packages += [(package, rng.choice(versions))] if versions else []
    root = str(tmp_path / "root")
    os_release(root, *(release or ("none", "0")))
    put(root, packages)
    report, unchecked, n = judge(scan, database, feeds, "rootfs:" + root, timeout=300)
    if unchecked:
        pytest.skip(str(unchecked))
    assert len(report["components"]) >= 0.95 * len(packages)
    assert n > 0
