/* SPDX-License-Identifier: Apache-2.0 */
/* parse_main.c - rummage-parse: one job in a sandbox. Bytes in, facts out (box/wire.h). */
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

int main(void)
{
	struct sandbox sandbox = {0};
	struct worker w = {.sandbox = &sandbox};
	struct hashpipe *pipe = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc;
	bool hash;

	if (isatty(STDIN_FILENO)) {
		fputs("rummage-parse is started by rummage and reads from it alone.\n", stderr);
		return 1;
	}
	worker_start(&w);
	warm_up();
	sandbox.off = w.job.flags & WIRE_NO_SANDBOX;
	hash = w.job.value == JOB_LAYER && (w.job.flags & WIRE_DIFF_ID);
	rc = sandbox_enter(&sandbox, &err);
	if (rc == RMG_OK)
		rc = hashpipe_new(hash, &pipe, &err);
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
