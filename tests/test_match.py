# SPDX-License-Identifier: Apache-2.0
"""Findings of small trees against small feeds, both made here: what each publisher's word means."""

import json
import os

import pytest

import kit
import oracle_match


def write(root, path, text):
    path = os.path.join(str(root), path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))


def osv(feeds, ident, ecosystem, name, events, **more):
    record = {"schema_version": "1.7.0", "id": ident, "modified": "2026-01-01T00:00:00Z",
              "affected": [{"package": {"ecosystem": ecosystem, "name": name},
                            "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}
    record.update(more)
    write(feeds, "osv/%s/%s.json" % (ecosystem.split(":")[0], ident), record)


def debian_root(root, packages, version="12"):
    write(root, "etc/os-release", "ID=debian\nVERSION_ID=%s\n" % version)
    write(root, "var/lib/dpkg/status", "".join(
        "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nSource: %s\nVersion: %s\n\n" % p
        for p in packages))


@pytest.fixture
def world(tmp_path, scan):
    """Folders for feeds and root, and a call that builds, scans and asks the oracle as well."""
    class World:
        feeds, root = tmp_path / "feeds", tmp_path / "root"

        def judge(self, code=kit.OK):
            db = str(tmp_path / "feeds.db")
            built = kit.run("db", "build", "--from", str(self.feeds), "--out", db)
            assert built.code == kit.OK, built.err
            done = scan("rootfs:" + str(self.root), "--db", db)
            assert done.code == code, done
            try:
                faults, _, _ = oracle_match.compare(done.json, oracle_match.Feeds(str(self.feeds)))
                assert faults == []
            except oracle_match.Unavailable:
                pass
            self.report = done.json
            return {f["id"]: f for f in done.json["findings"]}

    return World()


def test_debian_statuses(world):
    """Debian's tracker: open, no-dsa, postponed, ignored, undetermined, end of life, unimportant, resolved."""
    def state(status, **more):
        return {"releases": {"bookworm": dict({"status": status, "urgency": "not yet assigned",
                                               "repositories": {"bookworm": "1.0-1"}}, **more)}}

    write(world.feeds, "debian/tracker.json", {"hull": {
        "CVE-2026-0001": state("open"),
        "CVE-2026-0002": state("open", nodsa="Minor issue", nodsa_reason=""),
        "CVE-2026-0003": state("open", nodsa="later", nodsa_reason="postponed"),
        "CVE-2026-0004": state("open", nodsa="never", nodsa_reason="ignored"),
        "CVE-2026-0005": state("undetermined"),
        "CVE-2026-0006": state("open", urgency="end-of-life"),
        "CVE-2026-0007": state("open", urgency="unimportant"),
        "CVE-2026-0008": state("resolved", fixed_version="0"),
        "CVE-2026-0009": state("resolved", fixed_version="1.0-2", urgency="high"),
        "CVE-2026-0010": state("resolved", fixed_version="1.0-1"),
        "CVE-2026-0011": {"releases": {"bullseye": {"status": "open", "urgency": "low", "repositories": {}}}},
    }})
    for n in (4, 8, 10, 12):
        osv(world.feeds, "DEBIAN-CVE-2026-%04d" % n, "Debian:12", "hull", [{"introduced": "0"}],
            upstream=["CVE-2026-%04d" % n])
    debian_root(world.root, [("libhull1", "hull", "1.0-1")])
    got = {k[-2:]: (f["status"], f["severity"], f["fixed"]) for k, f in world.judge().items()}
    assert got == {
        "01": ("affected", "unknown", []), "02": ("wont_fix", "unknown", []),
        "03": ("wont_fix", "unknown", []), "04": ("wont_fix", "unknown", []),
        "05": ("under_investigation", "unknown", []), "06": ("end_of_life", "unknown", []),
        "07": ("affected", "negligible", []), "09": ("fixed", "high", ["1.0-2"]), "12": ("affected", "unknown", []),
    }


def test_why_is_verbatim(world):
    """Each finding says the range that matched, its feed and where the severity is from."""
    osv(world.feeds, "GHSA-aaaa-bbbb-cccc", "PyPI", "Sail_Cloth", [{"introduced": "1.0"}, {"fixed": "1.4"}],
        aliases=["CVE-2026-1000"], database_specific={"severity": "MODERATE"})
    osv(world.feeds, "PYSEC-2026-1", "PyPI", "sail-cloth", [{"introduced": "0"}, {"fixed": "1.4.0"}],
        aliases=["CVE-2026-1000", "GHSA-aaaa-bbbb-cccc"],
        severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])
    write(world.root, "opt/lib/python3.11/site-packages/sail.cloth-1.2.dist-info/METADATA",
          "Metadata-Version: 2.1\nName: sail.cloth\nVersion: 1.2\n\n")
    found = world.judge()
    assert list(found) == ["CVE-2026-1000"]
    f = found["CVE-2026-1000"]
    assert f["why"] == "PyPI sail-cloth: introduced 1.0, fixed 1.4" and f["source"] == "osv"
    assert f["aliases"] == ["GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1"]
    assert (f["severity"], f["severity_from"]) == ("medium", "ghsa")
    assert f["fixed"] == ["1.4"] and f["cvss"][0]["score"] == 9.8


def test_never_affected(world):
    """Alpine's secdb: a fix in version 0 says never affected, whatever OSV's copy says."""
    write(world.feeds, "alpine-secdb/v3.18/main.json", {"distroversion": "v3.18", "reponame": "main", "packages": [
        {"pkg": {"name": "keel", "secfixes": {"0": ["CVE-2026-2000"], "1.1-r0": ["CVE-2026-2001 GHSA-dddd-eeee-ffff"]}}}]})
    osv(world.feeds, "ALPINE-CVE-2026-2000", "Alpine:v3.18", "keel", [{"introduced": "0"}])
    write(world.root, "etc/os-release", "ID=alpine\nVERSION_ID=3.18.5\n")
    write(world.root, "lib/apk/db/installed", "P:keel-libs\nV:1.0-r3\nA:x86_64\no:keel\n\n")
    found = world.judge()
    assert list(found) == ["CVE-2026-2001"]
    assert found["CVE-2026-2001"]["aliases"] == ["GHSA-dddd-eeee-ffff"]


def test_headers_are_no_kernel(world):
    """A kernel's headers are not a kernel: no findings, and a note that says how many do not count."""
    write(world.feeds, "debian/tracker.json", {"linux": {"CVE-2026-3000": {"releases": {
        "bookworm": {"status": "open", "urgency": "high", "repositories": {}}}}}})
    debian_root(world.root, [("linux-libc-dev", "linux", "6.1.1-1"), ("linux-image-6.1.0-1", "linux", "6.1.1-1")])
    assert [f["installed"] for f in world.judge().values()] == ["6.1.1-1"]
    assert world.report["findings"][0]["component"].startswith("pkg:deb/debian/linux-image")
    assert [n["code"] for n in world.report["notes"]] == ["kernel-headers"]


@pytest.mark.parametrize("release", ["13", "99"])
def test_no_feed(world, release):
    """R6: a release that no feed covers is never "0 vulnerabilities", but an incomplete result."""
    write(world.feeds, "debian/tracker.json", {"hull": {"CVE-2026-0001": {"releases": {
        "bookworm": {"status": "open", "urgency": "low", "repositories": {}}}}}})
    debian_root(world.root, [("hull", "hull", "1.0")], release)
    assert world.judge(kit.INCOMPLETE) == {}
    assert world.report["complete"] is False
    assert "no-feed" in [n["code"] for n in world.report["notes"]]


def test_withdrawn(world):
    """A withdrawn advisory matches nothing."""
    osv(world.feeds, "DEBIAN-CVE-2026-4000", "Debian:12", "hull", [{"introduced": "0"}],
        withdrawn="2026-02-01T00:00:00Z")
    osv(world.feeds, "DEBIAN-CVE-2026-4001", "Debian:12", "hull", [{"introduced": "0"}])
    debian_root(world.root, [("hull", "hull", "1.0")])
    assert list(world.judge()) == ["CVE-2026-4001"]
