/* SPDX-License-Identifier: Apache-2.0 */
/* other.h - what a registry's own scanner says of an image: Harbor's report
 * (application/vnd.security.vulnerability.report; version=1.1) and Quay's (its API's "manifest
 * security"), and the one form in which it is kept.
 *
 * Nobody vouches for it: it is held against our own findings and changes none of them. Texts are
 * checked and the arena's. Findings beyond LIMIT_OTHER_FINDINGS are counted and left out. */
#ifndef OCI_OTHER_H
#define OCI_OTHER_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

struct other_finding {
	struct span id; /* "CVE-2024-3094" */
	struct span package, version, fixed;
	struct span severity; /* "critical" ... "unknown" */
};

struct other_report {
	struct span scanner, version, generated; /* "" not said */
	bool ready; /* it has been scanned: without that, no finding says nothing */
	struct other_finding *v;
	size_t n, left_out;
};

struct other_kind;
const struct other_kind *other_kind_of(struct span name); /* "harbor", "quay"; NULL: none */
const char *other_kind_name(const struct other_kind *k);

/* Where it is asked for, without the host; NULL: the repository has no such place. */
char *other_path(const struct other_kind *k, struct span repository, struct span digest,
		 struct arena *a);
const char *other_accept(const struct other_kind *k); /* a header's line */

MUST enum rmg_rc other_parse(const struct other_kind *k, struct span json, struct arena *a,
			     struct other_report *out, struct rmg_err *err);

/* As it is kept, and read again. */
void other_write(const struct other_report *r, struct strbuf *out);
MUST enum rmg_rc other_read(struct span json, struct arena *a, struct other_report *out,
			    struct rmg_err *err);

#endif
