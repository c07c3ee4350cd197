/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/kube_lives.h"

#include "base/hash.h"

enum { ROUNDS = (1 << 28) - 1 };

static bool set_id(struct kube_life *x, struct span id)
{
	x->is_text = id.n != 2 * sizeof x->id.hex || !span_unhex(id, x->id.hex, sizeof x->id.hex);
	if (x->is_text)
		x->id.text = span_dup(id);
	return !x->is_text || x->id.text;
}

static struct span id_of(const struct kube_life *x, char buf[static KUBE_LIFE_ID])
{
	static const char digits[] = "0123456789abcdef";

	if (x->is_text)
		return span_cstr(x->id.text);
	for (size_t i = 0; i < sizeof x->id.hex; i++) {
		buf[2 * i] = digits[x->id.hex[i] >> 4];
		buf[2 * i + 1] = digits[x->id.hex[i] & 15];
	}
	return span_of(buf, KUBE_LIFE_ID);
}

static bool is_life(const struct kube_life *x, struct span id, uint32_t image)
{
	char buf[KUBE_LIFE_ID];

	return x->image == image && span_is(id_of(x, buf), id);
}

static void drop(struct kube_lives *l, uint32_t i)
{
	struct kube_life *x = &l->v.v[i];

	map_remove(&l->by_pod, x->pod, i);
	if (x->is_text)
		free(x->id.text);
	*x = (struct kube_life){.free = true};
	/* Where there is no memory the place is lost, no more. */
	if (!VEC_PUSH(&l->unused, i))
		return;
}

void kube_lives_done(struct kube_lives *l)
{
	VEC_EACH (x, &l->v)
		if (x->is_text)
			free(x->id.text);
	VEC_DONE(&l->v);
	VEC_DONE(&l->unused);
	map_done(&l->by_pod);
}

void kube_lives_begin(struct kube_lives *l)
{
	l->round = (l->round + 1) & ROUNDS;
}

void kube_lives_end(struct kube_lives *l)
{
	for (uint32_t i = 0; i < l->v.n; i++)
		if (!l->v.v[i].free && l->v.v[i].round != l->round)
			drop(l, i);
}

static enum rmg_rc add(struct kube_lives *l, const struct kube_life *life, struct span id)
{
	struct kube_life *x;
	uint32_t i;

	if (l->unused.n)
		i = l->unused.v[--l->unused.n];
	else if (VEC_ADD(&l->v))
		i = (uint32_t)l->v.n - 1;
	else
		return RMG_E_NOMEM;
	x = &l->v.v[i];
	*x = *life;
	if (set_id(x, id) && map_add_another(&l->by_pod, x->pod, i))
		return RMG_OK;
	if (x->is_text)
		free(x->id.text);
	*x = (struct kube_life){.free = true};
	return RMG_E_NOMEM;
}

enum rmg_rc kube_lives_see(struct kube_lives *l, uint64_t pod, struct span id, struct span image,
			   bool running, enum kube_told *was)
{
	struct kube_life life = {
	    .pod = pod,
	    .image = (uint32_t)hash_span(image),
	    .round = l->round & ROUNDS,
	    .seen = true,
	    .running = running,
	};
	struct kube_life *x = NULL;
	size_t at = 0;
	uint32_t i;

	*was = KUBE_TOLD_NOT;
	while ((i = map_next(&l->by_pod, pod, &at)) != MAP_NONE &&
	       !is_life(x = &l->v.v[i], id, life.image))
		;
	if (i == MAP_NONE)
		return add(l, &life, id);
	*was = x->running ? KUBE_TOLD_RUNNING : KUBE_TOLD_ENDED;
	x->round = life.round;
	x->seen = true;
	x->running = x->running && running; /* what has ended does not run again */
	return RMG_OK;
}

void kube_lives_seen(struct kube_lives *l, uint64_t pod)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&l->by_pod, pod, &at)) != MAP_NONE) {
		if (l->v.v[i].seen || l->v.v[i].running)
			continue;
		drop(l, i);
		at = 0; /* what came after it may have moved */
	}
	for (at = 0; (i = map_next(&l->by_pod, pod, &at)) != MAP_NONE;)
		l->v.v[i].seen = false;
}

bool kube_lives_take(struct kube_lives *l, uint64_t pod, char buf[static KUBE_LIFE_ID],
		     struct span *id)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&l->by_pod, pod, &at)) != MAP_NONE) {
		struct kube_life *x = &l->v.v[i];

		if (!x->running)
			continue;
		x->running = false;
		*id = id_of(x, buf);
		return true;
	}
	return false;
}

void kube_lives_forget(struct kube_lives *l, uint64_t pod)
{
	uint32_t i;

	while ((i = map_find(&l->by_pod, pod)) != MAP_NONE)
		drop(l, i);
}

size_t kube_lives_bytes(const struct kube_lives *l)
{
	return l->v.n * sizeof *l->v.v + l->unused.n * sizeof *l->unused.v + map_bytes(&l->by_pod);
}
