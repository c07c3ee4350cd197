/* SPDX-License-Identifier: Apache-2.0 */
/* quality.h - what is written on OpenShift's Image of an image: what was found in it, in the
 * annotation that OpenShift reserves for scanners, and that nobody is to run it (OPENSHIFT_DENY),
 * where nobody else says anything of that: QUALITY_OURS beside it says that it is ours to take
 * away.
 *
 *     quality.images.openshift.io/vulnerability.rummage: {"name":"Rummage","timestamp":"...",
 *       "description":"...","reference":"https://hub/...","scannerVersion":"0.1.0",
 *       "compliant":false,"summary":[{"label":"critical","data":"2","severityIndex":3,...}, ...]}
 *     images.openshift.io/deny-execution: "true"
 *     rummage/deny-execution: "true"
 *
 * Pure. A state is what an Image has of it, whenever that was written; 0: nothing. */
#ifndef KUBE_QUALITY_H
#define KUBE_QUALITY_H

#include "base/strbuf.h"
#include "format/json.h"

#define QUALITY_KEY "quality.images.openshift.io/vulnerability.rummage"
#define QUALITY_OURS "rummage/deny-execution"

enum { QUALITY_ROWS = 4 };

struct quality {
	const char *version, *reference; /* reference "": the hub does not know its address */
	uint32_t rows[QUALITY_ROWS];     /* low, moderate, important, critical */
	bool whole;                      /* all of it could be read */
	bool deny;                       /* nobody is to run it */
};

uint64_t quality_seen(json *annotations);
/* What the state is to be, of an Image that has this one; q NULL: there is to be nothing of ours.
 */
uint64_t quality_wanted(uint64_t seen, const struct quality *q);

/* A merge patch (RFC 7386) from the one to the other, of the Image of this uid in this version of
 * it: what somebody wrote meanwhile is not ours. at: of now, RFC 3339. */
void quality_patch(uint64_t seen, const struct quality *q, struct span uid, struct span version,
		   const char *at, struct strbuf *out);

#endif
