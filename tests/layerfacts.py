# SPDX-License-Identifier: Apache-2.0
"""What is the same wherever an image is read: facts of its layers, and what is found in it."""

import os

from image import Entry, File, Folder, Gone, Image, Link, Opaque, alpine_release, apk_row, elf


def large(what):
    """A program of a size that makes the facts of its layer worth keeping."""
    return File("large", elf() + what * 300000, 0o755)


def layered():
    """Layers that hide, replace and link, with an entry for each folder, as builders write them."""
    image = Image()
    image.layer([Folder("bin"), File("bin/tool", elf(), 0o755), Entry("bin/su", 0o4755, data=elf("arm64")),
                 Folder("etc"), File("etc/os-release", alpine_release()),
                 Folder("lib"), Folder("lib/apk"), Folder("lib/apk/db"),
                 File("lib/apk/db/installed", apk_row("busybox", "1.0-r0", files=["bin/tool"])),
                 Folder("opt"), File("opt/gone", elf(), 0o755), Folder("opt/old"), File("opt/old/tool", elf(), 0o755),
                 Folder("srv"), Folder("srv/node_modules"), Folder("srv/node_modules/a"),
                 File("srv/node_modules/a/package.json", '{"name":"a","version":"1.0.0"}'),
                 File("usr-file", "was a file"), large(b"1")])
    image.layer([Folder("bin"), Link("bin/sh", "tool"),
                 Folder("opt"), Gone("opt/gone"), Folder("opt/old"), Opaque("opt/old"),
                 File("opt/old/fresh", elf("arm64"), 0o700),
                 Folder("usr-file"), File("usr-file/tool", elf(), 0o755),
                 large(b"2")])
    image.layer([Folder("srv"), Folder("srv/node_modules"), Gone("srv/node_modules/a"),
                 Folder("srv/node_modules/b"),
                 File("srv/node_modules/b/package.json", '{"name":"b","version":"2.0.0"}'),
                 large(b"3")])
    return image


# Facts as they are kept: a packed message behind a head.

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def fields(data):
    """[(number, value)] of a message; what is inside stays bytes."""
    at, out = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 1:
            value, at = data[at:at + 8], at + 8
        else:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        out.append((tag >> 3, value))
    return out


def facts(cache):
    """Those in a cache folder, one a layer, without what is of the bytes that came: digests, sizes,
    compression. Members of a list have no order; each names its folder by number."""
    out = []
    folder = os.path.join(cache, "facts")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            message = fields(f.read()[36:])
        folders = [dict(fields(v)).get(1, b"") for n, v in message if n == 10]
        members = []
        for number, value in message:
            if number < 10 and number != 1:
                continue
            if number == 10:
                inside = fields(value)
            elif number in (11, 12, 13, 14, 15):
                at = {11: 2, 12: 16, 13: 2, 14: 6, 15: 2}[number]
                inside = [(n, folders[v] if n == at else v) for n, v in fields(value)]
                if not any(n == at for n, _ in inside):
                    inside.append((at, folders[0]))
                inside.sort(key=lambda field: field[0])
            else:
                inside = value
            members.append((number, repr(inside)))
        out.append(sorted(members))
    return sorted(out)


def found(run, code=0):
    """What does not depend on where it was read; how a layer was verified does."""
    assert run.code == code, run
    layers = [{k: v for k, v in layer.items() if k != "diff_id_verified"} for layer in run.json["layers"]]
    return dict({k: run.json[k] for k in ("components", "executables", "notes", "os", "complete")}, layers=layers)


def strip(item):
    """Without the layer's name, which is another where a layer is not compressed."""
    return {k: v for k, v in item.items() if k not in ("layer", "locations", "occurrences")}


def exact_facts(cache):
    """Those in a cache folder, byte for byte, by the digest of the tar that they are of. Left out is only what
    is of the bytes that came: their digest and number, and how they were compressed."""
    out = {}
    folder = os.path.join(cache, "facts")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            message = fields(f.read()[36:])
        said = dict(message)
        out[said[3].hex()] = [(n, v) for n, v in message if n not in (2, 4, 7)]
    return out
