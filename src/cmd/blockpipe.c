/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/blockpipe.h"

#include <pthread.h>
#include <stdlib.h>

enum { STACK_BYTES = 8 << 20 };

/* To wake a thread costs about as much as to decompress a block: threads sleep until there are so
 * many blocks to read, or to fill. All are filled in turn: to fill again what another processor has
 * just read costs more than to fill what its cache has forgotten. */
enum { BATCH = BLOCKPIPE_BLOCKS / 2 };

struct reader {
	struct blockpipe *pipe;
	const char *name;
	pthread_t thread;
	blockpipe_fn *fn;
	void *user;
	uint64_t read; /* blocks so far */
	enum rmg_rc rc;
};

struct blockpipe {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	struct reader readers[BLOCKPIPE_READERS];
	unsigned n_readers, n_started;
	uint8_t *bytes;
	size_t fill[BLOCKPIPE_BLOCKS];
	uint64_t put; /* blocks so far */
	bool ended;
};

static uint8_t *block_at(const struct blockpipe *p, uint64_t i)
{
	return p->bytes + (size_t)(i % BLOCKPIPE_BLOCKS) * BLOCKPIPE_BYTES;
}

/* Blocks that somebody has still to read. */
static uint64_t unread(const struct blockpipe *p)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < p->n_readers; i++)
		most = MAX_OF(most, p->put - p->readers[i].read);
	return most;
}

static void read_block(struct reader *r)
{
	struct blockpipe *p = r->pipe;
	struct span bytes = span_of(block_at(p, r->read), p->fill[r->read % BLOCKPIPE_BLOCKS]);
	enum rmg_rc rc = r->rc;

	pthread_mutex_unlock(&p->lock);
	if (rc == RMG_OK && r->fn)
		rc = r->fn(r->user, bytes);
	pthread_mutex_lock(&p->lock);
	r->rc = rc;
	r->read++;
	if (unread(p) <= BLOCKPIPE_BLOCKS - BATCH)
		pthread_cond_signal(&p->emptied);
}

static void *run(void *arg)
{
	struct reader *r = arg;
	struct blockpipe *p = r->pipe;

	pthread_setname_np(pthread_self(), r->name);
	pthread_mutex_lock(&p->lock);
	p->n_started++;
	pthread_cond_signal(&p->emptied);
	while (r->read < p->put || !p->ended) {
		if (r->read < p->put)
			read_block(r);
		else
			pthread_cond_wait(&p->filled, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static enum rmg_rc start(struct blockpipe *p, const char *name, struct rmg_err *err)
{
	struct reader *r = &p->readers[p->n_readers];
	pthread_attr_t attr;
	int rc;

	r->pipe = p;
	r->name = name;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&r->thread, &attr, run, r);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		return err_set(err, RMG_E_SANDBOX, "start the worker's thread %s", name);
	p->n_readers++;
	return RMG_OK;
}

enum rmg_rc blockpipe_new(const char *const *names, unsigned readers, struct blockpipe **out,
			  struct rmg_err *err)
{
	struct blockpipe *p = calloc(1, sizeof(*p));
	enum rmg_rc rc = RMG_OK;

	CHECK(readers >= 1 && readers <= BLOCKPIPE_READERS);
	if (p)
		p->bytes = malloc((size_t)BLOCKPIPE_BLOCKS * BLOCKPIPE_BYTES);
	if (p == NULL || p->bytes == NULL) {
		free(p);
		return err_set(err, RMG_E_NOMEM, "no memory for blocks");
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->filled, NULL);
	pthread_cond_init(&p->emptied, NULL);
	for (unsigned i = 0; rc == RMG_OK && i < readers; i++)
		rc = start(p, names[i], err);
	pthread_mutex_lock(&p->lock);
	while (p->n_started < p->n_readers)
		pthread_cond_wait(&p->emptied, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (rc == RMG_OK) {
		*out = p;
		return RMG_OK;
	}
	if (blockpipe_end(p) == RMG_OK) /* it is: nothing was read */
		blockpipe_free(p);
	return rc;
}

void blockpipe_attach(struct blockpipe *p, unsigned reader, blockpipe_fn *fn, void *user)
{
	CHECK(reader < p->n_readers);
	pthread_mutex_lock(&p->lock);
	p->readers[reader].fn = fn;
	p->readers[reader].user = user;
	pthread_mutex_unlock(&p->lock);
}

uint8_t *blockpipe_block(struct blockpipe *p)
{
	pthread_mutex_lock(&p->lock);
	while (unread(p) == BLOCKPIPE_BLOCKS)
		pthread_cond_wait(&p->emptied, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return block_at(p, p->put);
}

static enum rmg_rc failure(const struct blockpipe *p)
{
	for (unsigned i = 0; i < p->n_readers; i++)
		if (p->readers[i].rc != RMG_OK)
			return p->readers[i].rc;
	return RMG_OK;
}

enum rmg_rc blockpipe_put(struct blockpipe *p, size_t n)
{
	enum rmg_rc rc;

	CHECK(n <= BLOCKPIPE_BYTES);
	pthread_mutex_lock(&p->lock);
	p->fill[p->put++ % BLOCKPIPE_BLOCKS] = n;
	rc = failure(p);
	if (p->put % BATCH == 0)
		pthread_cond_broadcast(&p->filled);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

enum rmg_rc blockpipe_end(struct blockpipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	pthread_cond_broadcast(&p->filled);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_readers; i++)
		pthread_join(p->readers[i].thread, NULL);
	return failure(p);
}

void blockpipe_free(struct blockpipe *p)
{
	if (p == NULL)
		return;
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->filled);
	pthread_cond_destroy(&p->emptied);
	free(p->bytes);
	free(p);
}
