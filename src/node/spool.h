/* SPDX-License-Identifier: Apache-2.0 */
/* spool.h - events on their way to a hub, in files, so that neither the hub's absence nor the end
 * of this process loses any.
 *
 * A line a record: "k HASH EVENT", or "d" for detail. Records leave in the order in which they
 * came, and are gone once spool_done() says that the hub has them; a process that ends between
 * gives some of them twice, which the hub knows by their numbers. What a power failure tore is left
 * out. Above max_bytes the oldest detail goes; what is to be kept stays, be it above.
 *
 * Any thread may put; one takes. */
#ifndef NODE_SPOOL_H
#define NODE_SPOOL_H

#include <rummage.h>

#include "base/err.h"
#include "base/strbuf.h"

struct spool;
MUST enum rmg_rc spool_open(const char *dir, uint64_t max_bytes, struct spool **out,
			    struct rmg_err *err);
void spool_close(struct spool *s);

struct spool_item {
	struct span line; /* without a newline in it */
	bool detail;
};
/* All of them or none. */
MUST enum rmg_rc spool_put(struct spool *s, const struct spool_item *items, size_t n,
			   struct rmg_err *err);

/* The next lines, with their ends, at most max of them, appended to out; *n 0: there are none. They
 * are held until spool_done(), or spool_back() where nobody took them. */
MUST enum rmg_rc spool_take(struct spool *s, size_t max, struct strbuf *out, size_t *n,
			    struct rmg_err *err);
void spool_done(struct spool *s);
void spool_back(struct spool *s);

/* To the disk. Nothing new since the last time: nothing is done. */
void spool_sync(struct spool *s);

struct spool_figures {
	uint64_t bytes;            /* that wait */
	uint64_t dropped, damaged; /* records, since it was opened */
	bool over;                 /* what must be kept alone is above the bound */
};
struct spool_figures spool_figures(struct spool *s);

/* For tests and fuzzing: the next record of a file's bytes; false at the end, a torn one included.
 */
struct spool_record {
	struct span whole, line; /* with and without what is around it */
	bool detail, good;
};
bool spool_next(struct span *rest, struct spool_record *out);

#endif
