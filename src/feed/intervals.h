/* SPDX-License-Identifier: Apache-2.0 */
/* intervals.h - OSV's events (ossf.github.io/osv-schema, "affected[].ranges[].events") as plain
 * intervals.
 *
 * A range's events may come in any order, may repeat themselves and may carry limits. What is
 * stored is what evaluating them gives: EV_INTRODUCED, then at most one end (EV_FIXED and EV_LIMIT
 * exclude their version, EV_LAST_AFFECTED includes it; no end: open), then the next interval. */
#ifndef FEED_INTERVALS_H
#define FEED_INTERVALS_H

#include "vuln/advdb.h"
#include "vuln/vercmp.h"

/* Sorts the events of one range in place and rewrites them as intervals; how many are left (at most
 * n). */
size_t intervals_of(struct adv_event *events, size_t n, enum version_order order);

/* Whether a version lies in one of the intervals. */
bool intervals_hold(const struct adv_event *events, size_t n, enum version_order order,
		    struct span version);

#endif
