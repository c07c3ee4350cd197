# SPDX-License-Identifier: Apache-2.0
"""The sample image of the tree: what has to be found in it, and what not."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import kit

SITE = "usr/lib/python3.9/site-packages/"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "sample.oci.tar"
    subprocess.run([sys.executable, os.path.join(kit.TOP, "tools", "make-sample"), str(path)], check=True)
    return "oci-archive:" + str(path)


@pytest.fixture(scope="module")
def inventory(rummage, sample, tmp_path_factory):
    done = kit.scan(sample, cache=tmp_path_factory.mktemp("cache"))
    assert done.code == kit.OK, done
    return done.json


def rows(report, kind):
    return {(c["name"], c["version"]) for c in report["components"] if c["type"] == kind}


def test_os(inventory):
    """R6: the distribution is named from its own files"""
    assert inventory["os"]["id"] == "alpine"
    assert inventory["os"]["version_id"].startswith("3.14")
    assert inventory["complete"] is True


def test_packages(inventory):
    """R1: every package that is there, and none that a later layer took away"""
    assert rows(inventory, "apk") == {
        ("alpine-baselayout", "3.2.0-r16"), ("apk-tools", "2.12.5-r1"), ("busybox", "1.33.1-r2"),
        ("libcrypto1.1", "1.1.1k-r0"), ("libssl1.1", "1.1.1k-r0"), ("musl", "1.2.2-r3"),
        ("zlib", "1.2.11-r3")}
    assert {(n.lower(), v) for n, v in rows(inventory, "pypi")} == {("pyyaml", "5.3"), ("jinja2", "2.10")}
    npm = {(c["name"].split("/")[-1], c["version"]) for c in inventory["components"]
           if c["type"] == "npm"}
    assert npm == {("lodash", "4.17.15"), ("minimist", "1.2.0"), ("deep", "0.1.0")}


def test_jar_in_jar(inventory):
    """R9: a jar in a jar is found, with the place and the layer"""
    found = {c["purl"].split("?")[0]: c for c in inventory["components"] if c["type"] == "maven"}
    assert set(found) == {"pkg:maven/org.example/shop@1.4.0",
                          "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
                          "pkg:maven/org.apache.commons/commons-text@1.9"}
    log4j = found["pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"]
    assert any("shop.jar!BOOT-INF/lib/log4j-core-2.14.1.jar" in p for p in log4j["paths"])


def test_executables(inventory):
    """R2: every executable with its owner, or none"""
    found = {e["path"].lstrip("/"): e for e in inventory["executables"]}
    assert "pkg:apk/alpine/busybox@1.33.1-r2" in (found["bin/busybox"]["owner"] or "")
    backup = found["usr/local/bin/backup"]
    assert backup["owner"] is None and backup["setuid"] is True and backup["format"] == "script"
    assert "usr/bin/curl" not in found


def test_findings(rummage, sample, starter_db, cache):
    """R9: famous advisories are found, with the fixing version, the reason and the layer"""
    done = kit.scan(sample, "--db", starter_db, cache=cache)
    assert done.code == kit.OK, done
    found = {}
    for finding in done.json["findings"]:
        for name in [finding["id"]] + finding["aliases"]:
            found.setdefault(name, []).append(finding)
    for cve in ("CVE-2021-44228", "CVE-2022-42889"):
        assert cve in found, sorted(found)
        assert all(f["why"] and f["fixed"] and f["layer"] not in (None, "") for f in found[cve])


def test_fail_on(rummage, sample, starter_db, cache):
    """--fail-on says no with exit code 2"""
    assert kit.scan(sample, "--db", starter_db, "--fail-on", "critical", cache=cache).code == kit.POLICY
    assert kit.scan(sample, "--inventory-only", cache=cache).code == kit.OK


def test_readme(rummage, sample, starter_db, cache, tmp_path):
    """The README shows what a scan of the sample image prints"""
    with open(os.path.join(kit.TOP, "README.md"), encoding="utf-8") as f:
        shown = re.search(r"```\n\$ rummage scan (\S+)\n(.*?)```", f.read(), re.S)
    folder = tmp_path / "build"
    folder.mkdir()
    shutil.copy(sample.partition(":")[2], folder / "sample.oci.tar")
    done = kit.run("scan", shown.group(1), "--db", starter_db, "-o", "table", cache=cache, cwd=str(tmp_path))

    def steady(text):
        """Without the digest, which is zlib's too, and the database's age and size."""
        text = re.sub(r"sha256:[0-9a-f.]+", "sha256:", text)
        return re.sub(r"(?m)^(Database: ).*$|[\d.]+ KiB$", r"\1", text).strip()

    assert steady(shown.group(2)) == steady(done.out)
