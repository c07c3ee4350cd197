/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image_index.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"

struct image_index {
	atomic_uint held;
	size_t n;
	uint64_t keys[]; /* hashes of paths, ascending; the lowest bit: a package owns it */
};

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

enum rmg_rc image_index_new(const struct inventory *inv, struct image_index **out,
			    struct rmg_err *err)
{
	size_t n = inv->n_executables;
	struct image_index *x = malloc(sizeof *x + n * sizeof x->keys[0]);

	if (x == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for an image's executables");
	atomic_init(&x->held, 1);
	x->n = n;
	for (size_t i = 0; i < n; i++)
		x->keys[i] = (path_hash(inv->executables[i].path) & ~UINT64_C(1)) |
			     (inv->executables[i].owner != NO_COMPONENT);
	qsort(x->keys, n, sizeof x->keys[0], by_key);
	*out = x;
	return RMG_OK;
}

struct image_index *image_index_hold(struct image_index *x)
{
	atomic_fetch_add(&x->held, 1);
	return x;
}

void image_index_let_go(struct image_index *x)
{
	if (x && atomic_fetch_sub(&x->held, 1) == 1)
		free(x);
}

enum image_has image_index_find(const struct image_index *x, struct span path)
{
	uint64_t key = path_hash(path) & ~UINT64_C(1);
	size_t low = 0, high = x->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		uint64_t have = x->keys[mid] & ~UINT64_C(1);

		if (have == key)
			return x->keys[mid] & 1 ? IMAGE_OWNED : IMAGE_UNOWNED;
		if (have < key)
			low = mid + 1;
		else
			high = mid;
	}
	return IMAGE_HAS_NOT;
}

size_t image_index_count(const struct image_index *x)
{
	return x->n;
}
