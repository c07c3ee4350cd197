/* SPDX-License-Identifier: Apache-2.0 */
/* parse_jobs.h - what the worker can do: one function per job kind of box/wire.h. Each reads all of
 * its input, answers, and does not return. The threads of a pipe were started before the seal. */
#ifndef CMD_PARSE_JOBS_H
#define CMD_PARSE_JOBS_H

#include "box/worker.h"
#include "cmd/blockpipe.h"

/* The readers of a pipe. */
enum { PIPE_TAKER, PIPE_HASHER };

NORETURN void parse_layer(struct worker *w, struct blockpipe *pipe);
NORETURN void parse_index(struct worker *w);
NORETURN void parse_inflate(struct worker *w, struct blockpipe *pipe);

#endif
