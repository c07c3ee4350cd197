#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py FILE OUT.c HEADER FUNCTION - the bytes of FILE as a C function that gives a span of them."""

import sys

path, out, header, function = sys.argv[1:]
data = open(path, "rb").read()
lines = [", ".join("%d" % b for b in data[i:i + 24]) for i in range(0, len(data), 24)]
with open(out, "w") as f:
    f.write('#include "%s"\n\nstatic const uint8_t bytes[] = {\n\t%s,\n};\n\n' % (header, ",\n\t".join(lines)))
    f.write("struct span %s(void)\n{\n\treturn span_of(bytes, sizeof bytes);\n}\n" % function)
