/* SPDX-License-Identifier: Apache-2.0 */
/* parse_main.c - rummage-parse: one job in a sandbox. Bytes in, facts out (box/wire.h). */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/parse_jobs.h"
#include "format/sha256.h"

/* What loads code or reads files at first use must do so before the sandbox closes. */
static void warm_up(void)
{
	struct sha256 *h = sha256_new();
	uint8_t out[32];

	if (h) {
		sha256_put(h, S("x"));
		sha256_end(h, out);
	}
	sha256_free(h);
}

/* glibc would give each thread a heap of its own, and read a file before it ever shrinks one. */
static void one_heap(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

/* The pipe that the job needs, NULL where it needs none. */
static enum rmg_rc make_pipe(const struct wire_order *job, struct blockpipe **out,
			     struct rmg_err *err)
{
	static const char *const names[] = {[PIPE_TAKER] = "take", [PIPE_HASHER] = "hash"};
	bool hash = job->value == JOB_LAYER && (job->flags & WIRE_DIFF_ID);

	if (job->value != JOB_LAYER && job->value != JOB_INFLATE)
		return RMG_OK;
	return blockpipe_new(names, hash ? 2 : 1, out, err);
}

int main(void)
{
	struct sandbox sandbox = {0};
	struct worker w = {.sandbox = &sandbox};
	struct blockpipe *pipe = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (isatty(STDIN_FILENO)) {
		fputs("rummage-parse is started by rummage and reads from it alone.\n", stderr);
		return 1;
	}
	one_heap();
	worker_start(&w);
	warm_up();
	sandbox.off = w.job.flags & WIRE_NO_SANDBOX;
	rc = sandbox_enter(&sandbox, &err);
	if (rc == RMG_OK)
		rc = make_pipe(&w.job, &pipe, &err);
	if (rc == RMG_OK)
		rc = sandbox_seal(&sandbox, &err);
	if (rc != RMG_OK)
		worker_answer(&w, rc, span_cstr(err.msg));
	switch (w.job.value) {
	case JOB_LAYER:
		parse_layer(&w, pipe);
	case JOB_INDEX:
		parse_index(&w);
	case JOB_INFLATE:
		parse_inflate(&w, pipe);
	default:
		worker_answer(&w, RMG_OK, (struct span){0});
	}
}
