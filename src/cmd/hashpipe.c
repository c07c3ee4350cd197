/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/hashpipe.h"

#include <pthread.h>
#include <stdlib.h>

#include "format/sha256.h"

struct hashpipe {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct sha256 *sha;
	uint8_t *bufs;
	size_t fill[HASHPIPE_BUFS];
	uint64_t put, hashed; /* buffers so far */
	bool started, ended;
};

static void *run(void *arg)
{
	struct hashpipe *h = arg;

	pthread_mutex_lock(&h->lock);
	h->started = true;
	pthread_cond_signal(&h->moved);
	for (;;) {
		size_t i = h->hashed % HASHPIPE_BUFS;

		if (h->hashed == h->put) {
			if (h->ended)
				break;
			pthread_cond_wait(&h->moved, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		sha256_put(h->sha, span_of(h->bufs + i * HASHPIPE_BUF_BYTES, h->fill[i]));
		pthread_mutex_lock(&h->lock);
		h->hashed++;
		pthread_cond_signal(&h->moved);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

enum rmg_rc hashpipe_new(bool hash, struct hashpipe **out, struct rmg_err *err)
{
	struct hashpipe *h = calloc(1, sizeof *h);

	if (h)
		h->bufs = malloc((size_t)HASHPIPE_BUFS * HASHPIPE_BUF_BYTES);
	if (h && hash)
		h->sha = sha256_new();
	if (h == NULL || h->bufs == NULL || (hash && h->sha == NULL))
		return err_set(err, RMG_E_NOMEM, "no memory for buffers");
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->moved, NULL);
	if (hash && pthread_create(&h->thread, NULL, run, h) != 0)
		return err_os(err, RMG_E_SANDBOX, "start the hashing thread");
	/* What a thread does to begin is not on the sandbox's list: it has begun when we return. */
	pthread_mutex_lock(&h->lock);
	while (hash && !h->started)
		pthread_cond_wait(&h->moved, &h->lock);
	pthread_mutex_unlock(&h->lock);
	*out = h;
	return RMG_OK;
}

uint8_t *hashpipe_buf(struct hashpipe *h)
{
	if (h->sha) {
		pthread_mutex_lock(&h->lock);
		while (h->put - h->hashed == HASHPIPE_BUFS)
			pthread_cond_wait(&h->moved, &h->lock);
		pthread_mutex_unlock(&h->lock);
	}
	return h->bufs + h->put % HASHPIPE_BUFS * HASHPIPE_BUF_BYTES;
}

void hashpipe_put(struct hashpipe *h, size_t n)
{
	if (h->sha)
		pthread_mutex_lock(&h->lock);
	h->fill[h->put++ % HASHPIPE_BUFS] = n;
	if (h->sha) {
		pthread_cond_signal(&h->moved);
		pthread_mutex_unlock(&h->lock);
	}
}

void hashpipe_end(struct hashpipe *h, uint8_t out[32])
{
	if (h->sha == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	h->ended = true;
	pthread_cond_signal(&h->moved);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	sha256_end(h->sha, out);
}
