/* SPDX-License-Identifier: Apache-2.0 */
/* hashpipe.h - SHA-256 of a stream on a second thread, while the first reads the same bytes.
 *
 * The pipe owns a few buffers; whoever fills one hands it over with hashpipe_put() and may go on
 * reading it until hashpipe_buf() gives the same one again. One producer. */
#ifndef CMD_HASHPIPE_H
#define CMD_HASHPIPE_H

#include "base/err.h"
#include "base/span.h"

enum { HASHPIPE_BUFS = 4, HASHPIPE_BUF_BYTES = 256 * 1024 };

struct hashpipe;

/* Starts the thread. hash false: only the buffers, nothing is hashed. */
MUST enum rmg_rc hashpipe_new(bool hash, struct hashpipe **out, struct rmg_err *err);

/* A buffer of HASHPIPE_BUF_BYTES to fill; waits while all are being hashed. */
uint8_t *hashpipe_buf(struct hashpipe *h);

/* Hands over the first n bytes of the buffer that hashpipe_buf() gave last. */
void hashpipe_put(struct hashpipe *h, size_t n);

/* Waits for the rest and ends the thread; out is left alone where nothing was hashed. */
void hashpipe_end(struct hashpipe *h, uint8_t out[32]);

#endif
