/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/difference.h"

#include "base/limits.h"

enum { CAME, WENT, CHANGED };

struct file {
	struct span path;
	uint8_t sha256[32];
};

struct side {
	VEC(const struct world_component *) packages; /* that the other one has not */
	VEC(struct file) files;
	struct arena arena;
	enum rmg_rc rc;
};

struct comparing {
	uint32_t *counts;
	difference_fn *fn;
	void *user;
};

static int by_name(const struct world_component *a, const struct world_component *b)
{
	const struct span x[] = {a->type, a->ns, a->name, a->arch};
	const struct span y[] = {b->type, b->ns, b->name, b->arch};
	int order = 0;

	for (size_t i = 0; i < COUNT_OF(x) && order == 0; i++)
		order = span_cmp(x[i], y[i]);
	return order;
}

static int cmp_package(const void *a, const void *b)
{
	const struct world_component *x = *(const struct world_component *const *)a;
	const struct world_component *y = *(const struct world_component *const *)b;
	int order = by_name(x, y);

	return order ? order : span_cmp(x->version, y->version);
}

static int cmp_file(const void *a, const void *b)
{
	return span_cmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static bool has(const struct world_image *i, uint32_t component)
{
	size_t low = 0, high = i->n_components;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (i->components[mid] < component)
			low = mid + 1;
		else
			high = mid;
	}
	return low < i->n_components && i->components[low] == component;
}

static bool find_packages(const struct world *w, uint32_t image, uint32_t other, struct side *s)
{
	const struct world_image *i = &w->images.v[image], *o = &w->images.v[other];

	for (uint32_t k = 0; k < i->n_components; k++)
		if (!has(o, i->components[k]) &&
		    !VEC_PUSH(&s->packages, &w->components.v[i->components[k]]))
			return false;
	if (s->packages.n)
		qsort(s->packages.v, s->packages.n, sizeof *s->packages.v, cmp_package);
	return true;
}

static enum rmg_rc keep_file(void *user, const struct executable_row *row)
{
	struct side *s = user;
	struct file f = {.path = arena_dup(&s->arena, row->executable->path)};

	memcpy(f.sha256, row->executable->sha256, sizeof f.sha256);
	if (!VEC_PUSH(&s->files, f) || arena_rc(&s->arena) != RMG_OK)
		s->rc = RMG_E_NOMEM;
	return s->rc;
}

static enum rmg_rc find_files(struct store *st, uint32_t image, struct side *s, struct rmg_err *err)
{
	enum rmg_rc rc = store_executables_of(st, image, keep_file, s, err);

	if (s->rc != RMG_OK)
		return err_set(err, s->rc, "no memory for what two images have");
	if (s->files.n)
		qsort(s->files.v, s->files.n, sizeof *s->files.v, cmp_file);
	return rc;
}

static void tell(struct comparing *c, const struct difference_item *x)
{
	size_t at = x->was.n == 0 ? CAME : x->now.n == 0 ? WENT : CHANGED;

	c->counts[(x->executable ? 3 : 0) + at]++;
	if (c->fn)
		c->fn(c->user, x);
}

static void compare_packages(struct comparing *c, const struct side *was, const struct side *now)
{
	size_t i = 0, k = 0;

	while (i < was->packages.n || k < now->packages.n) {
		struct difference_item x = {0};
		int order = i == was->packages.n ? 1
			    : k == now->packages.n
				? -1
				: by_name(was->packages.v[i], now->packages.v[k]);

		if (order <= 0)
			x.was = was->packages.v[i++]->purl;
		if (order >= 0)
			x.now = now->packages.v[k++]->purl;
		tell(c, &x);
	}
}

static void compare_files(struct comparing *c, const struct side *was, const struct side *now)
{
	size_t i = 0, k = 0;

	while (i < was->files.n || k < now->files.n) {
		struct difference_item x = {.executable = true};
		int order = i == was->files.n   ? 1
			    : k == now->files.n ? -1
						: cmp_file(&was->files.v[i], &now->files.v[k]);

		if (order <= 0) {
			x.was = was->files.v[i].path;
			x.was_sha256 = was->files.v[i++].sha256;
		}
		if (order >= 0) {
			x.now = now->files.v[k].path;
			x.now_sha256 = now->files.v[k++].sha256;
		}
		if (order != 0 || memcmp(x.was_sha256, x.now_sha256, 32) != 0)
			tell(c, &x);
	}
}

static void side_done(struct side *s)
{
	VEC_DONE(&s->packages);
	VEC_DONE(&s->files);
	arena_done(&s->arena);
}

enum rmg_rc difference_of(struct store *st, const struct world *w, uint32_t was, uint32_t now,
			  uint32_t counts[DESCENT_COUNTS], difference_fn *fn, void *user,
			  struct rmg_err *err)
{
	struct comparing c = {counts, fn, user};
	struct side old = {0}, fresh = {0};
	enum rmg_rc rc = RMG_OK;

	memset(counts, 0, DESCENT_COUNTS * sizeof *counts);
	arena_init(&old.arena, LIMIT_WORLD_BYTES);
	arena_init(&fresh.arena, LIMIT_WORLD_BYTES);
	if (!find_packages(w, was, now, &old) || !find_packages(w, now, was, &fresh))
		rc = err_set(err, RMG_E_NOMEM, "no memory for what two images have");
	if (rc == RMG_OK)
		rc = find_files(st, was, &old, err);
	if (rc == RMG_OK)
		rc = find_files(st, now, &fresh, err);
	if (rc == RMG_OK) {
		compare_packages(&c, &old, &fresh);
		compare_files(&c, &old, &fresh);
	}
	side_done(&old);
	side_done(&fresh);
	return rc;
}

void difference_text(const uint32_t counts[DESCENT_COUNTS], struct strbuf *out)
{
	strbuf_printf(out, "packages +%u -%u ~%u, executables +%u -%u ~%u", counts[0], counts[1],
		      counts[2], counts[3], counts[4], counts[5]);
}
