# SPDX-License-Identifier: Apache-2.0
"""What the whole-program tests share: running the program with bounds, and where things are."""

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import threading
import time
from urllib.parse import unquote

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("RUMMAGE_BUILD", os.path.join(TOP, "build")))
SHARED = os.path.abspath(os.environ.get("RUMMAGE_SHARED", os.path.join(TOP, "..", "shared")))
CACHE_HOME = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
BUILT_DIR = os.environ.get("RUMMAGE_CORPUS") or os.path.join(CACHE_HOME, "rummage", "corpus-built")

# NAME in the builder's words -> reference and truth below the folder of built images.
BUILT = {
    "debian:bookworm": "debian_bookworm",
    "debian:bookworm-updated": "debian_bookworm-updated",
    "debian-zstd:bookworm-updated": "debian-zstd_bookworm-updated",
    "features:tar": "features_tar",
    "own-rpm:fedora40-sqlite": "own-rpm_fedora40-sqlite",
    "own-rpm:tumbleweed-ndb": "own-rpm_tumbleweed-ndb",
    "python-app:bookworm": "python-app_bookworm",
    "node-app:bookworm": "node-app_bookworm",
    "java-app:17-bookworm": "java-app_17-bookworm",
    "go-app:distroless": "go-app_distroless",
}

OK, FAILED, POLICY, INCOMPLETE = 0, 1, 2, 3


def program(name):
    return os.path.join(BUILD, name)


def sanitized(path=None):
    """Whether it was built with ASan, whose runtime wants more calls and memory than the worker has."""
    done = subprocess.run(["nm", "-D", path or program("rummage-parse")], capture_output=True,
                          text=True, check=False)
    return "__asan" in done.stdout


class Run:
    """How one run of the program ended. peak_bytes is of the largest process; killed tells that
    the time bound was reached."""

    def __init__(self, code, out, err, seconds, cpu_s, peak_bytes, killed):
        self.code, self.out, self.err = code, out, err
        self.seconds, self.cpu_s, self.peak_bytes, self.killed = seconds, cpu_s, peak_bytes, killed
        self._json = None

    @property
    def json(self):
        if self._json is None:
            self._json = json.loads(self.out)
        return self._json

    def notes(self, severity=None):
        return [n for n in self.json["notes"] if severity in (None, n["severity"])]

    def said(self):
        """All that a user can read of it."""
        return self.err + "".join("%s: %s: %s\n" % (n["code"], n["path"], n["text"]) for n in self.notes()) \
            if self.out.startswith("{") else self.err + self.out

    def __repr__(self):
        return "<exit %d after %.2f s, %d MiB; %s>" % (
            self.code, self.seconds, self.peak_bytes >> 20, self.err.strip()[-400:])


def run(*args, cache=None, timeout=120, env=None, stdin=None, path=None, max_file_bytes=None,
        cwd=None):
    """Runs rummage to its end, or kills it and all that it started after timeout seconds."""
    told, tell = os.pipe()
    command = [sys.executable, "-I", "-S", os.path.join(TOP, "tests", "launch.py"), str(tell),
               path or program("rummage")] + [str(a) for a in args]
    environment = dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8")
    if cache:
        environment["XDG_CACHE_HOME"] = str(cache)
        environment["RUMMAGE_CACHE_DIR"] = str(cache)
    environment.update(env or {})

    def bounds():
        os.setsid()
        if max_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    started = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                             preexec_fn=bounds, pass_fds=(tell,), cwd=cwd)
    os.close(tell)
    out, err = [], []
    readers = [threading.Thread(target=lambda f=f, to=to: to.append(f.read()), daemon=True)
               for f, to in ((child.stdout, out), (child.stderr, err))]
    for reader in readers:
        reader.start()
    if stdin is not None:
        child.stdin.write(stdin)
        child.stdin.close()
    killed = threading.Event()

    def kill():
        killed.set()
        try:
            os.killpg(child.pid, 9)
        except ProcessLookupError:
            pass

    timer = threading.Timer(timeout, kill)
    timer.start()
    child.wait()
    timer.cancel()
    seconds = time.monotonic() - started
    with os.fdopen(told, "rb") as f:
        code, cpu_s, peak_kib = (f.read().split() + [b"-9", b"0", b"0"])[:3]
    for reader in readers:
        reader.join(10)
    child.stdout.close()
    child.stderr.close()
    return Run(int(code), b"".join(out).decode("utf-8", "surrogateescape"),
               b"".join(err).decode("utf-8", "replace"), seconds,
               float(cpu_s), int(peak_kib) * 1024, killed.is_set())


def scan(ref, *args, **how):
    """rummage scan REF --inventory-only -o json, unless args say otherwise."""
    more = list(args)
    if "--db" not in more and "--inventory-only" not in more:
        more.append("--inventory-only")
    if not any(str(a) == "-o" for a in more):
        more += ["-o", "json"]
    return run("scan", ref, *more, **how)


def ready_images():
    """{name: (reference, truth file)} of the ready images; empty where there is no corpus."""
    folder = os.path.join(SHARED, "corpus", "ready")
    found = {}
    for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if entry.endswith(".oci.tar"):
            name = entry[:-len(".oci.tar")]
            found[name] = ("oci-archive:" + os.path.join(folder, entry),
                           os.path.join(SHARED, "corpus", "truth", name + ".tsv"))
    return found


def built_images():
    """{builder's name: (reference, truth file)} of the built images that are there."""
    found = {}
    for name, key in BUILT.items():
        repository, tag = name.split(":")
        layout = os.path.join(BUILT_DIR, repository)
        truth = os.path.join(BUILT_DIR, "truth", key + ".tsv")
        if os.path.exists(truth) and os.path.exists(os.path.join(layout, "index.json")):
            found[name] = ("oci-dir:%s:%s" % (layout, tag), truth)
    return found


def truth_rows(path):
    """The rows of a truth file, as tuples of four: type, name, version, more. rpm prints "(none)" for the
    architecture that an imported key does not have."""
    with open(path, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip()]
    return [tuple("" if f == "(none)" else f for f in (r + ["", "", ""])[:4]) for r in rows]


def purl_parts(purl):
    """(type, "namespace/name" or "name", version) of a package URL, decoded."""
    body = purl.split("#")[0].split("?")[0]
    kind, rest = body[len("pkg:"):].split("/", 1)
    rest, _, version = rest.rpartition("@") if "@" in rest.rsplit("/", 1)[-1] else (rest, "", "")
    return kind, unquote(rest), unquote(version)


def layers_of(archive):
    """The layers of an OCI archive or layout, lowest first, each as an open tarfile. For expected
    values only: a plain reading by Python's own modules."""
    kind, _, path = archive.partition(":")
    if kind == "oci-archive":
        outer = tarfile.open(path)

        def blob(name):
            return outer.extractfile(name).read()
    else:
        path = path.rpartition(":")[0] if not os.path.isdir(path) else path

        def blob(name):
            with open(os.path.join(path, name), "rb") as f:
                return f.read()
    tag = archive.rpartition(":")[2] if kind == "oci-dir" else None
    listed = json.loads(blob("index.json"))["manifests"]
    chosen = [m for m in listed
              if m.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag] or listed
    manifest = json.loads(blob("blobs/" + chosen[0]["digest"].replace(":", "/")))
    for layer in manifest["layers"]:
        data = blob("blobs/" + layer["digest"].replace(":", "/"))
        if data[:4] == b"\x28\xb5\x2f\xfd":
            data = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE,
                                  check=True).stdout
        yield tarfile.open(fileobj=io.BytesIO(data))


def last_files(archive, wanted):
    """{path: bytes} of the files for which wanted(path) holds, as the uppermost layer that speaks
    of them leaves them; whiteouts of the file or of a folder above it are obeyed."""
    found = {}
    for tar in layers_of(archive):
        added = {}
        for member in tar:
            path = os.path.normpath(member.name).lstrip("/")
            folder, name = os.path.split(path)
            if name == ".wh..wh..opq":
                found = {p: d for p, d in found.items() if not p.startswith(folder + "/")}
            elif name.startswith(".wh."):
                gone = os.path.join(folder, name[4:])
                found = {p: d for p, d in found.items()
                         if p != gone and not p.startswith(gone + "/")}
            elif member.isreg() and wanted(path):
                added[path] = tar.extractfile(member).read()
        found.update(added)
    return found
