# SPDX-License-Identifier: Apache-2.0
"""The face of the program: usage, exit codes, settings, outputs, and that the manual tells the truth."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

import kit
from image import File, Image, alpine_release, apk_row, gzip_of, sha256, tar_of
from small import small_image

VERBS = ["scan", "sbom", "db update", "db build", "db pull", "db push", "db status", "db diff",
         "vercmp", "version", "help", "node", "cluster", "verify-image"]


def help_of(verb):
    done = kit.run(*verb.split(), "--help")
    assert done.code == kit.OK and done.err == ""
    return done.out


def options_in_help(verb):
    return set(re.findall(r"^ +(?:-(\w), )?--([a-z-]+)", help_of(verb), re.M))


def page_of(verb):
    path = os.path.join(kit.TOP, "man", "rummage-%s.1.scd" % verb.split()[0])
    with open(path, encoding="utf-8") as f:
        return f.read()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return small_image().write_layout(str(tmp_path_factory.mktemp("cli") / "image"))


@pytest.fixture(scope="module")
def torn(tmp_path_factory):
    """An image whose upper layer ends too early."""
    made = Image()
    made.layer([File("etc/os-release", alpine_release("3.18.0")),
                File("lib/apk/db/installed", apk_row("xz", "5.2.2-r0"))])
    whole = tar_of([File("srv/%d" % i, "x" * 5000) for i in range(50)])
    made.raw_layer(gzip_of(whole)[:-200], sha256(whole))
    return made.write_layout(str(tmp_path_factory.mktemp("cli") / "torn"))


# Usage

def test_without_words_it_says_how_it_is_used(rummage):
    """no verb: usage on standard error, exit 1; --help on standard output, exit 0"""
    none, asked = kit.run(), kit.run("--help")
    assert (none.code, none.out) == (kit.FAILED, "") and "Usage: rummage" in none.err
    assert (asked.code, asked.err) == (kit.OK, "") and all(v in asked.out for v in VERBS)


@pytest.mark.parametrize("words, says", [
    (["scna", "x"], "did you mean scan?"),
    (["scan"], "scan wants REF"),
    (["scan", "--fial-on", "high", "x"], "did you mean --fail-on?"),
    (["scan", "--fail-on", "terrible", "x"], "--fail-on terrible"),
    (["scan", "--fail-on"], "--fail-on wants SEVERITY"),
    (["scan", "--only-fixed=yes", "x"], "takes no value"),
    (["scan", "-o", "yaml", "--inventory-only", "x"], "no such format"),
    (["scan", "-o", "json=", "--inventory-only", "x"], "name is missing"),
    (["scan", "-o", "json", "-o", "table", "--inventory-only", "x"], "only one report"),
    (["scan", "-o", "json=a", "-o", "table=a", "--inventory-only", "x"], "two reports for one file"),
    (["scan", "-o", "sarif", "--inventory-only", "x"], "sarif"),
    (["scan", "--inventory-only", "--fail-on", "high", "x"], "--inventory-only"),
    (["scan", "--max-bytes", "much", "x"], "--max-bytes"),
    (["scan", "-Z", "x"], "no option -Z"),
    (["sbom", "--fail-on", "high", "x"], "takes no option --fail-on"),
    (["scan", "--password-stdin", "x"], "--username"),
    (["db"], "which one?"),
    (["db", "built"], "no such verb"),
    (["db", "build"], "--from DIR, or --starter"),
    (["db", "status", "more"], "takes no operand"),
    (["db", "diff", "a"], "wants OLD NEW"),
    (["vercmp"], "wants TYPE"),
    (["vercmp", "deb", "1"], "two versions"),
    (["node"], "--hub URL"),
    (["node", "--hub", "hub.example.com"], "https://HOST"),
    (["cluster"], "--hub URL"),
    (["cluster", "--hub", "https://hub.example.com", "--kubernetes", "a", "--kubernetes", "b"], "one cluster"),
    (["node", "--hub", "http://hub.example.com"], "in the clear"),
    (["node", "--hub", "https://hub.example.com", "--hub-fingerprint", "SHA256:1"], "SHA256:AB:CD"),
    (["vercmp", "cobol", "1", "2"], "there are: deb rpm"),
])
def test_mistakes_are_named(rummage, words, says, tmp_path):
    """a mistake: exit 1, what is wrong and where to look, nothing on standard output"""
    done = subprocess.run([rummage] + words, capture_output=True, text=True, check=False, cwd=tmp_path,
                          stdin=subprocess.DEVNULL, timeout=60)
    assert (done.returncode, done.stdout) == (kit.FAILED, "")
    assert says in done.stderr
    assert done.stderr.startswith("rummage: ") and done.stderr.count("\n") >= 2
    assert os.listdir(tmp_path) == []


# Help and manual

@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_in_the_manual(rummage, verb):
    """each option of a verb's help is in its manual page, with its letter"""
    page = page_of(verb)
    for letter, name in options_in_help(verb):
        assert "*--%s*" % name in page, (verb, name)
        assert not letter or "*-%s*, *--%s*" % (letter, name) in page, (verb, letter)


@pytest.mark.parametrize("first", sorted({v.split()[0] for v in VERBS}))
def test_the_manual_has_no_other_options(rummage, first):
    """each option that a manual page lists is one of the verb's"""
    listed = set(re.findall(r"^\*.*$", page_of(first).split("# OPTIONS")[1].split("\n# ")[0], re.M))
    named = {name for line in listed for name in re.findall(r"\*--([a-z-]+)\*", line)}
    known = {name for v in VERBS if v.split()[0] == first for _, name in options_in_help(v)}
    assert named == known


def test_settings_are_those_of_the_manual(rummage):
    """the manual's table of settings is the program's"""
    rows = re.findall(r"^X\(.*?\)$", open(os.path.join(kit.TOP, "src", "cmd", "options.def"),
                                          encoding="utf-8").read(), re.M | re.S)
    pairs = [re.findall(r'NULL|"[^"]*"', re.split(r"V\(|ALL|ASKING", row)[0])[-2:] for row in rows]
    want = {tuple(w.strip('"') for w in p) for p in pairs if p[0] != "NULL"}
    page = open(os.path.join(kit.TOP, "man", "rummage.1.scd"), encoding="utf-8").read()
    got = set(re.findall(r"^\|  (\w+)\n:  ([a-z-]+)$", page, re.M))
    assert got == want


def test_formats_of_the_help_are_those_there_are(rummage):
    """formats that the help names are known, others are not"""
    text = " ".join(help_of("scan").split())
    for name in ("table", "json", "cyclonedx-json", "sarif"):
        assert name in text


def test_help_shows_a_verb(rummage):
    """help VERB says what VERB --help says; help db shows all four"""
    assert kit.run("help", "scan").out == help_of("scan")
    assert kit.run("help", "db", "diff").out == help_of("db diff")
    assert kit.run("help", "db").out.count("Usage:") == 6


# Exit codes

def test_a_whole_result_is_0(rummage, image, cache):
    """exit 0: whole"""
    done = kit.scan(image, cache=cache)
    assert done.code == kit.OK and done.err == ""


def test_findings_alone_are_0(rummage, image, small_db, cache):
    """exit 0: findings without a policy"""
    done = kit.scan(image, "--db", small_db, cache=cache)
    assert done.code == kit.OK and len(json.loads(done.out)["findings"]) == 2


@pytest.mark.parametrize("severity, code", [("critical", 2), ("high", 2), ("negligible", 2)])
def test_policy_is_2(rummage, image, small_db, cache, severity, code):
    """exit 2: --fail-on, and the report says which finding"""
    done = kit.scan(image, "--db", small_db, "--fail-on", severity, cache=cache)
    assert done.code == code
    policy = json.loads(done.out)["policy"]
    assert policy["passed"] is False
    assert "CVE-2019-10744" in policy["violations"][0]["text"]
    assert policy["violations"][0]["rule"] == "fail-on " + severity


def test_incomplete_is_3(rummage, torn, cache):
    """exit 3: something could not be read, and a note says what; --allow-incomplete makes it 0"""
    done = kit.scan(torn, cache=cache)
    assert done.code == kit.INCOMPLETE
    report = json.loads(done.out)
    assert report["complete"] is False
    assert [n for n in report["notes"] if n["severity"] == "lost" and n["layer"] == 1]
    assert kit.scan(torn, "--allow-incomplete", cache=cache).code == kit.OK


def test_2_wins_over_3(rummage, torn, small_db, cache):
    """exit 2 wins over 3"""
    more = ("--db", small_db, "--fail-on", "negligible")
    assert kit.scan(torn, *more, cache=cache).code == kit.POLICY
    assert kit.scan(torn, "--db", small_db, cache=cache).code == kit.INCOMPLETE


def test_no_database_is_1(rummage, image, cache):
    """exit 1: without a database scan says how to get one; the inventory needs none"""
    done = kit.run("scan", image, cache=cache)
    assert (done.code, done.out) == (kit.FAILED, "")
    for way in ("rummage db update", "db build --from DIR", "db build --starter", "--inventory-only"):
        assert way in done.err
    assert kit.run("db", "status", cache=cache).code == kit.FAILED
    assert kit.run("sbom", image, cache=cache).code == kit.OK


def test_a_damaged_database_is_1(rummage, image, cache, tmp_path):
    """exit 1: a file that is no database"""
    path = tmp_path / "not.db"
    path.write_bytes(b"rummage" * 1000)
    done = kit.run("scan", image, "--db", str(path), cache=cache)
    assert done.code == kit.FAILED and "advisory database" in done.err


# Several references

def test_reports_come_in_order(rummage, image, torn, cache, tmp_path):
    """several REFs: a report each, in their order, a line each in JSON; the worst code counts"""
    third = small_image().write_layout(str(tmp_path / "third"))
    done = kit.run("scan", "--inventory-only", "-o", "json", image, torn, third, image, cache=cache)
    refs = [json.loads(line)["target"]["ref"] for line in done.out.splitlines()]
    assert refs == [image, torn, third, image]
    assert done.code == kit.INCOMPLETE


def test_one_that_cannot_be_scanned_does_not_stop_the_others(rummage, image, cache, tmp_path):
    """several REFs: exit 1 for one of them, reports of the others, also in the FILE"""
    out = tmp_path / "reports.json"
    missing = "oci-dir:" + str(tmp_path / "missing")
    done = kit.run("scan", "--inventory-only", "-o", "json=%s" % out, image, missing, image,
                   cache=cache)
    assert done.code == kit.FAILED and missing in done.err
    assert [json.loads(x)["target"]["ref"] for x in out.read_text().splitlines()] == [image, image]


# Outputs

def test_a_file_appears_whole(rummage, image, cache, tmp_path):
    """-o FORMAT=FILE: several at once, with nothing left beside them"""
    args = []
    for name in ("json", "cyclonedx-json", "table"):
        args += ["-o", "%s=%s" % (name, tmp_path / name)]
    done = kit.run("scan", "--inventory-only", image, *args, cache=cache)
    assert done.code == kit.OK and done.out == ""
    assert sorted(os.listdir(tmp_path)) == ["cache", "cyclonedx-json", "json", "table"]
    assert json.loads((tmp_path / "json").read_text())["schema"] == "rummage/report/1"


def test_a_file_that_cannot_be_written_is_known_first(rummage, image, cache, tmp_path):
    """-o into a folder that is not there: exit 1 before anything is scanned"""
    done = kit.run("scan", "--inventory-only", image, "-o", "json=%s/no/where" % tmp_path, cache=cache)
    assert done.code == kit.FAILED and "no/where" in done.err
    assert os.listdir(cache) == []


def test_devices_are_not_replaced(rummage, image, cache, tmp_path):
    """-o into a pipe writes into it and leaves it a pipe"""
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = subprocess.Popen(["cat", path], stdout=subprocess.PIPE)
    done = kit.run("scan", "--inventory-only", image, "-o", "json=" + path, cache=cache)
    out = reader.communicate(timeout=30)[0]
    assert done.code == kit.OK and json.loads(out)["complete"] is True
    assert kit.run("scan", "--inventory-only", image, "-o", "json=/dev/null", cache=cache).code == 0
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


def test_a_scan_that_fails_leaves_the_old_file(rummage, cache, tmp_path):
    """-o FILE of a scan that could not be done: the old content stays"""
    out = tmp_path / "report"
    out.write_text("old")
    done = kit.run("scan", "--inventory-only", "oci-dir:%s/missing" % tmp_path, "-o", "json=%s" % out,
                   cache=cache)
    assert done.code == kit.FAILED and out.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["cache", "report"]


def test_a_full_disk_leaves_the_old_file(rummage, image, cache, tmp_path):
    """-o FILE on a full disk: exit 1 and why, the old content stays"""
    out = tmp_path / "report"
    out.write_text("old")
    kit.scan(image, cache=cache)  # facts are known then, and nothing but the report is written
    done = kit.run("scan", "--inventory-only", image, "-o", "json=%s" % out, cache=cache,
                   max_file_bytes=100)
    assert done.code == kit.FAILED and "report" in done.err, done
    assert out.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["cache", "report"]


@pytest.mark.parametrize("words", [
    ["scan", "IMAGE", "--db", "DB"], ["sbom", "IMAGE"], ["db", "status", "--db", "DB"],
    ["db", "diff", "DB", "STARTER"], ["version"], ["help"], ["scan", "--help"], ["vercmp", "deb", "1", "2"],
], ids=lambda words: " ".join(words))
def test_full_standard_output(rummage, image, small_db, starter_db, cache, words):
    """standard output on a full disk: exit 1, and why, for every verb"""
    names = {"IMAGE": image, "DB": small_db, "STARTER": starter_db}
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([rummage] + [names.get(w, w) for w in words], stdout=full, check=False,
                              stderr=subprocess.PIPE, env=dict(os.environ, RUMMAGE_CACHE_DIR=cache),
                              text=True, timeout=60)
    assert done.returncode == kit.FAILED and "standard output" in done.stderr, done
    assert "No space left" in done.stderr or words[0] in ("help", "vercmp") or "--help" in words


def test_full_device(rummage, image, cache):
    """-o into a device that is full: exit 1, the device and why"""
    done = kit.run("sbom", image, "-o", "json=/dev/full", cache=cache)
    assert done.code == kit.FAILED and "/dev/full: No space left" in done.err, done


@pytest.mark.parametrize("words, says", [
    (["update", "--feed", "redhat"], 'no feed is called "redhat"; there are osv debian'),
    (["update", "--url", "oscar=http://x"], '"oscar=http://x" is no FEED=URL'),
    (["update", "--url", "osv"], '"osv" is no FEED=URL'),
    (["build", "--starter", "--feed", "x"], 'no feed is called "x"'),
    (["diff", "/nowhere/a", "/nowhere/b"], "there is no database at /nowhere/a"),
])
def test_wrong_words_of_db(rummage, cache, words, says):
    """db: a feed that there is not, or a file, is named, and nothing is fetched"""
    done = kit.run("db", *words, cache=cache)
    assert done.code == kit.FAILED and says in done.err, done
    assert not os.path.exists(os.path.join(cache, "feeds"))


def test_a_reader_that_goes_away_is_no_crash(rummage, image, cache):
    """standard output closed early: exit 1"""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([rummage, "sbom", image], stdout=write, stderr=subprocess.PIPE, check=False,
                          env=dict(os.environ, RUMMAGE_CACHE_DIR=cache), timeout=60)
    os.close(write)
    assert done.returncode == kit.FAILED


@pytest.mark.parametrize("wait", [0.03, 0.1, 0.3, 1])
def test_ctrl_c_leaves_nothing(rummage, cache, tmp_path, wait):
    """Ctrl-C during a scan: exit 1 soon, no FILE, the old one untouched, no worker left"""
    out = tmp_path / "report"
    out.write_text("old")
    child = subprocess.Popen([rummage, "scan", "--inventory-only", "--no-cache", "rootfs:/usr",
                              "-o", "json=%s" % out], stderr=subprocess.PIPE, text=True,
                             env=dict(os.environ, RUMMAGE_CACHE_DIR=cache), start_new_session=True)
    time.sleep(wait)
    if child.poll() is not None:
        pytest.skip("the scan was too quick to be interrupted")
    child.send_signal(signal.SIGINT)
    began = time.monotonic()
    err = child.communicate(timeout=60)[1]
    # Before the program has begun, the signal is what the system makes of it.
    assert child.returncode == (kit.FAILED if "stopped" in err else -signal.SIGINT), err
    assert time.monotonic() - began < 10
    assert sorted(os.listdir(tmp_path)) == ["cache", "report"] and out.read_text() == "old"
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


# The terminal

def on_terminal(command, env):
    """(what a terminal of 100 columns was sent, exit code)."""
    parent, child_end = pty.openpty()
    fcntl.ioctl(child_end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=child_end, stderr=child_end,
                             env=env, close_fds=True)
    os.close(child_end)
    got = b""
    while select.select([parent], [], [], 60)[0]:
        try:
            block = os.read(parent, 65536)
        except OSError:
            break
        if not block:
            break
        got += block
    os.close(parent)
    return got.decode("utf-8"), child.wait(30)


def terminal_env(cache, **more):
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    return dict(env, TERM="xterm", RUMMAGE_CACHE_DIR=cache, **more)


def test_a_terminal_gets_colours_and_bars(rummage, image, small_db, cache):
    """on a terminal: colours by severity, bars that are gone in the end, lines that fit"""
    command = [rummage, "scan", image, "--db", small_db]
    text, code = on_terminal(command, terminal_env(cache))
    assert code == kit.OK
    assert re.search("\033\\[(1;)?31m(critical|high)\033\\[0m", text)
    table = re.sub("\033\\[[0-9;]*[mKJA]", "", text).split("COMPONENT", 1)[1].split("\r\n\r\n")[0]
    assert all(len(line) <= 100 for line in table.split("\r\n"))


def test_no_color_and_quiet(rummage, image, small_db, cache):
    """NO_COLOR: no colours on a terminal; --quiet: no bars"""
    text, code = on_terminal([rummage, "scan", "-q", image, "--db", small_db],
                             terminal_env(cache, NO_COLOR="1"))
    assert code == kit.OK and "\033" not in text


def test_no_terminal_no_escapes(rummage, image, small_db, cache):
    """without a terminal: no colour, no progress"""
    done = kit.run("scan", image, "--db", small_db, cache=cache, env={"NO_COLOR": "", "TERM": "xterm"})
    assert done.code == kit.OK and done.err == "" and "\033" not in done.out


# Settings

def test_later_settings_win(rummage, image, small_db, cache, tmp_path):
    """settings: the user's file, then --config, then the environment, then flags"""
    home = tmp_path / "config"
    (home / "rummage").mkdir(parents=True)
    (home / "rummage" / "rummage.yaml").write_text("scan:\n  fail-on: negligible\n  output: json\n")
    config = tmp_path / "more.yaml"
    config.write_text("scan:\n  output: [sarif]\n")
    env = {"XDG_CONFIG_HOME": str(home), "RUMMAGE_DB_PATH": small_db}
    run = lambda *args, **more: kit.run("scan", image, *args, cache=cache, env=dict(env, **more))  # noqa: E731
    first = run()
    assert first.code == kit.POLICY and json.loads(first.out)["schema"] == "rummage/report/1"
    assert json.loads(run("--config", config).out)["version"] == "2.1.0"
    third = run("--config", config, RUMMAGE_SCAN_OUTPUT="cyclonedx-json")
    assert json.loads(third.out)["bomFormat"] == "CycloneDX"
    last = run("--config", config, "-o", "json", RUMMAGE_SCAN_OUTPUT="cyclonedx-json")
    assert json.loads(last.out)["schema"] == "rummage/report/1"


@pytest.mark.parametrize("text, says", [
    ("scan:\n  fail_on: high\n", 'line 2: unknown key "fail_on"'),
    ("scann:\n  fail-on: high\n", 'line 1: unknown section "scann"'),
    ("scan:\n  only-fixed: perhaps\n", "line 2"),
    ("scan: high\n", "line 1"),
    ("- scan\n", "line 1"),
    ("scan:\n  fail-on: [a, b]\n", "line 2"),
    ("scan: {fail-on: high\n", "line"),
    ("scan:\n  fail-on: high\n  fail-on: low\n", 'line 3: a second key "fail-on"'),
    ("scan: {fail-on: high}\nscan: {fail-on: low}\n", 'line 2: a second key "fail-on"'),
    ("scan: &a {}\ndb: *a\n", "line 1: anchors and tags are not taken"),
    ("scan: {output: %s}\n" % ("[" * 100000), "line 1"),
    ('scan: {fail-on: "a\\0b"}\n', "line 1: a NUL in a value"),
])
def test_wrong_settings_are_named(rummage, image, cache, tmp_path, text, says):
    """settings: an unknown key or a wrong value is an error that names file and line"""
    config = tmp_path / "wrong.yaml"
    config.write_text(text)
    done = kit.run("scan", image, "--config", config, cache=cache)
    assert done.code == kit.FAILED
    assert str(config) in done.err and says in done.err


def test_a_long_settings_list_is_read_in_time(rummage, image, cache, tmp_path):
    """settings: 1 MiB of list is no longer work than its bytes"""
    config = tmp_path / "long.yaml"
    config.write_text("registry: {insecure: [%s]}\n" % ",".join(["a.example"] * 100000))
    done = kit.run("scan", image, "--inventory-only", "--config", config, cache=cache, timeout=30)
    assert done.code == kit.OK, done


def test_a_wrong_variable_is_named(rummage, image, cache):
    """settings: RUMMAGE_SCAN_FAIL is no setting, and not passed over"""
    done = kit.run("scan", image, cache=cache, env={"RUMMAGE_SCAN_FAIL": "high"})
    assert done.code == kit.FAILED and "RUMMAGE_SCAN_FAIL" in done.err
    assert kit.run("version", cache=cache, env={"RUMMAGE_OTHER": "x"}).code == kit.OK


# The ignore file

def test_ignored_findings_do_not_count(rummage, image, small_db, cache, tmp_path):
    """--ignore-file: suppressed findings stay in the report and do not count; expired rows do nothing"""
    rows = tmp_path / "ignore.yaml"
    rows.write_text("- {id: GHSA-jf85-cpcp-j695, component: lodash, owner: team-a, reason: not called,"
                    " expires: 2999-12-31}\n"
                    "- {id: CVE-2024-3094, owner: team-b, reason: waits, expires: 2020-01-01}\n"
                    "- {id: CVE-1999-1, owner: team-b, reason: gone, expires: 2999-12-31}\n")
    done = kit.scan(image, "--db", small_db, "--ignore-file", rows, "--fail-on", "critical",
                    cache=cache)
    report = json.loads(done.out)
    assert done.code == kit.OK
    by_id = {f["id"]: f["suppressed"] for f in report["findings"]}
    assert by_id["CVE-2019-10744"] == {"by": "team-a", "reason": "not called", "until": "2999-12-31"}
    assert by_id["CVE-2024-3094"] is None
    assert {"ignore-expired": "warn", "ignore-unused": "info"}.items() <= \
        {n["code"]: n["severity"] for n in report["notes"]}.items()
    assert report["summary"]["suppressed"] == 1


def test_a_wrong_ignore_file_is_1(rummage, image, small_db, cache, tmp_path):
    """--ignore-file: a row that nobody owns is an error with file and line"""
    rows = tmp_path / "ignore.yaml"
    rows.write_text("- id: CVE-1\n  reason: none\n  expires: 2999-01-01\n")
    done = kit.scan(image, "--db", small_db, "--ignore-file", rows, cache=cache)
    assert done.code == kit.FAILED
    assert str(rows) in done.err and "line 1" in done.err and "owner" in done.err


def test_only_fixed(rummage, image, small_db, cache):
    """--only-fixed keeps findings with a fix"""
    done = kit.scan(image, "--db", small_db, "--only-fixed", cache=cache)
    assert all(f["fixed"] for f in json.loads(done.out)["findings"])


# vercmp, version, db

def test_vercmp_reads_pairs(rummage):
    """vercmp: pairs from standard input, a line each"""
    pairs = "".join("1.%d\t1.%d\n" % (i % 100, i % 97) for i in range(100000))
    done = kit.run("vercmp", "deb", stdin=pairs.encode())
    assert done.code == kit.OK
    want = [(i % 100 > i % 97) - (i % 100 < i % 97) for i in range(100000)]
    assert [int(x) for x in done.out.split()] == want
    assert kit.run("vercmp", "deb", "--", "-1", "1").out.strip() == "-1"
    wrong = kit.run("vercmp", "deb", stdin=b"1\t2\n1 2\n")
    assert wrong.code == kit.FAILED and "line 2" in wrong.err


def test_version_says_what_there_is(rummage, small_db, cache):
    """version: build, sandbox, catalogers, database; as JSON too"""
    text = kit.run("version", "--db", small_db, cache=cache).out
    for word in ("rummage ", "build ", "sandbox ", "catalogers ", "database "):
        assert re.search("^" + word, text, re.M)
    about = json.loads(kit.run("version", "-o", "json", "--db", small_db, cache=cache).out)
    assert about["db"]["advisories"] == 2 and "dpkg/" in about["catalogers"]
    assert json.loads(kit.run("version", "-o", "json", cache=cache).out)["db"] is None
    assert kit.run("--version").out.startswith("rummage ")


def test_db_diff_names_what_changed(rummage, small_db, starter_db, cache):
    """db diff: what a new database changes; none against itself"""
    assert kit.run("db", "diff", small_db, small_db, cache=cache).out == ""
    rows = kit.run("db", "diff", starter_db, small_db, cache=cache).out.splitlines()
    assert "added\tAlpine:v3.18\txz" in rows
    as_json = json.loads(kit.run("db", "diff", "-o", "json", starter_db, small_db, cache=cache).out)
    assert len(as_json) == len(rows)


def test_the_starter_set_is_loud(rummage, image, starter_db, cache):
    """the starter set says so: when it is built, in db status, in the table, in JSON"""
    assert "STARTER" in kit.run("db", "build", "--starter", cache=cache).err
    assert "STARTER" in kit.run("db", "status", cache=cache).out
    assert "STARTER" in kit.run("scan", image, cache=cache).out
    report = json.loads(kit.run("scan", "-o", "json", image, cache=cache).out)
    assert any(s["starter"] for s in report["db"]["sources"])


def test_no_sandbox_is_loud(rummage, image, cache):
    """--no-sandbox is said on standard error, in the table and in JSON"""
    done = kit.run("scan", "--inventory-only", "--no-sandbox", "--no-cache", image, cache=cache)
    assert "NO SANDBOX" in done.err and "NOT SANDBOXED" in done.out
