/* SPDX-License-Identifier: Apache-2.0 */
/* match.h - inventory x advisory database = findings. Pure; milliseconds; never stored as truth.
 *
 * Rules of the field, each with its source in match.c: deb and apk packages are judged by source
 * package name and version; rpm by binary name, epoch missing = 0, and by source name with the
 * epoch unknown; rpm modules match their stream only; language packages that the distribution owns
 * are the distribution's to judge; kernel headers are not a kernel; findings of one component that
 * stand for one vulnerability (canonical id) are one finding, the distribution's own tracker before
 * a copy of it. */
#ifndef VULN_MATCH_H
#define VULN_MATCH_H

#include "model/inventory.h"
#include "vuln/advdb.h"
#include "vuln/vercmp.h"

struct suppression {
	struct span by, reason, until; /* owner; why; RFC 3339 date or "" */
};

struct finding {
	/* canonical: the CVE where it stands for exactly one, else the publisher's id */
	struct span id;
	const struct span *aliases;
	size_t n_aliases;
	uint32_t component;
	/* versions that fix it on this component's line, lowest first */
	const struct span *fixed;
	size_t n_fixed;
	/* ADV_AFFECTED (no fix), ADV_FIXED (affected and a fix exists), WONT_FIX, ... */
	enum adv_status status;
	struct span status_text;
	enum adv_severity severity;
	struct span severity_from;
	const struct adv_cvss *cvss;
	size_t n_cvss;
	bool has_epss, has_kev;
	double epss, epss_percentile;
	struct span kev_added, kev_due;
	struct span published, modified, withdrawn, summary, url;
	/* the range that matched, verbatim: "Debian:12 openssl: introduced 0, fixed 3.0.11-1" */
	struct span why;
	struct span source;                   /* the feed: "debian", "osv" */
	const struct suppression *suppressed; /* NULL: counts */
};

struct verdict {
	struct arena arena;
	const struct inventory *inventory; /* borrowed */
	struct advdb *db;                  /* borrowed */
	struct finding *findings;          /* worst first: severity, KEV, EPSS, component, id */
	size_t n_findings;
	/* the inventory's, and that the database covers what it should and is not damaged */
	bool complete;
	struct layer_note *notes; /* about matching: a distribution without a feed, ... */
	size_t n_notes;
};

MUST enum rmg_rc match_inventory(const struct inventory *inv, struct advdb *db,
				 struct verdict **out, struct rmg_err *err);
void verdict_free(struct verdict *v);

/* The names of keys that a package may be asked under, in whatever ecosystem: where no key of these
 * names changed, its findings did not. Gives how many; texts are p's or a's. */
enum { MATCH_NAMES = 4 };
size_t match_names(const struct pkg *p, bool is_os, struct arena *a, struct span out[MATCH_NAMES]);

const char *severity_name(enum adv_severity s); /* "critical" ... "unknown" */
MUST bool severity_of(struct span name, enum adv_severity *out);
const char *status_name(enum adv_status s); /* "affected", "fixed", "not_affected", ... */

/* The OSV ecosystems that judge this distribution, best first ("Debian:12"); n of them, 0 where no
 * feed can. Buffers are the arena's. */
size_t os_ecosystems(const struct os *os, struct arena *a, struct span *out, size_t max);

/* CVSS v2, v3.0, v3.1 and v4.0 base score of a vector (FIRST's specifications); false: it is none.
 */
MUST bool cvss_score(struct span vector, double *score, struct span *version);
enum adv_severity cvss_severity(double score);

#endif
