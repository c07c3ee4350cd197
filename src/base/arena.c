/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdlib.h>

enum { ALIGN = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

struct arena_block {
	struct arena_block *older;
	size_t n; /* bytes that follow */
	_Alignas(ALIGN) uint8_t bytes[];
};

void arena_init(struct arena *a, size_t cap_bytes)
{
	*a = (struct arena){.cap_bytes = cap_bytes};
}

static void free_from(struct arena_block *b)
{
	while (b) {
		struct arena_block *older = b->older;

		free(b);
		b = older;
	}
}

void arena_done(struct arena *a)
{
	free_from(a->blocks);
	*a = (struct arena){.cap_bytes = a->cap_bytes};
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = a->blocks;

	if (keep == NULL) {
		a->rc = RMG_OK;
		return;
	}
	free_from(keep->older);
	keep->older = NULL;
	a->used_bytes = keep->n;
	a->at = keep->bytes;
	a->end = keep->bytes + keep->n;
	a->rc = RMG_OK;
}

/* A block with room for n bytes. Blocks double, so that small scans stay small. */
static bool grow(struct arena *a, size_t n)
{
	size_t want = a->blocks ? MIN_OF(a->blocks->n * 2, (size_t)LARGEST_BLOCK) : FIRST_BLOCK;
	struct arena_block *b;

#ifdef RMG_ARENA_MALLOC
	want = n;
#endif
	want = MAX_OF(want, n);
	if (want > a->cap_bytes - a->used_bytes)
		want = n;
	if (want > a->cap_bytes - a->used_bytes) {
		a->rc = RMG_E_LIMIT;
		return false;
	}
	b = malloc(sizeof *b + want);
	if (b == NULL) {
		a->rc = RMG_E_NOMEM;
		return false;
	}
	b->older = a->blocks;
	b->n = want;
	a->blocks = b;
	a->used_bytes += want;
	a->at = b->bytes;
	a->end = b->bytes + want;
	return true;
}

static void *take(struct arena *a, size_t n, size_t align)
{
	size_t pad = (align - ((uintptr_t)a->at & (align - 1))) & (align - 1);
	uint8_t *p;

	if (a->rc != RMG_OK)
		return NULL;
#ifdef RMG_ARENA_MALLOC
	a->at = a->end = NULL;
#endif
	if (a->at == NULL || pad > (size_t)(a->end - a->at) || n > (size_t)(a->end - a->at) - pad) {
		if (n > SIZE_MAX / 2 || !grow(a, n)) {
			a->rc = a->rc != RMG_OK ? a->rc : RMG_E_LIMIT;
			return NULL;
		}
		pad = 0;
	}
	p = a->at + pad;
	a->at = p + n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return take(a, n, ALIGN);
}

void *arena_bytes(struct arena *a, size_t n)
{
	return take(a, n, 1);
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	return p ? memset(p, 0, n) : NULL;
}

void *arena_array(struct arena *a, size_t count, size_t each)
{
	size_t n;

	if (__builtin_mul_overflow(count, each, &n)) {
		a->rc = RMG_E_LIMIT;
		return NULL;
	}
	return arena_zalloc(a, n);
}

struct span arena_dup(struct arena *a, struct span s)
{
	uint8_t *p = arena_bytes(a, s.n);

	if (p == NULL)
		return (struct span){0};
	if (s.n)
		memcpy(p, s.p, s.n);
	return span_of(p, s.n);
}

char *arena_cstr(struct arena *a, struct span s)
{
	char *p = s.n < SIZE_MAX ? arena_bytes(a, s.n + 1) : NULL;

	if (p == NULL)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct span arena_join(struct arena *a, const struct span *parts, size_t n)
{
	size_t total = 0, at = 0;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		total += parts[i].n;
	p = arena_bytes(a, total);
	if (p == NULL)
		return (struct span){0};
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n)
			memcpy(p + at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	return span_of(p, total);
}
