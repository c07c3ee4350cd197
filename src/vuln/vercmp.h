/* SPDX-License-Identifier: Apache-2.0 */
/* vercmp.h - the order of versions, as each ecosystem's own tool orders them.
 *
 * All are total and linear: any bytes compare, to something stable; what the tool itself would
 * reject is ordered as docs/ADDING-AN-ECOSYSTEM.md says. Nothing allocates. */
#ifndef VULN_VERCMP_H
#define VULN_VERCMP_H

#include "base/span.h"

/* X(name, function) - name is a purl type or "semver". One row per order in vercmp.def. */
enum version_order {
#define X(name, fn) ORDER_##name,
#include "vuln/vercmp.def"
#undef X
	ORDER_COUNT,
};

/* By its name ("deb", "npm"); false where there is none. */
bool version_order_of(struct span name, enum version_order *out);
const char *version_order_name(enum version_order order);

/* <0, 0, >0 */
int version_cmp(enum version_order order, struct span a, struct span b);

/* One function per family, each in ver_<family>.c. */
int ver_deb(struct span a, struct span b);          /* deb-version(7) */
int ver_rpm(struct span a, struct span b);          /* [epoch:]version[-release], rpm's rpmvercmp */
int ver_rpm_no_epoch(struct span a, struct span b); /* epochs ignored on both sides */
int ver_apk(struct span a, struct span b);
int ver_alpm(struct span a, struct span b);
/* semver.org 2.0, a leading v and missing parts tolerated */
int ver_semver(struct span a, struct span b);
int ver_npm(struct span a, struct span b);
int ver_pypi(struct span a, struct span b);  /* PEP 440 */
int ver_maven(struct span a, struct span b); /* Maven's ComparableVersion */
int ver_golang(struct span a, struct span b);
int ver_cargo(struct span a, struct span b);
int ver_gem(struct span a, struct span b);
int ver_nuget(struct span a, struct span b);
int ver_composer(struct span a, struct span b);
int ver_cran(struct span a, struct span b);
int ver_hackage(struct span a, struct span b);
int ver_hex(struct span a, struct span b);
int ver_pub(struct span a, struct span b);
int ver_generic(struct span a, struct span b); /* digits as numbers, the rest as text */

#endif
