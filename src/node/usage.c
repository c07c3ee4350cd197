/* SPDX-License-Identifier: Apache-2.0 */
#include "node/usage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

void usage_init(struct usage *u, const char *image)
{
	*u = (struct usage){0};
	snprintf(u->image, sizeof u->image, "%s", image);
}

void usage_done(struct usage *u)
{
	file_index_let_go(u->index);
	free(u->used);
	free(u->told_used);
	free(u->ran);
	free(u->told_ran);
	*u = (struct usage){0};
}

bool usage_give_index(struct usage *u, struct file_index *index)
{
	size_t parts = file_index_components(index) / 8 + 1;
	size_t programs = file_index_programs(index) / 8 + 1;

	u->index = index;
	u->used = calloc(parts, 1);
	u->told_used = calloc(parts, 1);
	u->ran = calloc(programs, 1);
	u->told_ran = calloc(programs, 1);
	return u->used && u->told_used && u->ran && u->told_ran;
}

static bool has(const uint8_t *bits, size_t i)
{
	return bits[i / 8] >> i % 8 & 1;
}

static void set(struct usage *u, uint8_t *bits, size_t i)
{
	if (has(bits, i))
		return;
	bits[i / 8] |= (uint8_t)(1 << i % 8);
	u->n_untold++;
}

bool usage_touch(struct usage *u, uint64_t path, bool executed)
{
	size_t at = 0, i, program = file_index_program(u->index, path);
	bool any = program != SIZE_MAX;

	while ((i = file_index_next(u->index, path, &at)) != SIZE_MAX) {
		set(u, u->used, i);
		any = true;
	}
	if (executed && program != SIZE_MAX)
		set(u, u->ran, program);
	return any;
}

bool usage_touch_either(struct usage *u, uint64_t path, uint64_t source, bool executed)
{
	return usage_touch(u, path, executed) || (source && usage_touch(u, source, false));
}

void usage_begin(struct usage *u, int64_t now_ms)
{
	u->untold_containers++;
	if (u->whole++)
		return;
	if (u->from_ms == 0)
		u->from_ms = now_ms;
	u->until_ms = 0;
}

void usage_end(struct usage *u, int64_t now_ms)
{
	if (--u->whole == 0)
		u->until_ms = now_ms;
}

void usage_miss(struct usage *u, int64_t now_ms)
{
	u->whole--;
	u->from_ms = u->whole ? now_ms : 0;
	u->until_ms = 0;
}

bool usage_has_news(const struct usage *u, int64_t now_ms, int64_t longer_than_ms)
{
	if (u->index == NULL)
		return false;
	if (u->n_untold || u->untold_containers || !u->told_watched)
		return true;
	return u->from_ms && (u->until_ms || now_ms - u->from_ms >= longer_than_ms);
}

/* What is set in bits and not in told. */
static uint64_t *untold(struct arena *a, const uint8_t *bits, const uint8_t *told, size_t n,
			size_t *count)
{
	size_t have = 0;
	uint64_t *out;

	for (size_t i = 0; i < n; i++)
		have += has(bits, i) && !has(told, i);
	out = ARENA_ARRAY(a, have, uint64_t);
	if (out == NULL)
		return NULL;
	for (size_t i = 0, at = 0; i < n; i++)
		if (has(bits, i) && !has(told, i))
			out[at++] = i;
	*count = have;
	return out;
}

static bool put_watched(const struct usage *u, struct usage_news *out)
{
	size_t n = file_index_components(u->index);
	struct profile_part *parts = ARENA_ARRAY(&out->arena, n, struct profile_part);

	if (parts == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		if (file_index_is_watched(u->index, i))
			parts[out->told.n_watched++] = file_index_component(u->index, i);
	out->told.watched = parts;
	return true;
}

bool usage_news(struct usage *u, int64_t now_ms, struct usage_news *out)
{
	uint64_t *used, *ran;
	struct profile *p = &out->told;

	*out = (struct usage_news){.now_ms = now_ms};
	arena_init(&out->arena, MIB(16));
	used =
	    untold(&out->arena, u->used, u->told_used, file_index_components(u->index), &p->n_used);
	ran =
	    untold(&out->arena, u->ran, u->told_ran, file_index_programs(u->index), &p->n_executed);
	p->image = arena_dup(&out->arena, span_cstr(u->image));
	if (used == NULL || ran == NULL || (!u->told_watched && !put_watched(u, out)) ||
	    arena_rc(&out->arena) != RMG_OK) {
		arena_done(&out->arena);
		return false;
	}
	for (size_t i = 0; i < p->n_used; i++)
		used[i] = file_index_component(u->index, used[i]).component;
	for (size_t i = 0; i < p->n_executed; i++)
		ran[i] = file_index_program_key(u->index, ran[i]);
	p->used = used;
	p->executed = ran;
	p->containers = u->untold_containers;
	p->asks = !u->knows;
	if (u->from_ms) {
		p->from_ms = u->from_ms;
		p->to_ms = MAX_OF(u->from_ms, u->until_ms ? u->until_ms : now_ms);
	}
	/* What is set from here on is counted anew. */
	u->n_untold = 0;
	u->untold_containers = 0;
	return true;
}

/* The bits whose keys were told: nobody takes bits away, so a key finds its bit again. */
static void mark_used(struct usage *u, const struct profile *p)
{
	for (size_t i = 0, k = 0; k < p->n_used && i < file_index_components(u->index); i++)
		if (file_index_component(u->index, i).component == p->used[k] && has(u->used, i)) {
			u->told_used[i / 8] |= (uint8_t)(1 << i % 8);
			k++;
		}
}

void usage_told(struct usage *u, const struct usage_news *n)
{
	const struct profile *p = &n->told;

	mark_used(u, p);
	for (size_t k = 0; k < p->n_executed; k++) {
		size_t i = file_index_program(u->index, p->executed[k]);

		if (i != SIZE_MAX)
			u->told_ran[i / 8] |= (uint8_t)(1 << i % 8);
	}
	u->told_watched = true;
	if (p->to_ms == 0)
		return;
	if (u->whole)
		u->from_ms = p->to_ms;
	else if (u->until_ms <= p->to_ms)
		u->from_ms = u->until_ms = 0;
	else
		u->from_ms = p->to_ms;
}

void usage_not_told(struct usage *u, const struct usage_news *n)
{
	u->n_untold += n->told.n_used + n->told.n_executed;
	u->untold_containers += n->told.containers;
}

void usage_news_done(struct usage_news *n)
{
	arena_done(&n->arena);
}
