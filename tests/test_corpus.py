# SPDX-License-Identifier: Apache-2.0
"""Real images against lists that package managers made of them."""

import os
import re
import shutil
import subprocess

import pytest

import kit

READY = sorted(kit.ready_images()) or ["none"]
# What is in an image although its list lacks it, and why.
UNLISTED = {
    # bleach/_vendor holds it with its dist-info; pip list does not look there.
    "python-app:bookworm": {("html5lib", "1.0.1")},
}
TYPES = {"python": "pypi", "java": "maven"}


def normal(kind, name):
    """Names as they are compared: PEP 503 for Python, as they are for others."""
    return re.sub(r"[-_.]+", "-", name).lower() if kind == "pypi" else name


def expected(path):
    """{type: {(name, version, more)}} of a truth file."""
    want = {}
    for kind, name, version, more in kit.truth_rows(path):
        kind = TYPES.get(kind, kind)
        if kind == "maven":
            name = name.replace(":", "/")
        if kind == "golang" and name == "stdlib":
            version = re.sub(r"^go", "", version)
        want.setdefault(kind, set()).add((normal(kind, name), version, more))
    return want


def found_rows(report, kind, with_arch):
    """What the report lists of one type, including what system packages provide."""
    rows = set()
    for c in report["components"]:
        if c["type"] == kind and kind in ("deb", "rpm", "apk"):
            rows.add((c["name"], c["version"], (c["arch"] or "") if with_arch else ""))
        for purl in ([c["purl"]] if c["type"] == kind else []) + c.get("provides", []):
            purl_kind, name, version = kit.purl_parts(purl)
            if purl_kind == kind and kind not in ("deb", "rpm", "apk"):
                rows.add((normal(kind, name), version.removeprefix("go") if name == "stdlib" else version))
    return rows


def differences(want, got, limit=12):
    missing, extra = sorted(want - got), sorted(got - want)
    return "%d missing %s, %d extra %s" % (len(missing), missing[:limit], len(extra), extra[:limit])


def check_system(report, want):
    for kind in ("deb", "rpm", "apk"):
        rows = found_rows(report, kind, True)
        assert rows == want.get(kind, set()), kind + ": " + differences(want.get(kind, set()), rows)


def check_share(report, want, kind, least, unlisted=()):
    """Recall and precision of a language's packages, as names with versions."""
    exact = {(n, v) for n, v, more in want.get(kind, ()) if not more.startswith("name:")}
    known = {(n, v) for n, v, more in want.get(kind, ())}
    got = found_rows(report, kind, False)
    if kind == "maven":
        # Rows known by file name only carry no group, perhaps no version: neither asked for nor held
        # against a report.
        loose = {n for n, v, more in want.get(kind, ()) if more.startswith("name:")}
        got = {(n, v) for n, v in got if n.split("/")[-1] not in loose and n not in loose}
        known = exact
    known = known | set(unlisted)
    recall = len(exact & got) / len(exact) if exact else 1.0
    precision = len(known & got) / len(got) if got else 1.0
    print("%s: recall %.4f, precision %.4f; %s" % (kind, recall, precision, differences(known, got)))
    assert recall >= least, "recall %.4f; %s" % (recall, differences(exact, got))
    assert precision >= least, "precision %.4f; %s" % (precision, differences(known, got))


@pytest.mark.parametrize("name", READY)
def test_ready(name, corpus, scan):
    """R1, R6: a ready image's packages are exactly what its package manager lists"""
    ref, truth = corpus[name]
    arm = ["--platform", "linux/arm64"] if "arm64" in name else []
    done = scan(ref, *arm)
    assert done.code == kit.OK, done
    check_system(done.json, expected(truth))


@pytest.mark.parametrize("name", sorted(kit.BUILT))
def test_built(name, built_corpus, scan):
    """R1, R6, R9: a built image's packages are what package managers list"""
    if name not in built_corpus:
        pytest.skip("not built: " + name)
    ref, truth = built_corpus[name]
    done = scan(ref)
    assert done.code == kit.OK, done
    want = expected(truth)
    check_system(done.json, want)
    for kind, least in (("pypi", 0.995), ("npm", 0.995), ("golang", 0.995), ("maven", 0.99)):
        if kind in want:
            check_share(done.json, want, kind, least, UNLISTED.get(name, ()))


def deb_sources(ref):
    """{(name, arch): (source, source version)} from the stanzas, read in Python."""
    files = kit.last_files(ref, lambda p: p == "var/lib/dpkg/status" or (
        p.startswith("var/lib/dpkg/status.d/") and not p.endswith(".md5sums")))
    rows = {}
    for text in files.values():
        for stanza in text.decode("utf-8", "replace").split("\n\n"):
            fields = dict(re.findall(r"^(\w[\w-]*): *(.*)$", stanza, re.M))
            if "Package" not in fields or ("Status" in fields and
                                           not fields["Status"].endswith(" installed")):
                continue
            source = re.fullmatch(r"(\S+)(?: \((.*)\))?", fields.get("Source", fields["Package"]))
            rows[fields["Package"], fields.get("Architecture", "")] = (
                source.group(1), source.group(2) or fields["Version"])
    return rows


def apk_sources(ref):
    files = kit.last_files(ref, lambda p: re.fullmatch(r"(usr/)?lib/apk/db/installed", p))
    rows = {}
    for text in files.values():
        for stanza in text.decode("utf-8", "replace").split("\n\n"):
            fields = dict(re.findall(r"^([A-Z]|o):(.*)$", stanza, re.M))
            if "P" in fields:
                rows[fields["P"], fields.get("A", "")] = (fields.get("o") or fields["P"], fields["V"])
    return rows


def rpm_sources(ref, folder):
    """From `rpm` itself, where it can read the database."""
    files = kit.last_files(ref, lambda p: re.search(
        r"(var/lib/rpm|usr/lib/sysimage/rpm|usr/share/rpm)/(Packages|rpmdb\.sqlite)$", p))
    if not files or shutil.which("rpm") is None:
        return {}
    for path, data in files.items():
        with open(os.path.join(folder, os.path.basename(path)), "wb") as f:
            f.write(data)
    kind = "sqlite" if any(p.endswith("sqlite") for p in files) else "bdb_ro"
    done = subprocess.run(
        ["rpm", "-qa", "--dbpath", folder, "--define", "_db_backend " + kind,
         "--nosignature", "--nodigest", "--qf", "%{NAME}\t%{ARCH}\t%{SOURCERPM}\n"],
        capture_output=True, text=True, check=False)
    rows = {}
    for line in done.stdout.split("\n"):
        if line.count("\t") == 2 and not line.startswith("gpg-pubkey"):
            name, arch, source = line.split("\t")
            parts = re.sub(r"\.(no)?src\.rpm$", "", source).rsplit("-", 2)
            if len(parts) == 3:
                rows[name, arch] = (parts[0], parts[1] + "-" + parts[2])
    return rows


@pytest.mark.parametrize("name", READY + sorted(kit.BUILT))
def test_sources(name, shared, scan, tmp_path, request):
    """R9: every system package names its source package and that one's version"""
    images = dict(kit.ready_images(), **kit.built_images())
    if name not in images:
        pytest.skip("not built: " + name)
    ref = images[name][0]
    want = {}
    for rows in (deb_sources(ref), apk_sources(ref), rpm_sources(ref, str(tmp_path))):
        want.update(rows)
    if not want:
        pytest.skip("no package manager here can read its database")
    done = scan(ref, *(["--platform", "linux/arm64"] if "arm64" in name else []))
    wrong, seen = [], set()
    for c in done.json["components"]:
        key = (c["name"], c["arch"] or "")
        if c["type"] in ("deb", "apk", "rpm") and key in want:
            seen.add(key)
            have = (c["source"]["name"], re.sub(r"^\d+:", "", c["source"]["version"])
                    if c["type"] == "rpm" else c["source"]["version"])
            if have != want[key]:
                wrong.append((key, have, want[key]))
    assert wrong == []
    assert set(want) - seen == set()
