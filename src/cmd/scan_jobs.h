/* SPDX-License-Identifier: Apache-2.0 */
/* scan_jobs.h - inventories of several references, taken side by side and handed out in the order
 * of the references. */
#ifndef CMD_SCAN_JOBS_H
#define CMD_SCAN_JOBS_H

#include <rummage.h>

#include "cmd/options.h"
#include "cmd/progress.h"

struct scan_jobs;

/* o and bars outlive it. NULL: no memory, or no thread could be started. */
struct scan_jobs *scan_jobs_new(const struct options *o, struct progress *bars);

/* Waits for reference i. The inventory is the caller's. */
enum rmg_rc scan_jobs_take(struct scan_jobs *jobs, size_t i, struct rmg_inventory **out,
			   struct rmg_err *err);

void scan_jobs_free(struct scan_jobs *jobs); /* waits for all that runs */

#endif
