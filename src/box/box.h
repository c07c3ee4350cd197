/* SPDX-License-Identifier: Apache-2.0 */
/* box.h - jobs for the sandboxed worker, seen from the parent.
 *
 * A job is a process: started, fed, asked for its answer, gone. All calls of one job are one
 * thread's; several jobs may run in several threads. What the worker answers is hostile: lengths
 * are capped here, content is checked by who unpacks it. A worker that is killed, crashes, stalls
 * (LIMIT_WORKER_STALL_S) or runs out of memory or time is RMG_E_SANDBOX or RMG_E_LIMIT with a
 * sentence that says which. */
#ifndef BOX_BOX_H
#define BOX_BOX_H

#include "base/err.h"
#include "base/span.h"
#include "box/wire.h"

struct box_opts {
	/* path of rummage-parse; NULL: beside this program, then where it was installed */
	const char *worker;
	bool no_sandbox;
	bool diff_id;              /* JOB_LAYER: hash the decompressed bytes */
	uint64_t max_bytes;        /* cap on what comes out; 0: LIMIT_FACTS_BYTES */
	struct scan_limits limits; /* JOB_LAYER */
	/* JOB_INFLATE: takes what comes out, while bytes are put in. */
	enum rmg_rc (*sink)(void *user, struct span bytes, struct rmg_err *err);
	bool (*stop)(void *user); /* polled while waiting; NULL: never */
	void *user;
	/* The worker's process is there, and has read nothing yet; NULL: nobody asks. */
	void (*started)(void *started_user, int pid);
	void *started_user;
};

struct box_job;

MUST enum rmg_rc box_start(enum wire_job kind, const struct box_opts *opts, struct box_job **out,
			   struct rmg_err *err);

/* Waits while the ring is full. */
MUST enum rmg_rc box_put(struct box_job *job, struct span bytes, struct rmg_err *err);

/* No more bytes: waits for the answer. result is malloc'ed and the caller's to free(); level (32
 * bytes) is the sandbox level that was reached. */
MUST enum rmg_rc box_finish(struct box_job *job, struct span *result, char *level,
			    struct rmg_err *err);

/* Ends the worker where it still runs. Accepts NULL. */
void box_free(struct box_job *job);

#endif
