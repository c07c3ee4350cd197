# SPDX-License-Identifier: Apache-2.0
"""Reports held against the standards' own schemas, and against each other.

The schemas are not part of the tree: they come out of packages of PyPI and npm, fetched once into the
cache folder (RUMMAGE_SCHEMAS names another). Without them these tests skip.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from urllib.parse import urljoin

import pytest

import kit
from small import small_image

jsonschema = pytest.importorskip("jsonschema")

CACHE = os.environ.get("RUMMAGE_SCHEMAS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "rummage-schemas")

CYCLONEDX = ("cyclonedx-python-lib", "11.12.0", "cyclonedx_python_lib-11.12.0-py3-none-any.whl",
             "0e807521a921a5c3cb8ce1153f8a61d29eedfe76a46aac2796b7c6b573391a54")
SARIF = ("@microsoft/jest-sarif", "1.0.0-beta.0", "microsoft-jest-sarif-1.0.0-beta.0.tgz", "748e2c3d1a842e7bb258416685c7ea3a0da40005b72267b2052c2856d48ad102")


def fetch(package, command):
    """The archive of a package in the cache folder, by its registry's own client."""
    name, version, archive, digest = package
    path = os.path.join(CACHE, archive)
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        done = subprocess.run(command, cwd=CACHE, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120, check=False)
        if done.returncode != 0 or not os.path.exists(path):
            pytest.skip("%s %s could not be fetched for its schemas: %s"
                        % (name, version, done.stderr.strip()[-200:]))
    with open(path, "rb") as f:
        assert hashlib.sha256(f.read()).hexdigest() == digest, path + " is another file"
    return path


@pytest.fixture(scope="session")
def cyclonedx():
    """CycloneDX 1.6's schema as a validator; what it refers to comes with it."""
    pip = shutil.which("pip") or shutil.which("pip3")
    command = [pip] if pip else [sys.executable, "-m", "pip"]
    path = fetch(CYCLONEDX, command + ["download", "-q", "--no-deps", "%s==%s" % CYCLONEDX[:2]])
    with zipfile.ZipFile(path) as z:
        load = lambda name: json.loads(z.read("cyclonedx/schema/_res/" + name))  # noqa: E731
        schema = load("bom-1.6.SNAPSHOT.schema.json")
        others = {urljoin(schema["$id"], name): load(name)
                  for name in ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")}
    resolver = jsonschema.RefResolver.from_schema(schema, store=others)
    return jsonschema.Draft7Validator(schema, resolver=resolver,
                                      format_checker=jsonschema.FormatChecker())


@pytest.fixture(scope="session")
def sarif():
    """SARIF 2.1.0's schema as a validator."""
    if not shutil.which("npm"):
        pytest.skip("no npm to fetch the SARIF schema with")
    path = fetch(SARIF, ["npm", "pack", "--silent", "%s@%s" % SARIF[:2]])
    with tarfile.open(path) as t:
        schema = json.load(t.extractfile("package/lib/schemas/sarif-2.1.0-rtm.5.json"))
    return jsonschema.validators.validator_for(schema)(schema,
                                                       format_checker=jsonschema.FormatChecker())


def faults(validator, document):
    return ["/".join(map(str, e.absolute_path)) + ": " + e.message[:200]
            for e in validator.iter_errors(document)][:5]


@pytest.fixture(scope="session")
def sample():
    """sample(FORMAT, *ARGS) -> the document that the writer makes of the tests' own inventory."""
    program = os.path.join(kit.BUILD, "src", "report", "report_print")
    if not os.path.exists(program):
        pytest.skip("no program at " + program)

    def make(*args):
        return json.loads(subprocess.check_output([program, *args]))
    return make


def test_cyclonedx_of_everything_is_valid(cyclonedx, sample):
    """CycloneDX with every field of a hostile sample passes the standard's schema"""
    assert faults(cyclonedx, sample("cyclonedx-json")) == []


def test_cyclonedx_without_findings_is_valid(cyclonedx, sample):
    """CycloneDX of an inventory alone passes the standard's schema"""
    document = sample("cyclonedx-json", "inventory")
    assert faults(cyclonedx, document) == []
    assert "vulnerabilities" not in document


def test_cyclonedx_references_are_unique_and_lead_somewhere(sample):
    """CycloneDX references are unique, and what is affected is there"""
    document = sample("cyclonedx-json")
    refs = [c["bom-ref"] for c in document["components"]] + ["target"]
    assert len(refs) == len(set(refs))
    affected = {a["ref"] for v in document["vulnerabilities"] for a in v["affects"]}
    assert affected <= set(refs)
    assert document["compositions"] == [{"aggregate": "incomplete", "assemblies": ["target"]}]


def test_sarif_is_valid(sarif, sample):
    """SARIF of a hostile sample passes the standard's schema"""
    assert faults(sarif, sample("sarif")) == []


def test_sarif_rules_and_results_belong_together(sample):
    """SARIF results name their rule by id and index; a rule is there once"""
    run = sample("sarif")["runs"][0]
    rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert [n["level"] for n in run["invocations"][0]["toolExecutionNotifications"]] == \
        ["error", "warning", "note"]


KEYS = {
    "": "schema rummage created sandbox target complete notes os layers base components executables "
        "findings provenance policy db summary timing_ms",
    "target": "ref source index manifest config platform size layers_total",
    "notes": "severity code cataloger path layer text",
    "os": "id version_id codename name eol",
    "layers": "index digest diff_id media_type size created created_by origin",
    "base": "known name digest how layers",
    "components": "purl type name version arch source licenses cpes cataloger paths layer origin used",
    "executables": "path sha256 size mode format arch owner setuid layer",
    "findings": "id aliases component installed fixed status severity severity_from cvss epss kev "
                "published modified withdrawn why source url layer suppressed",
    "provenance": "signatures labels author_claimed author_proven",
    "policy": "file passed violations",
    "db": "built age_s advisories sources",
    "summary": "components executables unowned_executables findings fixable unattributed_bytes",
    "timing_ms": "fetch read catalog match report",
}


def test_json_has_every_agreed_key(sample):
    """rummage/report/1 has every key that is agreed, known or not"""
    document = sample("json")
    for where, keys in KEYS.items():
        value = document[where] if where else document
        for item in value if isinstance(value, list) else [value]:
            missing = set(keys.split()) - set(item)
            assert not missing, (where, missing)


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """An image with packages that small_db knows, and a script of no package."""
    return small_image().write_layout(str(tmp_path_factory.mktemp("reports") / "image"))


def test_sbom_of_an_image_is_valid(cyclonedx, rummage, image, cache):
    """rummage sbom passes the standard's schema and needs no database"""
    done = kit.run("sbom", image, cache=cache)
    assert done.code == kit.OK, done
    document = json.loads(done.out)
    assert faults(cyclonedx, document) == []
    assert {"pkg:npm/lodash@4.17.4"} <= {c.get("purl") for c in document["components"]}
    assert "file:usr/local/bin/hello" in [c["bom-ref"] for c in document["components"]]


def test_formats_agree_on_an_image(cyclonedx, sarif, rummage, image, small_db, cache, tmp_path):
    """R20: one scan, four formats: the same findings in each, all of them valid"""
    names = {f: str(tmp_path / f) for f in ("json", "cyclonedx-json", "sarif", "table")}
    args = [a for f, path in names.items() for a in ("-o", "%s=%s" % (f, path))]
    done = kit.run("scan", image, "--db", small_db, *args, cache=cache)
    assert done.code == kit.OK and done.out == "", done
    report, bom, log = (json.load(open(names[f], encoding="utf-8"))
                        for f in ("json", "cyclonedx-json", "sarif"))
    assert faults(cyclonedx, bom) == [] and faults(sarif, log) == []
    want = sorted((f["component"], f["id"]) for f in report["findings"])
    assert want == [("pkg:apk/alpine/xz@5.2.2-r0?arch=x86_64&distro=alpine-3.18.0", "CVE-2024-3094"),
                    ("pkg:npm/lodash@4.17.4", "CVE-2019-10744")]
    assert want == sorted((v["affects"][0]["ref"], v["id"]) for v in bom["vulnerabilities"])
    assert want == sorted((r["properties"]["purl"], r["ruleId"]) for r in log["runs"][0]["results"])
    table = open(names["table"], encoding="utf-8").read()
    assert all(identifier in table for _, identifier in want)


def test_created_makes_reports_equal(rummage, image, cache):
    """--created: two scans of one image give equal bytes"""
    first, second = (kit.run("sbom", image, "--created", "2026-01-02T03:04:05Z", cache=cache).out
                     for _ in range(2))
    assert first == second
    assert json.loads(first)["metadata"]["timestamp"] == "2026-01-02T03:04:05Z"
