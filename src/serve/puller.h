/* SPDX-License-Identifier: Apache-2.0 */
/* puller.h - asks registries about images that something asks to start: what a tag means (HEAD),
 * and what is in an image that nobody has read. Each once, however many ask; LIMIT_PULLS_WAITING of
 * them wait. What is not there in time goes on, and is known when it is asked for again; what a tag
 * means is believed for MEANS_MS, as long as the hub hears nothing else. Who asks with other
 * credentials is answered by a question of their own: what one may see says nothing of what another
 * may. */
#ifndef SERVE_PULLER_H
#define SERVE_PULLER_H

#include "oci/digest.h"
#include "serve/parts.h"
#include "serve/pull_secrets.h"

enum { PULLER_WHY = 160, MEANS_MS = 10000 };

struct puller;
MUST enum rmg_rc puller_start(struct env *env, struct puller **out, struct rmg_err *err);
void puller_stop(struct puller *p);

void puller_beat(struct puller *p); /* about once a second */

/* Times are of clock_tick_ms(); why, of PULLER_WHY bytes: what kept it from being known by then. */

/* Whether the hub knows what is in an image. */
bool puller_read(struct puller *p, struct span ref, const struct pull_as *as, int64_t until_ms,
		 char *why);

/* Which digest a tag means. */
bool puller_means(struct puller *p, struct span ref, const struct pull_as *as, int64_t until_ms,
		  char digest[static DIGEST_TEXT], char *why);

/* Reads an image from its registry here and now, and gives it to the hub. why: for the log. */
enum { PULLER_REF = 1100 };
MUST enum rmg_rc puller_image(struct env *env, const char *ref, const struct pull_as *as,
			      const char *why, bool (*stop)(void *user), void *user,
			      struct rmg_err *err);

#endif
