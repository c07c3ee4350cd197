# SPDX-License-Identifier: Apache-2.0
"""`rummage db`: databases from folders and from publishers who stall, break off, lie and come back."""

import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import zipfile

import pytest

import kit
import small


def db(*args, **more):
    return kit.run("db", *args, **more)


def status(path):
    run = db("status", "--db", path, "-o", "json")
    assert run.code == kit.OK, run.err
    return run.json


def sources(path):
    return {s["name"]: s for s in status(path)["sources"]}


def build(folder, out):
    run = db("build", "--from", folder, "--out", out)
    assert run.code == kit.OK, run.err
    return run


def diff(old, new):
    run = db("diff", old, new)
    assert run.code == kit.OK, run.err
    return [line.split("\t") for line in run.out.splitlines()]


TRACKER = {"openssl": {"CVE-2030-0001": {"releases": {
    "bookworm": {"status": "resolved", "fixed_version": "3.0.1-1", "urgency": "high"},
    "bullseye": {"status": "open", "urgency": "low", "nodsa": "Minor issue", "nodsa_reason": ""}}}}}
SECDB = {"packages": [{"pkg": {"name": "xz", "secfixes": {"5.2.3-r0": ["CVE-2030-0002"]}}}]}
KEV = {"vulnerabilities": [{"cveID": "CVE-2030-0001", "dateAdded": "2030-01-02",
                            "dueDate": "2030-01-23"}]}
EPSS = "#model_version:x\ncve,epss,percentile\nCVE-2030-0001,0.97565,0.99999\n"


def write(folder, name, content):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = content if isinstance(content, (bytes, str)) else json.dumps(content)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


@pytest.fixture(name="folder")
def made_folder(tmp_path):
    folder = str(tmp_path / "feeds")
    small.write_feeds(folder)
    write(folder, "debian/tracker.json", TRACKER)
    write(folder, "alpine-secdb/v3.17/main.json", SECDB)
    write(folder, "kev.json", KEV)
    write(folder, "epss.csv", EPSS)
    return folder


def test_build_and_status(folder, tmp_path):
    """A folder of every feed becomes one database that names its sources."""
    out = str(tmp_path / "out.db")
    build(folder, out)
    said = status(out)
    assert {s["name"] for s in said["sources"]} == {"osv", "debian", "alpine", "kev", "epss"}
    assert not any(s["starter"] for s in said["sources"])
    assert said["advisories"] == 4 and said["packages"] == 5 and said["rules"] == 5


def test_same_feeds_same_bytes(folder, tmp_path):
    """The same folder gives the same file, however its names are ordered on disk."""
    again = str(tmp_path / "again")
    shutil.copytree(folder, again)
    for name in ("osv/npm", "osv/Alpine"):
        path = os.path.join(again, name)
        for entry in sorted(os.listdir(path), reverse=True):
            file = os.path.join(path, entry)
            shutil.copy2(file, file + "x")
            os.replace(file + "x", file)
    for base, _, names in os.walk(folder):
        for name in names + ["."]:
            os.utime(os.path.join(base, name), (1e9, 1e9))
    for base, _, names in os.walk(again):
        for name in names + ["."]:
            os.utime(os.path.join(base, name), (1e9, 1e9))
    env = {"SOURCE_DATE_EPOCH": "1900000000"}
    files = []
    for source in (folder, again):
        out = source + ".db"
        run = db("build", "--from", source, "--out", out, env=env)
        assert run.code == kit.OK, run.err
        with open(out, "rb") as f:
            files.append(f.read())
    assert files[0] == files[1]


def test_zip_equals_folder(folder, tmp_path):
    """OSV's all.zip gives the same advisories as its records one by one."""
    plain, zipped = str(tmp_path / "plain.db"), str(tmp_path / "zip.db")
    build(folder, plain)
    for name in os.listdir(os.path.join(folder, "osv")):
        path = os.path.join(folder, "osv", name)
        with zipfile.ZipFile(os.path.join(path, "all.zip"), "w", zipfile.ZIP_DEFLATED) as z:
            for record in [r for r in os.listdir(path) if r.endswith(".json")]:
                z.write(os.path.join(path, record), record)
                os.remove(os.path.join(path, record))
    build(folder, zipped)
    assert diff(plain, zipped) == []
    assert status(zipped)["advisories"] == status(plain)["advisories"]


def test_broken_record_is_warned_of(folder, tmp_path):
    """A record that cannot be read is named; all others are there."""
    out = str(tmp_path / "out.db")
    write(folder, "osv/npm/GHSA-broken.json", '{"id": "GHSA-bro')
    write(folder, "osv/npm/GHSA-no-id.json", "{}")
    run = build(folder, out)
    assert "GHSA-broken.json" in run.err and "GHSA-no-id.json" in run.err
    assert status(out)["advisories"] == 4


@pytest.mark.parametrize("name", ["debian/tracker.json", "alpine-secdb/v3.17/main.json", "kev.json",
                                  "epss.csv", "osv/npm/all.zip"])
def test_broken_feed_builds_nothing(folder, tmp_path, name):
    """A feed's only file that is broken ends the build; the old database stays."""
    out = str(tmp_path / "out.db")
    build(folder, out)
    with open(out, "rb") as f:
        before = f.read()
    write(folder, name, "{ broken")
    run = db("build", "--from", folder, "--out", out)
    assert run.code == kit.FAILED
    assert os.path.basename(name) in run.err
    with open(out, "rb") as f:
        assert f.read() == before


def zip_of(records):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for r in records:
            z.writestr(r["id"] + ".json", json.dumps(r))
    return out.getvalue()


def flipped(data):
    """One byte of the first member's packed bytes is another."""
    return data[:80] + bytes([data[80] ^ 0x55]) + data[81:]


DAMAGE = {
    "cut-off": lambda data: data[:len(data) // 2],
    "flipped": flipped,
    "empty": lambda data: b"",
    "html": lambda data: b"<!doctype html><title>503 Service Unavailable</title>",
    "other-json": lambda data: b'{"message": "rate limit exceeded"}',
}


@pytest.mark.parametrize("how", sorted(DAMAGE))
def test_damaged_archive_builds_nothing(folder, tmp_path, how):
    """R37: whatever became of a feed's archive, the build ends and the old database stays."""
    out = str(tmp_path / "out.db")
    good = zip_of([record(n) for n in range(20)])
    write(folder, "osv/npm/all.zip", good)
    build(folder, out)
    with open(out, "rb") as f:
        before = f.read()
    write(folder, "osv/npm/all.zip", DAMAGE[how](good))
    run = db("build", "--from", folder, "--out", out)
    assert run.code == kit.FAILED and "osv/npm/all.zip" in run.err
    with open(out, "rb") as f:
        assert f.read() == before
    assert [n for n in os.listdir(tmp_path) if ".tmp-" in n] == []


def test_empty_folder_is_no_database(tmp_path):
    """A folder without advisories is an error, never an empty database."""
    out = str(tmp_path / "out.db")
    os.makedirs(tmp_path / "empty")
    run = db("build", "--from", str(tmp_path / "empty"), "--out", out)
    assert run.code == kit.FAILED and not os.path.exists(out)
    run = db("build", "--from", str(tmp_path / "none"), "--out", out)
    assert run.code == kit.FAILED and not os.path.exists(out)


def test_starter_says_so(tmp_path):
    """The starter set is marked as such in what is built of it."""
    out = str(tmp_path / "starter.db")
    run = db("build", "--starter", "--out", out)
    assert run.code == kit.OK, run.err
    assert "STARTER" in run.err
    assert sources(out)["starter"]["starter"] is True


def test_diff(folder, tmp_path):
    """R37: a new set is compared with the old one by package."""
    old, new = str(tmp_path / "old.db"), str(tmp_path / "new.db")
    build(folder, old)
    TRACKER_2 = json.loads(json.dumps(TRACKER))
    TRACKER_2["openssl"]["CVE-2030-0001"]["releases"]["bookworm"]["fixed_version"] = "3.0.2-1"
    TRACKER_2["curl"] = {"CVE-2030-0009": {"releases": {"bookworm": {"status": "open"}}}}
    write(folder, "debian/tracker.json", TRACKER_2)
    os.remove(os.path.join(folder, "alpine-secdb/v3.17/main.json"))
    write(folder, "alpine-secdb/v3.16/main.json", SECDB)
    write(folder, "epss.csv", EPSS.replace("0.97565", "0.5"))
    build(folder, new)
    assert diff(old, new) == [
        ["added", "Alpine:v3.16", "xz"], ["removed", "Alpine:v3.17", "xz"],
        ["added", "Debian:12", "curl"], ["changed", "Debian:12", "openssl"]]
    assert diff(new, new) == []


def test_damaged_database_is_refused(folder, tmp_path):
    """A file that is cut off, of another kind or empty is an error with its name."""
    out = str(tmp_path / "out.db")
    build(folder, out)
    with open(out, "rb") as f:
        good = f.read()
    for bad in (b"", b"SQLite format 3\0" * 8, good[:-1], good[:300], good + b"x"):
        with open(out, "wb") as f:
            f.write(bad)
        run = db("status", "--db", out)
        assert run.code == kit.FAILED and "out.db" in run.err


def test_no_space_is_said(folder):
    """A full disk is an error, and nothing half-written appears."""
    run = db("build", "--from", folder, "--out", "/proc/self/none/out.db")
    assert run.code == kit.FAILED and run.err.strip()


# A publisher on loopback.

class Publisher(http.server.ThreadingHTTPServer):
    """Serves a tree of bytes. `modes` (path -> mode) says how it misbehaves, once per entry of the
    list: close-N (after N bytes), stall, 500, 429, html, lie-range, lie-length."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.tree, self.modes, self.log = {}, {}, []
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, path, content):
        data = content if isinstance(content, (bytes, str)) else json.dumps(content)
        self.tree[path] = data if isinstance(data, bytes) else data.encode()

    def asked(self, path):
        return [h for p, h in self.log if p == path]


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        path = self.path
        server.log.append((path, dict(self.headers)))
        modes = server.modes.get(path, [])
        mode = modes.pop(0) if modes else ""
        if path not in server.tree:
            self.reply(404, b"no")
            return
        body = server.tree[path]
        etag = '"%s"' % hashlib.sha256(body).hexdigest()[:16]
        if mode in ("500", "503"):
            self.reply(int(mode), b"<html>sorry</html>")
        elif mode == "html":
            self.reply(200, b"<html>Welcome to the hotel's network</html>")
        elif self.headers.get("If-None-Match") == etag:
            self.reply(304, ETag=etag)
        else:
            self.body(body, etag, mode)

    def body(self, body, etag, mode):
        wanted = self.headers.get("Range", "")
        first = 0
        headers = {"ETag": etag}
        code = 200
        if wanted.startswith("bytes=") and self.headers.get("If-Range") == etag:
            first = int(wanted[6:].split("-")[0])
            if first >= len(body):
                self.reply(416, Content_Range="bytes */%d" % len(body))
                return
            code = 206
            at = first + 1 if mode == "lie-range" else first
            headers["Content_Range"] = "bytes %d-%d/%d" % (at, len(body) - 1, len(body))
        part = body[first:]
        if mode == "lie-length":
            headers["Content_Length"] = str(len(part) + 10)
        if mode.startswith("close-") or mode == "stall":
            cut = int(mode[6:]) if mode != "stall" else 10
            headers["Content_Length"] = str(len(part))
            self.reply(code, part[:cut], **headers)
            self.wfile.flush()
            if mode == "stall":
                time.sleep(5)
            self.close_connection = True
            return
        self.reply(code, part, **headers)
        if mode == "lie-length":
            self.close_connection = True


def record(n, modified="2030-01-01T00:00:00Z", fixed="1.0.%d"):
    made = small.osv("GHSA-test-0000-%04d" % n, "npm", "package-%d" % n, fixed % n, "SEMVER")
    made["modified"] = modified
    return made


def put_osv(publisher, records, ecosystem="npm"):
    publisher.put("/osv/%s/all.zip" % ecosystem, zip_of(records))
    put_changes(publisher, records, ecosystem)


def put_changes(publisher, records, ecosystem="npm"):
    rows = sorted(((r["modified"], r["id"]) for r in records), reverse=True)
    publisher.put("/osv/%s/modified_id.csv" % ecosystem, "".join("%s,%s\n" % row for row in rows))
    for r in records:
        publisher.put("/osv/%s/%s.json" % (ecosystem, r["id"]), r)


@pytest.fixture(name="publisher")
def made_publisher():
    server = Publisher()
    server.put("/osv/ecosystems.txt", "npm\nLinux\nDebian:12\n")
    put_osv(server, [record(n) for n in range(5)])
    server.put("/debian/json", TRACKER)
    server.put("/alpine/v3.17/main.json", SECDB)
    server.put("/alpine/v3.17/community.json", {"packages": []})
    server.put("/alpine/edge/main.json", SECDB)
    server.put("/kev/known_exploited_vulnerabilities.json", KEV)
    server.put("/epss/epss_scores-current.csv.gz", gzip.compress(EPSS.encode(), mtime=0))
    server.put("/wolfi/security.json", SECDB)
    server.put("/chainguard/security.json", SECDB)
    yield server
    server.shutdown()


FEEDS = ("osv", "debian", "alpine", "wolfi", "chainguard", "kev", "epss")


class Site:
    """A cache and a database of one publisher."""

    def __init__(self, publisher, tmp_path):
        self.publisher, self.cache = publisher, str(tmp_path / "cache")
        self.db = os.path.join(self.cache, "advisories.db")

    def args(self, feeds=()):
        out = ["update", "--cache-dir", self.cache]
        for feed in FEEDS:
            out += ["--url", "%s=%s/%s" % (feed, self.publisher.url, feed)]
        for feed in feeds:
            out += ["--feed", feed]
        return out

    def update(self, *feeds, code=kit.OK):
        run = db(*self.args(feeds), env={"no_proxy": "*"})
        assert run.code == code, run.err
        return run


@pytest.fixture(name="site")
def made_site(publisher, tmp_path):
    return Site(publisher, tmp_path)


def test_update_fetches_what_changed_only(site):
    """R37: a second update sends validators and fetches nothing that it has."""
    site.update()
    assert set(sources(site.db)) == set(FEEDS)
    with open(site.db, "rb") as f:
        before = f.read()
    site.publisher.log.clear()
    run = site.update()
    assert "nothing new" in run.out
    with open(site.db, "rb") as f:
        assert f.read() == before
    assert site.publisher.asked("/osv/npm/all.zip") == []
    for path in ("/debian/json", "/osv/npm/modified_id.csv", "/alpine/v3.17/main.json",
                 "/epss/epss_scores-current.csv.gz"):
        assert all("If-None-Match" in h for h in site.publisher.asked(path)), path


def test_update_takes_single_records(site):
    """R37: OSV's changed records come one by one, the zip does not come again."""
    site.update()
    new = [record(n) for n in range(5)]
    new[2] = record(2, "2030-02-01T00:00:00Z", "9.9.%d")
    new.append(record(77, "2030-02-02T00:00:00Z"))
    put_changes(site.publisher, new)
    site.publisher.log.clear()
    old = site.db + ".old"
    shutil.copy(site.db, old)
    run = site.update("osv")
    assert "updated" in run.out
    assert site.publisher.asked("/osv/npm/all.zip") == []
    assert len(site.publisher.asked("/osv/npm/GHSA-test-0000-0077.json")) == 1
    assert site.publisher.asked("/osv/npm/GHSA-test-0000-0001.json") == []
    assert diff(old, site.db) == [["changed", "npm", "package-2"], ["added", "npm", "package-77"]]
    site.publisher.log.clear()
    site.update("osv")
    assert not [p for p, _ in site.publisher.log if "GHSA" in p]


def test_update_takes_the_zip_again_when_much_changed(site):
    """Hundreds of changed records come as one zip."""
    site.update("osv")
    many = [record(n, "2030-03-01T00:00:00Z") for n in range(400)]
    put_osv(site.publisher, many)
    site.publisher.log.clear()
    site.update("osv")
    assert len(site.publisher.asked("/osv/npm/all.zip")) == 1
    assert not [p for p, _ in site.publisher.log if "GHSA" in p]
    assert status(site.db)["packages"] == 400


def test_hostile_list_of_changes(site):
    """An id that is a path writes nothing outside."""
    site.update("osv")
    site.publisher.put("/osv/npm/modified_id.csv", "2031-01-01T00:00:00Z,../../../../tmp/x\n")
    run = site.update("osv", code=kit.FAILED)
    assert "not an id" in run.err
    assert status(site.db)["packages"] == 5


def test_one_feed_fails_the_others_come(site):
    """One feed's error does not end the round for all, and is said."""
    del site.publisher.tree["/debian/json"]
    site.publisher.modes["/kev/known_exploited_vulnerabilities.json"] = ["html"]
    run = site.update(code=kit.FAILED)
    assert "debian" in run.err and "kev" in run.err
    assert set(sources(site.db)) == set(FEEDS) - {"debian", "kev"}
    site.publisher.put("/debian/json", TRACKER)
    site.update()
    assert set(sources(site.db)) == set(FEEDS)


def test_failed_feed_keeps_its_last_good_copy(site):
    """What a feed brought last stays in use while it fails."""
    site.update()
    site.publisher.put("/debian/json", "<html>maintenance</html>")
    site.publisher.put("/wolfi/security.json",
                       {"packages": [{"pkg": {"name": "new", "secfixes": {"1": ["CVE-2031-1111"]}}}]})
    site.update(code=kit.FAILED)
    assert "debian" in sources(site.db)
    assert sources(site.db)["wolfi"]["count"] == 1


SENT = ("/osv/npm/all.zip", "/debian/json", "/wolfi/security.json",
        "/epss/epss_scores-current.csv.gz", "/kev/known_exploited_vulnerabilities.json")


# One byte of a text may be as good as another; JSON of another kind is HTML to an archive.
@pytest.mark.parametrize("path,how", [
    (path, how) for path in SENT for how in sorted(DAMAGE)
    if how != ("other-json" if path.endswith((".zip", ".gz")) else "flipped")])
def test_damaged_file_does_not_replace_a_good_one(site, path, how):
    """R37: what a publisher sends damaged is refused; the copy and the database before it stay."""
    good = site.publisher.tree[path]
    site.update()
    wanted = sources(site.db)
    if path == "/osv/npm/all.zip":  # so much is new that the archive is taken again
        records = [record(n, modified="2031-01-01T00:00:00Z") for n in range(400)]
        put_osv(site.publisher, records)
        good = site.publisher.tree[path]
    site.publisher.tree[path] = DAMAGE[how](good)
    run = site.update(code=kit.FAILED)
    assert path.split("/")[1] in run.err
    assert sources(site.db).keys() == wanted.keys()
    assert all(sources(site.db)[n]["count"] == wanted[n]["count"] for n in wanted)
    site.publisher.tree[path] = good
    site.update()


def test_broken_transfer_goes_on(site):
    """A transfer that breaks off goes on where it was, within one run."""
    body = site.publisher.tree["/debian/json"]
    site.publisher.modes["/debian/json"] = ["close-50", "close-20"]
    site.update("debian")
    asked = site.publisher.asked("/debian/json")
    assert [h.get("Range") for h in asked] == [None, "bytes=50-", "bytes=70-"]
    with open(os.path.join(site.cache, "feeds/debian/tracker.json"), "rb") as f:
        assert f.read() == body


def test_broken_transfer_of_another_version_begins_anew(site):
    """What is left of one version is never joined to another's rest."""
    site.publisher.modes["/debian/json"] = ["close-50"] + ["503"] * 9
    site.update("debian", code=kit.FAILED)
    assert os.path.exists(os.path.join(site.cache, "feeds/debian/tracker.json.part"))
    site.publisher.modes.clear()
    new = dict(TRACKER, curl=TRACKER["openssl"])
    site.publisher.put("/debian/json", new)
    site.update("debian")
    with open(os.path.join(site.cache, "feeds/debian/tracker.json"), encoding="utf-8") as f:
        assert json.load(f) == new
    assert status(site.db)["packages"] == 4


@pytest.mark.parametrize("mode", ["503", "lie-length", "lie-range"])
def test_lies_are_not_believed(site, mode):
    """A server that lies once is asked again; the content is right in the end."""
    site.publisher.modes["/debian/json"] = ["close-50", mode] if mode == "lie-range" else [mode]
    site.update("debian")
    with open(os.path.join(site.cache, "feeds/debian/tracker.json"), encoding="utf-8") as f:
        assert json.load(f) == TRACKER


def test_first_update_without_any_feed(site):
    """Nothing could be fetched: an error that says why, and no database."""
    site.publisher.tree.clear()
    run = site.update("debian", "kev", code=kit.FAILED)
    assert "404" in run.err and not os.path.exists(site.db)


def test_concurrent_update_is_refused(site):
    """A second update says that one is running, and touches nothing."""
    site.publisher.modes["/debian/json"] = ["stall"]
    first = subprocess.Popen([kit.program("rummage"), "db"] + site.args(("debian",)),
                             env=dict(os.environ, no_proxy="*"), stderr=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)
    try:
        deadline = time.time() + 20
        while not site.publisher.asked("/debian/json") and time.time() < deadline:
            time.sleep(0.05)
        run = site.update("debian", code=kit.FAILED)
        assert "another update is running" in run.err
    finally:
        first.kill()
        first.wait()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_kill_at_any_time_keeps_the_database(site, how):
    """R39: kill -9 or Ctrl-C in an update leaves the old database, and the next update repairs the rest."""
    site.update()
    before = status(site.db)["digest"]
    many = [record(n, "2030-03-01T00:00:00Z") for n in range(3000)]
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1, 0.2):
        put_osv(site.publisher, many[:400 + int(delay * 1000)])
        run = subprocess.Popen([kit.program("rummage"), "db"] + site.args(),
                               env=dict(os.environ, no_proxy="*"), stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
        time.sleep(delay)
        run.send_signal(how)
        run.wait(30)
        if how == signal.SIGINT:
            assert run.returncode in (kit.OK, kit.FAILED, -how)
            assert [p for p, _, names in os.walk(site.cache) if any(".tmp-" in n for n in names)] == []
        said = status(site.db)
        assert said["digest"] == before or said["packages"] >= 400
    site.update()
    assert status(site.db)["packages"] >= 600
    left = [n for n in os.listdir(site.cache) if ".tmp-" in n]
    assert left == []


@pytest.mark.parametrize("most", [0, 1000, 100000])
def test_full_disk_keeps_the_database(site, most):
    """R39: an update that finds no room says so, leaves the old database, and the next one goes on."""
    site.update()
    before = status(site.db)["digest"]
    put_osv(site.publisher, [record(n, "2030-03-01T00:00:00Z") for n in range(2500)])
    run = db(*site.args(), env={"no_proxy": "*"}, max_file_bytes=most)
    assert run.code == kit.FAILED and "File too large" in run.err, run
    assert status(site.db)["digest"] == before
    assert [p for p, _, names in os.walk(site.cache) if any(".tmp-" in n for n in names)] == []
    site.update()
    assert status(site.db)["packages"] >= 2500


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting wants root")
def test_full_small_disk(folder, tmp_path):
    """R39: a build onto a disk that is full says so and leaves the old database."""
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(mount)],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount a small tmpfs here")
    try:
        (mount / "out.db").write_bytes(b"old" * 1500)
        run = db("build", "--from", folder, "--out", str(mount / "out.db"))
        assert run.code == kit.FAILED and "No space left" in run.err, run
        assert os.listdir(mount) == ["out.db"]
        assert (mount / "out.db").read_bytes() == b"old" * 1500
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting wants root")
def test_read_only_cache(site):
    """R39: an update of a cache that cannot be written says where, and leaves the old database."""
    site.update()
    before = status(site.db)["digest"]
    if subprocess.run("mount --bind '%s' '%s' && mount -o remount,ro,bind '%s'" % ((site.cache,) * 3),
                      shell=True, capture_output=True, check=False).returncode != 0:
        subprocess.run(["umount", site.cache], check=False, capture_output=True)
        pytest.skip("cannot mount here")
    try:
        run = site.update(code=kit.FAILED)
        assert "Read-only file system" in run.err and site.cache in run.err, run
        assert status(site.db)["digest"] == before
    finally:
        subprocess.run(["umount", site.cache], check=True)


def test_killed_between_fetch_and_build(site):
    """Files newer than the database are built even when nothing changes any more."""
    site.update()
    assert db("build", "--starter", "--out", site.db).code == kit.OK
    run = site.update()
    assert "updated" in run.out and set(sources(site.db)) == set(FEEDS)
