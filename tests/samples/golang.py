#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes testdata/catalog/golang/ok-programs: Go programs, cut down to what is read.

    golang.py OUT [GO1.17]

builds one small program of our own modules (served from a folder, no network) for several systems
with the machine's go, and with Go 1.17 where its command is given; writes what `go version -m`
says to expected.tsv; then keeps of each program its headers, the note with the build ID and the
build information with what that points to, at their addresses: 2 MB become 2 KB."""

import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

MAGIC = b"\xff Go buildinf:"
MAIN = "example.com/acme/tool"
VERSION = "1.4.2"
MODULES = {
    ("example.com/acme/dep", "v0.0.0-20200101000000-0123456789ab"): "dep",
    ("example.com/acme/forked", "v1.2.3"): "forked",
    ("example.com/other/fork/v2", "v2.0.0-rc.1"): "forked",
    ("example.com/acme/local", "v1.0.0"): "local",
}


def serve(proxy):
    """A module proxy in a folder (Go modules reference, "GOPROXY protocol")."""
    for (path, version), package in MODULES.items():
        folder = proxy / path / "@v"
        folder.mkdir(parents=True, exist_ok=True)
        mod = "module %s\n" % path
        (folder / (version + ".info")).write_text('{"Version":"%s","Time":"2020-01-01T00:00:00Z"}' % version)
        (folder / (version + ".mod")).write_text(mod)
        with zipfile.ZipFile(folder / (version + ".zip"), "w") as z:
            z.writestr("%s@%s/go.mod" % (path, version), mod)
            z.writestr("%s@%s/x.go" % (path, version), "package %s\n\nvar X = 1\n" % package)


def source(folder):
    folder.mkdir()
    paths = sorted({(p, v) for p, v in MODULES if not p.startswith("example.com/other")})
    (folder / "go.mod").write_text(
        "module %s\n\ngo 1.16\n\n" % MAIN
        + "".join("require %s %s\n" % pair for pair in paths)
        + "replace example.com/acme/forked => example.com/other/fork/v2 v2.0.0-rc.1\n"
        + "replace example.com/acme/local => ./local\n")
    (folder / "main.go").write_text(
        "package main\n\nimport (\n%s)\n\nvar version = \"dev\"\n\n"
        "func main() { println(version, dep.X, forked.X, local.X) }\n"
        % "".join('\t%s "%s"\n' % (p.rsplit("/", 1)[1], p) for p, _ in paths))
    (folder / "local").mkdir()
    (folder / "local/go.mod").write_text("module example.com/acme/local\n")
    (folder / "local/x.go").write_text("package local\n\nvar X = 1\n")


def rows(go, program, name, main):
    """What `go version -m` says; a folder that stands in for a module is its builder's affair."""
    found = []
    for line in subprocess.run([go, "version", "-m", program], check=True, text=True,
                               capture_output=True).stdout.splitlines():
        fields = line.strip().split("\t")
        if fields[0] == "mod":
            found.append([fields[1], main if fields[2] == "(devel)" else fields[2]])
        elif fields[0] == "dep":
            found.append(fields[1:3])
        elif fields[0] == "=>" and not fields[1].startswith("."):
            found[-1] = fields[1:3]
        elif ": go" in line:
            found.append(["stdlib", line.rsplit(": ", 1)[1]])
    return ["\t".join(["golang", *(["", p] if "/" not in p else p.rsplit("/", 1)), v,
                       "usr/bin/" + name]) for p, v in found]


class Elf:
    def __init__(self, data):
        self.data = data
        self.wide, self.big = data[4] == 2, data[5] == 2
        self.order = ">" if self.big else "<"
        self.addr = "Q" if self.wide else "I"
        entry = self.unpack("HHI" + self.addr * 3 + "IHHHHHH", 16)
        self.type, self.machine = entry[0], entry[1]
        self.phoff, self.shoff = entry[4], entry[5]
        self.phentsize, self.phnum, self.shentsize, self.shnum, self.strings = entry[8:]
        self.segments = [self.segment(i) for i in range(self.phnum)]

    def unpack(self, form, at):
        return struct.unpack_from(self.order + form, self.data, at)

    def segment(self, i):
        at = self.phoff + i * self.phentsize
        if self.wide:
            kind, flags, off, addr, _, size, _, _ = self.unpack("IIQQQQQQ", at)
        else:
            kind, off, addr, _, size, _, flags, _ = self.unpack("IIIIIIII", at)
        return kind, flags, off, addr, size

    def where(self, addr):
        """The file offset of an address."""
        for kind, _, off, start, size in self.segments:
            if kind == 1 and start <= addr < start + size:
                return off + addr - start
        raise ValueError(hex(addr))

    def address(self, off):
        for kind, _, start, addr, size in self.segments:
            if kind == 1 and start <= off < start + size:
                return addr + off - start
        raise ValueError(off)


def kept(elf):
    """The pieces of the program that are read: (address, bytes)."""
    data = elf.data
    at = data.index(MAGIC)
    while at % 16 or not (data[at + 15] & 2 or data[at + 14] in (4, 8)):
        at = data.index(MAGIC, at + 1)
    if data[at + 15] & 2:
        end = at + 32
        for _ in range(2):
            size = shift = 0
            while True:
                size |= (data[end] & 127) << shift
                shift += 7
                end += 1
                if data[end - 1] < 128:
                    break
            end += size
        return [(elf.address(at), data[at:end])]
    pieces = [(elf.address(at), data[at:at + 32])]
    for header in elf.unpack(elf.addr * 2, at + 16):
        off = elf.where(header)
        text, size = elf.unpack(elf.addr * 2, off)
        pieces.append((header, data[off:off + (16 if elf.wide else 8)]))
        pieces.append((text, data[elf.where(text):elf.where(text) + size]))
    return pieces


def cut(data):
    """A file with the same headers, note and pieces, and nothing else."""
    elf = Elf(data)
    pieces = kept(elf)
    notes = [(k, f, o, a, s) for k, f, o, a, s in elf.segments if k == 4]
    by_go = elf.shoff < 4096
    n = len(notes) + len(pieces) + 1
    head, row, section = (64, 56, 64) if elf.wide else (52, 32, 40)
    names = b"\0.go.buildinfo\0.shstrtab\0"
    content, places = b"", []
    start = head + n * row + 3 * section + 0x100
    for blob in [data[o:o + s] for _, _, o, _, s in notes] + [b for _, b in pieces] + [names]:
        content += b"\0" * (-(start + len(content)) % 16)
        places.append((start + len(content), len(blob)))
        content += blob
    table = head + n * row if by_go else start + len(content)

    def segment(kind, flags, off, addr, size):
        if elf.wide:
            return struct.pack(elf.order + "IIQQQQQQ", kind, flags, off, addr, addr, size, size, 16)
        return struct.pack(elf.order + "IIIIIIII", kind, off, addr, addr, size, size, flags, 16)

    rows_ = [segment(6, 4, head, 0, n * row)]
    rows_ += [segment(4, 4, *(places[i][0], a, s)) for i, (_, _, _, a, s) in enumerate(notes)]
    rows_ += [segment(1, 6 if i == 0 else 4, places[len(notes) + i][0], a, len(b))
              for i, (a, b) in enumerate(pieces)]

    def header(name, kind, addr, place):
        return struct.pack(elf.order + "II" + elf.addr * 4 + "II" + elf.addr * 2, name, kind, 2, addr,
                           *place, 0, 0, 16, 0)

    sections = (b"\0" * section + header(1, 1, pieces[0][0], places[len(notes)])
                + header(15, 3, 0, places[-1]))
    top = data[:16] + struct.pack(elf.order + "HHI" + elf.addr * 3 + "IHHHHHH", elf.type, elf.machine, 1,
                                  0, head, table, 0, head, row, n, section, 3, 2)
    out = top + b"".join(rows_)
    if by_go:
        out += sections
    out += b"\0" * (start - len(out)) + content
    return out if by_go else out + sections


def cut_other(data):
    """PE and Mach-O: the first bytes, with the text before the code, and the information."""
    at = data.index(b"\xff Go build ID")
    info = data.index(MAGIC)
    while not data[info + 15] & 2:
        info = data.index(MAGIC, info + 1)
    out = data[:64].ljust(512, b"\0") + data[at:at + 128]
    return out.ljust(1024, b"\0") + data[info:info + 2048]


def main():
    out = pathlib.Path(sys.argv[1])
    old = sys.argv[2] if len(sys.argv) > 2 else None
    programs = [  # name, command, flags, environment
        ("new", "go", [], {}),
        ("new-external-no-build-id", "go", ["-ldflags=-s -w -linkmode=external -buildid= -X main.version=" + VERSION],
         {"CGO_ENABLED": "1"}),
        ("new-no-build-id", "go", ["-ldflags=-s -w -buildid= -X main.version=" + VERSION], {}),
        ("new-pie", "go", ["-buildmode=pie"], {}),
        ("new-s390x", "go", ["-ldflags=-X=main.version=v" + VERSION], {"GOARCH": "s390x"}),
        ("new-arm", "go", [], {"GOARCH": "arm"}),
        ("new.exe", "go", [], {"GOOS": "windows"}),
        ("new-macos", "go", [], {"GOOS": "darwin", "GOARCH": "arm64"}),
    ]
    if old:
        programs += [("old", old, [], {}), ("old-stripped", old, ["-ldflags=-s -w", "-trimpath"], {}),
                     ("old-s390x", old, [], {"GOARCH": "s390x"}), ("old-386", old, [], {"GOARCH": "386"})]
    (out / "root/usr/bin").mkdir(parents=True, exist_ok=True)
    table = ["type\tnamespace\tname\tversion\tpath"]
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        serve(work / "proxy")
        source(work / "src")
        base = dict(os.environ, GOPROXY="file://%s/proxy" % work, GONOSUMDB="*", GONOSUMCHECK="1",
                    GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GOMODCACHE=str(work / "cache"), CGO_ENABLED="0",
                    GOSUMDB="off")
        for name, go, flags, env in programs:
            program = work / name
            subprocess.run([go, "build", "-o", program, *flags, *([] if go == old else ["-buildvcs=false"]), "."],
                           cwd=work / "src", check=True, env={**base, **env})
            given = "v" + VERSION if any(VERSION in f for f in flags) else ""
            table += rows("go", program, name, given)
            data = program.read_bytes()
            (out / "root/usr/bin" / name).write_bytes(cut(data) if data[:4] == b"\x7fELF" else cut_other(data))
        subprocess.run(["chmod", "-R", "u+w", work / "cache"], check=True)
    (out / "expected.tsv").write_text("\n".join(table[:1] + sorted(table[1:])) + "\n")


main()
