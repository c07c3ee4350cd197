/* SPDX-License-Identifier: Apache-2.0 */
/* bell.h - wakes threads that wait for work. A ring is not lost: who looks at the bell, works, and
 * waits then, does not wait where it rang meanwhile. */
#ifndef NODE_BELL_H
#define NODE_BELL_H

#include <pthread.h>
#include <stdint.h>

struct bell {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	uint64_t rings;
};

void bell_init(struct bell *b);
void bell_done(struct bell *b);
void bell_ring(struct bell *b);

/* Until it has rung since *heard, at most ms; *heard is brought up to date. */
void bell_wait(struct bell *b, uint64_t *heard, unsigned ms);

#endif
