/* SPDX-License-Identifier: Apache-2.0 */
/* profile_tell.c - images whose containers run, read once each, and what was used of them, told. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "lib/lib.h"
#include "node/profile_inside.h"

enum { AGAIN_MS = 5000 };

/* Images. The lock is held. */

struct image_of *profiles_image(struct profiles *p, const struct container *c)
{
	char name[80] = "";
	struct image_of *x;

	if (c->began.image.n_digests)
		snprintf(name, sizeof name, SPAN_FMT, SPAN_ARG(c->began.image.digests[0]));
	if (name[0] == '\0')
		return NULL;
	VEC_EACH (it, &p->images)
		if (strcmp((*it)->usage.image, name) == 0)
			return *it;
	x = calloc(1, sizeof *x);
	if (x == NULL || !VEC_PUSH(&p->images, x)) {
		free(x);
		return NULL;
	}
	usage_init(&x->usage, name);
	x->time_ms = PROFILE_TELL_MS;
	return x;
}

void profiles_free_image(struct image_of *x)
{
	container_let_go(x->reads);
	usage_done(&x->usage);
	VEC_DONE(&x->waiting);
	free(x);
}

/* Of those that nobody runs and that have no news, the ones that are too many. */
void profiles_forget_images(struct profiles *p)
{
	for (size_t i = 0; i < p->images.n && p->images.n > LIMIT_PROFILE_IMAGES;) {
		struct image_of *x = p->images.v[i];

		if (x->places || x->reads ||
		    usage_has_news(&x->usage, node_now_ms(p->node), PROFILE_TIME_MS)) {
			i++;
			continue;
		}
		profiles_free_image(x);
		memmove(p->images.v + i, p->images.v + i + 1,
			(--p->images.n - i) * sizeof *p->images.v);
	}
}

/* Reading and telling. */

static enum rmg_rc read_image(struct profiles *p, const struct container *c,
			      struct file_index **out, struct rmg_err *err)
{
	struct rmg_opts opts = node_scan_opts(p->node);
	struct rmg_inventory *inventory = NULL;
	struct rmg_image *image = NULL;
	char ref[64];
	enum rmg_rc rc;

	snprintf(ref, sizeof ref, "container-image:pid=%u", c->pid);
	rc = rmg_image_open(ref, &opts, &image, err);
	if (rc == RMG_OK) {
		image_want_files(image);
		rc = rmg_inventory_take(image, &opts, &inventory, err);
	}
	if (rc == RMG_OK)
		rc = file_index_new(inventory->inv, out, err);
	rmg_inventory_free(inventory);
	rmg_image_free(image);
	return rc;
}

/* An image that is to be read; its container is the caller's then. */
static struct image_of *next_unread(struct profiles *p, struct container **c)
{
	struct image_of *found = NULL;

	pthread_mutex_lock(&p->lock);
	VEC_EACH (it, &p->images)
		if (!found && (*it)->reads) {
			found = *it;
			*c = container_hold(found->reads);
		}
	pthread_mutex_unlock(&p->lock);
	return found;
}

static void read_one(struct profiles *p, struct image_of *x, struct container *c)
{
	struct file_index *index = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc = read_image(p, c, &index, &err);

	if (rc != RMG_OK && rc != RMG_E_STOPPED && !atomic_load(&c->ended))
		node_say(p->node, "warn",
			 "the image of container " SPAN_FMT
			 " could not be read: what is used of it is not known: %s",
			 SPAN_ARG(c->began.container), err.msg);
	pthread_mutex_lock(&p->lock);
	container_let_go(x->reads);
	x->reads = NULL;
	x->fresh = true;
	if (index && !usage_give_index(&x->usage, index))
		node_say(p->node, "error", "no memory for what is used of an image");
	VEC_EACH (t, &x->waiting)
		if (x->usage.index)
			usage_touch_either(&x->usage, t->path, t->source, t->executed);
	VEC_DONE(&x->waiting);
	pthread_mutex_unlock(&p->lock);
	(void)!write(p->handed, &(uint64_t){1}, sizeof(uint64_t));
	container_let_go(c);
}

/* What is executed. */

static void put_known(struct known *to, const struct known *k)
{
	file_index_let_go(to->index);
	free(to->executed);
	*to = *k;
}

void profiles_know(struct profiles *p, const struct usage *u, uint64_t *keys, size_t n)
{
	struct known k = {.index = file_index_hold(u->index), .executed = keys, .n = n};
	bool put = false;

	snprintf(k.image, sizeof k.image, "%s", u->image);
	pthread_mutex_lock(&p->knowing);
	VEC_EACH (it, &p->known)
		if (strcmp(it->image, k.image) == 0 && !put) {
			put_known(it, &k);
			put = true;
		}
	if (!put && p->known.n == LIMIT_PROFILE_IMAGES) {
		put_known(&p->known.v[n % p->known.n], &k);
		put = true;
	}
	put = put || VEC_PUSH(&p->known, k);
	pthread_mutex_unlock(&p->knowing);
	if (!put) {
		file_index_let_go(k.index);
		free(keys);
	}
}

void profiles_know_no_more(struct profiles *p)
{
	VEC_EACH (it, &p->known) {
		file_index_let_go(it->index);
		free(it->executed);
	}
	VEC_DONE(&p->known);
}

static bool has_key(const struct known *k, uint64_t key)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (k->executed[mid] == key)
			return true;
		if (k->executed[mid] < key)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool node_is_unprofiled(struct node *n, const char *image, struct span path)
{
	struct profiles *p = atomic_load(&n->profiles);
	uint64_t key = path_hash(path);
	bool is = false;

	if (p == NULL || image[0] == '\0')
		return false;
	pthread_mutex_lock(&p->knowing);
	VEC_EACH (it, &p->known)
		if (strcmp(it->image, image) == 0)
			is = file_index_program(it->index, key) != SIZE_MAX && !has_key(it, key);
	pthread_mutex_unlock(&p->knowing);
	return is;
}

/* An image whose news are due, and they. It is not forgotten: nobody runs between. */
static struct image_of *next_news(struct profiles *p, struct usage_news *out)
{
	int64_t now_ms, tick_ms = clock_tick_ms();
	struct image_of *found = NULL;

	pthread_mutex_lock(&p->lock);
	now_ms = p->heard_ms; /* what is opened now may be heard of a moment later */
	VEC_EACH (it, &p->images) {
		if (found || (*it)->fresh || tick_ms < (*it)->not_before_ms ||
		    !usage_has_news(&(*it)->usage, now_ms, (*it)->time_ms))
			continue;
		(*it)->not_before_ms = tick_ms + PROFILE_TELL_MS;
		if (usage_news(&(*it)->usage, now_ms, out)) {
			found = *it;
			found->places++; /* until it was told */
		}
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

static void tell_one(struct profiles *p, struct image_of *x, struct usage_news *n)
{
	struct node_profiled known = {0};
	struct rmg_err err = {0};
	enum rmg_rc rc = p->node->to.profile(p->node->to.user, &n->told, &known, &err);

	pthread_mutex_lock(&p->lock);
	x->places--;
	if (rc == RMG_OK) {
		usage_told(&x->usage, n);
		x->time_ms = MIN_OF(2 * x->time_ms, (int64_t)PROFILE_TIME_MS);
		x->usage.closed = known.closed;
		if (known.executed) {
			x->usage.knows = true;
			profiles_know(p, &x->usage, known.executed, known.n_executed);
		}
	} else {
		usage_not_told(&x->usage, n);
		x->not_before_ms = clock_tick_ms() + AGAIN_MS;
	}
	pthread_mutex_unlock(&p->lock);
	usage_news_done(n);
}

void *profiles_tell(void *user)
{
	struct profiles *p = user;
	uint64_t heard = 0;

	while (!node_stopping(p->node)) {
		struct usage_news news;
		struct container *c = NULL;
		struct image_of *x = next_unread(p, &c);

		if (x) {
			read_one(p, x, c);
			continue;
		}
		x = next_news(p, &news);
		if (x)
			tell_one(p, x, &news);
		else
			bell_wait(&p->news, &heard, PROFILE_IDLE_MS);
	}
	return NULL;
}
