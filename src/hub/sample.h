/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h - small advisory databases that change at random, for the tests of this folder. */
#ifndef HUB_SAMPLE_H
#define HUB_SAMPLE_H

#include "vuln/advdb_build.h"

enum { SAMPLE_ADVISORIES = 40, SAMPLE_NAMES = 12 };

/* What a database says of an advisory, CVE-2026-0000 and up: odd ones on npm's packages, even ones
 * on those of Debian 12. */
struct sample_said {
	bool there, kev, has_fix;
	uint32_t name, severity, fixed, epss; /* fixed in FIXED.0; permille */
};

struct sample_db {
	struct advdb_builder *b; /* owns the bytes; NULL: none */
	struct advdb db;
};

void sample_db(struct sample_db *d, const struct sample_said *said);

/* Says n advisories anew, or no more. */
void sample_say(struct sample_said *said, uint32_t *random, uint32_t n);

/* "pkg3", in buf. */
struct span sample_name(uint32_t i, char buf[32]);

uint32_t sample_random(uint32_t *state, uint32_t below);

#endif
