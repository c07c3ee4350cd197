# SPDX-License-Identifier: Apache-2.0
"""Hooks of schemathesis (SCHEMATHESIS_HOOKS): how a line of events is written, and parameters of what is there, without
which most questions end at 404. FUZZ_KNOWN names a JSON file {"parameter": [values]}."""

import json
import os

import schemathesis

with open(os.environ["FUZZ_KNOWN"], encoding="utf-8") as f:
    KNOWN = json.load(f)


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    return json.dumps(value).encode("utf-8", "surrogatepass") + b"\n"


def some(parameters):
    """Every other time what is there; told by the parameters themselves, so that a case can be repeated."""
    for name in parameters or {}:
        if name in KNOWN and len(str(parameters[name])) % 2 == 0:
            parameters[name] = KNOWN[name][len(str(parameters[name])) // 2 % len(KNOWN[name])]
    return parameters


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return some(path_parameters)


@schemathesis.hook
def map_query(context, query):
    return some(query)
