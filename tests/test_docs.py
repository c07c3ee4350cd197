# SPDX-License-Identifier: Apache-2.0
"""Docs say what the code says."""

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def test_example_cataloger():
    """docs/ADDING-AN-ECOSYSTEM.md shows a cataloger as it is"""
    shown = re.search(r"```c\n(.*?)```", read("docs/ADDING-AN-ECOSYSTEM.md"), re.S).group(1)
    assert shown == read("src/catalog/mariner.c")


def test_catalogers_have_samples():
    """Every row of catalog.def has a cataloger and samples"""
    for name in re.findall(r"^X\((\w+),", read("src/catalog/catalog.def"), re.M):
        assert os.path.isfile(os.path.join(TOP, "src/catalog", name + ".c"))
        assert os.path.isdir(os.path.join(TOP, "testdata/catalog", name))
