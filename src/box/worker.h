/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - the worker's end of the wire. Used before and inside the sandbox; a broken channel
 * ends the process, since there is nobody left to work for. */
#ifndef BOX_WORKER_H
#define BOX_WORKER_H

#include "base/span.h"
#include "box/sandbox.h"
#include "box/wire.h"

struct worker {
	const uint8_t *ring;
	struct wire_order job;
	size_t slot;
	bool holding, ended;
	const struct sandbox *sandbox;
};

/* Maps the ring and reads the order; nothing hostile is read. */
void worker_start(struct worker *w);

/* The next bytes, valid until the next call; false after the last. */
bool worker_next(struct worker *w, struct span *bytes);

/* Sends the answer. rc not RMG_OK: result is the message. Does not return. */
NORETURN void worker_answer(struct worker *w, enum rmg_rc rc, struct span result);

/* JOB_INFLATE: bytes without a head. */
void worker_write(struct worker *w, struct span bytes);

#endif
