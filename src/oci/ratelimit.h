/* SPDX-License-Identifier: Apache-2.0 */
/* ratelimit.h - how much more a registry lets be asked, by the fields of its answers: Docker Hub's
 * ("RateLimit-Remaining: 76;w=21600"), the drafts that it took them from (RateLimit-Limit,
 * -Remaining, -Reset; later all in one RateLimit, of two forms, and RateLimit-Policy), and the
 * X-RateLimit-* of others, whose reset is seconds or a moment. What cannot be read is not said. */
#ifndef OCI_RATELIMIT_H
#define OCI_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct ratelimit_fields {                    /* values; "" where there is none */
	struct span limit, remaining, reset; /* RateLimit-*, or X-RateLimit-* */
	struct span together, policy;        /* RateLimit, RateLimit-Policy */
};

struct ratelimit {
	bool known;        /* how many are left is said */
	uint64_t left;     /* questions; 0 where that is not known */
	unsigned window_s; /* a day at most; 0: not said */
	unsigned reset_s;  /* until there is more; 0: not said */
};
struct ratelimit ratelimit_of(const struct ratelimit_fields *f, int64_t now_ms);

#endif
