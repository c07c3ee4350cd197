# SPDX-License-Identifier: Apache-2.0
"""Images made of a few lines: layers of files, configuration, manifest, layout or archive.

    img = Image()
    img.layer([File("etc/os-release", "ID=alpine\\n"), Link("bin/sh", "busybox"), Gone("old")])
    ref = img.write_layout(folder)          # "oci-dir:..."
    ref = img.write_archive(path)           # "oci-archive:..."

Everything is reproducible: no clock, no user. What is wrong with a hostile image is said by
arguments: any bytes may stand for a layer, any digest for another.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
import zipfile

OCI = "application/vnd.oci.image."
EMPTY_TIME = "2021-12-09T00:00:00Z"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


class Entry:
    """One tar entry; fill() gives the header's fields."""

    def __init__(self, path, mode, kind=tarfile.REGTYPE, data=b"", target="", uid=0):
        self.path, self.mode, self.kind, self.target, self.uid = path, mode, kind, target, uid
        self.data = encode(data)

    def add(self, tar):
        info = tarfile.TarInfo(self.path)
        info.mode, info.type, info.linkname = self.mode, self.kind, self.target
        info.uid = info.gid = self.uid
        info.size = len(self.data)
        tar.addfile(info, io.BytesIO(self.data) if self.data else None)


def File(path, data="", mode=0o644):
    return Entry(path, mode, data=data)


def Folder(path, mode=0o755):
    return Entry(path, mode, tarfile.DIRTYPE)


def Link(path, target):
    return Entry(path, 0o777, tarfile.SYMTYPE, target=target)


def Hard(path, target):
    return Entry(path, 0o644, tarfile.LNKTYPE, target=target)


def Gone(path):
    """A whiteout: path of lower layers is not there."""
    folder, name = os.path.split(path)
    return File(os.path.join(folder, ".wh." + name))


def Opaque(folder):
    return File(os.path.join(folder, ".wh..wh..opq"))


def tar_of(entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, errors="surrogateescape") as tar:
        for entry in entries:
            entry.add(tar)
    return out.getvalue()


def gzip_of(data, level=6):
    return gzip.compress(data, level, mtime=0)


def zip_of(members, stored=False):
    """A zip or jar: {name: bytes or text}."""
    out = io.BytesIO()
    how = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w", how) as z:
        for name, data in members.items():
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), encode(data), how)
    return out.getvalue()


def elf(arch="amd64"):
    """The smallest program that Linux starts: it exits with 0."""
    machine = {"amd64": 62, "arm64": 183}[arch]
    code = {"amd64": bytes.fromhex("31ffb03c0f05"),
            "arm64": bytes.fromhex("a80b8052000080d2010000d4")}[arch]
    base, size = 0x400000, 120 + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    for value, n in ((2, 2), (machine, 2), (1, 4), (base + 120, 8), (64, 8), (0, 8), (0, 4),
                     (64, 2), (56, 2), (1, 2), (0, 2), (0, 2), (0, 2)):
        header += value.to_bytes(n, "little")
    for value, n in ((1, 4), (5, 4), (0, 8), (base, 8), (base, 8), (size, 8), (size, 8),
                     (4096, 8)):
        header += value.to_bytes(n, "little")
    return header + code


def apk_row(name, version, arch="x86_64", origin=None, files=(), licence="MIT"):
    """One stanza of lib/apk/db/installed; files are paths."""
    lines = ["P:" + name, "V:" + version, "A:" + arch, "S:1000", "I:4096", "L:" + licence,
             "T:" + name, "U:", "o:" + (origin or name)]
    for path in files:
        folder, base = os.path.split(path)
        lines += ["F:" + folder, "R:" + base]
    return "\n".join(lines) + "\n\n"


def deb_row(name, version, arch="amd64", source=None, status="install ok installed"):
    lines = ["Package: " + name, "Status: " + status, "Priority: optional", "Section: libs",
             "Maintainer: Nobody <nobody@example.org>", "Architecture: " + arch]
    if source:
        lines.append("Source: " + source)
    return "\n".join(lines + ["Version: " + version, "Description: " + name]) + "\n\n"


def alpine_release(version="3.14.2"):
    return ('NAME="Alpine Linux"\nID=alpine\nVERSION_ID=%s\nPRETTY_NAME="Alpine Linux v%s"\n'
            % (version, version.rsplit(".", 1)[0]))


def debian_release(version="12", codename="bookworm"):
    return ('PRETTY_NAME="Debian GNU/Linux %s (%s)"\nNAME="Debian GNU/Linux"\nVERSION_ID="%s"\n'
            'VERSION="%s (%s)"\nVERSION_CODENAME=%s\nID=debian\n'
            % (version, codename, version, version, codename, codename))


class Image:
    def __init__(self, platform="linux/amd64", labels=None, variant=None):
        self.os, self.arch = platform.split("/")[:2]
        self.platform = dict({"os": self.os, "architecture": self.arch}, **({"variant": variant} if variant else {}))
        self.labels, self.cmd = labels or {}, ["/bin/sh"]
        self.settings = {}  # what else its configuration says
        self.layers = []  # (blob, descriptor)
        self.diff_ids = []
        self.history = []
        self.blobs = {}

    def layer(self, entries, created_by="COPY . /", compress="gzip"):
        """A sound layer of entries, or of the bytes of a tar."""
        tar = entries if isinstance(entries, bytes) else tar_of(entries)
        blob = gzip_of(tar) if compress == "gzip" else tar
        return self.raw_layer(blob, sha256(tar), created_by,
                              media_type=OCI + "layer.v1.tar" + ("+gzip" if compress else ""))

    def raw_layer(self, blob, diff_id, created_by="COPY . /", digest=None, size=None,
                  media_type=OCI + "layer.v1.tar+gzip"):
        """Any bytes as a layer; digest and size are what the manifest claims."""
        digest = digest or sha256(blob)
        self.blobs[digest] = blob
        self.layers.append({"mediaType": media_type, "digest": digest,
                            "size": len(blob) if size is None else size})
        self.diff_ids.append(diff_id)
        self.history.append({"created": EMPTY_TIME, "created_by": created_by})
        return self

    def config(self):
        return json.dumps(dict(self.platform, **{
            "created": EMPTY_TIME, "config": dict({"Cmd": self.cmd, "Labels": self.labels}, **self.settings),
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
            "history": self.history}), sort_keys=True).encode()

    def manifest(self, config_digest=None):
        config = self.config()
        digest = config_digest or sha256(config)
        self.blobs[digest] = config
        return json.dumps({
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
            "config": {"mediaType": OCI + "config.v1+json", "digest": digest, "size": len(config)},
            "layers": self.layers}, sort_keys=True).encode()

    def files(self, tag="latest", manifest=None, index=None):
        """{path in the layout: bytes}."""
        manifest = self.manifest() if manifest is None else manifest
        self.blobs[sha256(manifest)] = manifest
        if index is None:
            index = json.dumps({"schemaVersion": 2, "manifests": [{
                "mediaType": OCI + "manifest.v1+json", "digest": sha256(manifest),
                "size": len(manifest),
                "platform": self.platform,
                "annotations": {"org.opencontainers.image.ref.name": tag}}]}).encode()
        files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index}
        for digest, blob in sorted(self.blobs.items()):
            files["blobs/" + digest.replace(":", "/")] = blob
        return files

    def write_layout(self, folder, **how):
        for path, data in self.files(**how).items():
            full = os.path.join(str(folder), path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(data)
        return "oci-dir:" + str(folder)

    def write_archive(self, path, **how):
        entries = [File(name, data) for name, data in self.files(**how).items()]
        with open(str(path), "wb") as f:
            f.write(tar_of(entries))
        return "oci-archive:" + str(path)
