/* SPDX-License-Identifier: Apache-2.0 */
/* blockpipe.h - a stream of bytes that one thread makes and others read at the same time.
 *
 * The pipe owns BLOCKPIPE_BLOCKS blocks of memory: one thread fills them, and each of the readers,
 * on a thread of its own, sees each of them in turn. So decompressing, cataloging and hashing a
 * layer share the processors, and a file that takes long to catalog does not hold up the rest at
 * once.
 *
 * A reader that fails is not called again; the others go on. What its function touches is that
 * thread's until blockpipe_end(). Threads begin in blockpipe_new() and not later, because what a
 * thread does to begin is not on the sandbox's list. */
#ifndef CMD_BLOCKPIPE_H
#define CMD_BLOCKPIPE_H

#include "base/err.h"
#include "base/span.h"

enum { BLOCKPIPE_BLOCKS = 16, BLOCKPIPE_BYTES = 256 * 1024, BLOCKPIPE_READERS = 2 };

struct blockpipe;

typedef enum rmg_rc blockpipe_fn(void *user, struct span block);

/* Starts a thread for each of the names, which are for those who look at the process. */
MUST enum rmg_rc blockpipe_new(const char *const *names, unsigned readers, struct blockpipe **out,
			       struct rmg_err *err);

/* What the reader does; before the first block is filled. A reader without one does nothing. */
void blockpipe_attach(struct blockpipe *p, unsigned reader, blockpipe_fn *fn, void *user);

/* A block of BLOCKPIPE_BYTES to fill; waits while all are being read. */
uint8_t *blockpipe_block(struct blockpipe *p);

/* Hands over the first n bytes of the block that blockpipe_block() gave last. Not RMG_OK: a reader
 * has failed, perhaps at an earlier one. */
MUST enum rmg_rc blockpipe_put(struct blockpipe *p, size_t n);

/* Waits until all is read, and ends the threads. Not RMG_OK: the first reader's failure. */
MUST enum rmg_rc blockpipe_end(struct blockpipe *p);

void blockpipe_free(struct blockpipe *p); /* after blockpipe_end() */

#endif
