# SPDX-License-Identifier: Apache-2.0
"""The fleets that the hub is made for: 100,000 and 1,000,000 containers, on each store. Minutes, and
gigabytes: RUMMAGE_SLOW=1."""

import pytest

from disclosed import (LEAST_EVENTS_A_SECOND, MOST_BYTES, MOST_START_S, Disclosed, most_seconds, rows,
                       write_epss)
from hubkit import with_hub  # noqa: F401
from postgres import postgres  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("with_hub")]

SIZES = [(5000, 100000), (50000, 1000000)]


@pytest.fixture(scope="module", params=[(size, store) for size in SIZES for store in ("sqlite", "postgresql")],
                ids=lambda p: "%d on %s" % (p[0][1], p[1]))
def fleet(request, tmp_path_factory):
    (images, containers), store = request.param
    url = request.getfixturevalue("postgres").database("big_%d" % images) if store != "sqlite" else None
    made = Disclosed(tmp_path_factory.mktemp("fleet"), images, containers, url, advisories=2000, low=2000)
    yield made
    made.close()


def test_events(fleet):
    """R34: at least 2,000 beginnings of containers a second are taken"""
    assert fleet.events_s >= LEAST_EVENTS_A_SECOND


def test_disclosure_to_a_fleet(fleet):
    """R34: 100,000 containers within a second, 1,000,000 within two, and the list is that of the fleet"""
    most = most_seconds(fleet.fleet.containers)
    took = [fleet.disclose(fleet.fleet.popular(0.1 - 0.03 * i, "CVE-2026-%d" % (7000 + i)), 30)
            for i in range(3)]
    assert max(max(t) for t in took) <= most, took


def test_a_day_of_epss(fleet):
    """R37: other scores for every CVE hold up neither a question nor an event"""
    idents = [a.id for a in fleet.low]
    fleet.longest_wait(lambda: write_epss(fleet.feeds, idents, 0))
    waits = fleet.longest_wait(lambda: write_epss(fleet.feeds, idents, 1))
    assert max(waits.values()) <= 1.0, waits


def test_start(fleet):
    """R34: ready ten seconds after a start, in a GiB, and matching all anew leads to where deltas led"""
    advisory = fleet.fleet.popular(0.02, "CVE-2026-0002")
    fleet.disclose(advisory, 30)
    grown = fleet.hub.memory_bytes()
    fleet.same_as_matched_anew()
    assert fleet.start_s <= MOST_START_S
    assert max(grown, fleet.hub.memory_bytes()) <= MOST_BYTES
    assert rows(fleet.hub.who_runs(advisory.id)) == fleet.fleet.expected(advisory)
