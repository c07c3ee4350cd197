/* SPDX-License-Identifier: Apache-2.0 */
/* store_executable.c - which image has which executables, small.
 *
 *     image --executable_image--> set --executable_member--> executable
 *
 * What one layer shows of itself in an image is a set. Images that share a layer share its set, so
 * that fifty thousand images cost little more than their distinct layers. A set is found by a hash
 * and then compared whole. What two executables must have in common to be one: content, path, mode
 * and origin. Their owners are of one image's inventory and are not kept. */
#include "base/hash.h"
#include "base/limits.h"
#include "store/backend.h"
#include "store/rows.h"

/* Indexes take short keys only: a longer path is known by its beginning and its hash. */
enum { PATH_KEY_BYTES = 1024 };

struct path_key {
	struct span key, path; /* path: empty where the key is the path */
	uint8_t bytes[PATH_KEY_BYTES + sizeof(uint64_t)];
};

static void path_key(struct path_key *k, struct span path)
{
	uint64_t hash = hash_span(path);

	k->key = path;
	k->path = span_of(NULL, 0);
	if (path.n <= PATH_KEY_BYTES)
		return;
	memcpy(k->bytes, path.p, PATH_KEY_BYTES);
	for (size_t i = 0; i < sizeof hash; i++)
		k->bytes[PATH_KEY_BYTES + i] = (uint8_t)(hash >> (8 * i));
	k->key = span_of(k->bytes, sizeof k->bytes);
	k->path = path;
}

/* Reading. */

static void executable_of(struct executable *e, const struct cols *c)
{
	*e = (struct executable){
	    .path = col_span(c, 2).n ? col_span(c, 2) : col_span(c, 1),
	    .size = col_u64(c, 3),
	    .mode = col_u32(c, 4),
	    .format = (enum exec_format)col_u32(c, 5),
	    .arch = col_span(c, 6),
	    .origin = (enum origin)col_u32(c, 7),
	    .owner = NO_COMPONENT,
	    .layer = NO_LAYER,
	};
	col_copy(c, 0, e->sha256, sizeof e->sha256);
}

struct executable_call {
	executable_row_fn *fn;
	void *user;
	struct span path; /* only this one; "" all */
};

static enum rmg_rc executable_read(void *user, const struct cols *c)
{
	const struct executable_call *call = user;
	struct executable e;
	struct executable_row row = {.image = col_u32(c, 8), .executable = &e};

	executable_of(&e, c);
	e.layer = col_u32(c, 9);
	if (call->path.n && !span_is(call->path, e.path))
		return RMG_OK;
	return call->fn(call->user, &row);
}

enum rmg_rc store_executables_by_sha256(struct store *st, const uint8_t sha256[32],
					executable_row_fn *fn, void *user, struct rmg_err *err)
{
	struct executable_call call = {fn, user, {0}};

	return store_read(st, SQL_EXECUTABLE_BY_SHA256, WITH(v_bytes(span_of(sha256, 32))),
			  executable_read, &call, err);
}

enum rmg_rc store_executables_by_path(struct store *st, struct span path, executable_row_fn *fn,
				      void *user, struct rmg_err *err)
{
	struct executable_call call = {fn, user, path};
	struct path_key k;

	path_key(&k, path);
	return store_read(st, SQL_EXECUTABLE_BY_KEY, WITH(v_bytes(k.key)), executable_read, &call,
			  err);
}

enum rmg_rc store_executables_of(struct store *st, uint32_t image, executable_row_fn *fn,
				 void *user, struct rmg_err *err)
{
	struct executable_call call = {fn, user, {0}};

	return store_read(st, SQL_EXECUTABLE_OF, WITH(v_int(image)), executable_read, &call, err);
}

/* Writing. */

/* Also the order in which SQL gives the members of a set. */
static int by_member(const struct executable *a, const struct executable *b)
{
	struct path_key ka, kb;
	int order;

	path_key(&ka, a->path);
	path_key(&kb, b->path);
	order = span_cmp(ka.key, kb.key);
	if (order == 0)
		order = memcmp(a->sha256, b->sha256, sizeof a->sha256);
	if (order == 0)
		order = (a->mode > b->mode) - (a->mode < b->mode);
	return order ? order : (a->origin > b->origin) - (a->origin < b->origin);
}

static int by_layer(const void *pa, const void *pb)
{
	const struct executable *a = *(const struct executable *const *)pa;
	const struct executable *b = *(const struct executable *const *)pb;
	int order = (a->layer > b->layer) - (a->layer < b->layer);

	return order ? order : by_member(a, b);
}

struct group { /* one layer's */
	const struct executable *const *v;
	size_t n;
};

static uint64_t group_hash(const struct group *g)
{
	uint64_t h = g->n;

	for (size_t i = 0; i < g->n; i++) {
		const struct executable *e = g->v[i];

		h = hash_mix(h * 3 + hash_span(e->path));
		h = hash_mix(h * 3 + hash_span(span_of(e->sha256, 32)));
		h = hash_mix(h * 3 + e->mode * 8 + (uint32_t)e->origin);
	}
	return h;
}

struct compare {
	const struct group *group;
	size_t at;
	bool differs;
};

static enum rmg_rc compare_member(void *user, const struct cols *c)
{
	struct compare *x = user;
	struct executable e;

	executable_of(&e, c);
	if (x->at < x->group->n && by_member(&e, x->group->v[x->at]) == 0 &&
	    span_is(e.path, x->group->v[x->at]->path)) {
		x->at++;
		return RMG_OK;
	}
	x->differs = true;
	return RMG_E_STOPPED;
}

enum { CANDIDATES = 8 };
struct candidates {
	uint64_t v[CANDIDATES];
	size_t n;
};

static enum rmg_rc add_candidate(void *user, const struct cols *c)
{
	struct candidates *x = user;

	if (x->n == CANDIDATES)
		return RMG_E_STOPPED;
	x->v[x->n++] = col_u64(c, 0);
	return RMG_OK;
}

/* The set that has just these members; 0: none. */
static enum rmg_rc find_set(struct store *st, const struct group *g, uint64_t hash, uint64_t *set,
			    struct rmg_err *err)
{
	struct candidates c = {0};
	enum rmg_rc rc = store_read(st, SQL_EXECUTABLE_SETS, WITH(v_u64(hash), v_u64(g->n)),
				    add_candidate, &c, err);

	*set = 0;
	for (size_t i = 0; i < c.n && rc == RMG_OK && *set == 0; i++) {
		struct compare x = {.group = g};

		rc = store_read(st, SQL_EXECUTABLE_SET_OF, WITH(v_u64(c.v[i])), compare_member, &x,
				err);
		if (rc == RMG_OK && !x.differs && x.at == g->n)
			*set = c.v[i];
	}
	return rc;
}

static enum rmg_rc add_member(struct store *st, uint64_t set, const struct executable *e,
			      struct rmg_err *err)
{
	const struct span sha256 = span_of(e->sha256, sizeof e->sha256);
	struct path_key k;
	uint64_t id;
	enum rmg_rc rc = store_next(st, COUNTER_EXECUTABLE, &id, err);

	path_key(&k, e->path);
	if (rc == RMG_OK)
		rc = store_write(st, SQL_EXECUTABLE_ADD,
				 WITH(v_u64(id), v_bytes(sha256), v_bytes(k.key), v_bytes(k.path),
				      v_u64(e->size), v_int(e->mode), v_int(e->format),
				      v_text(e->arch), v_int(e->origin)),
				 err);
	if (rc == RMG_OK)
		rc = store_write(st, SQL_EXECUTABLE_MEMBER,
				 WITH(v_u64(set), v_bytes(sha256), v_bytes(k.key), v_int(e->mode),
				      v_int(e->origin)),
				 err);
	return rc;
}

static enum rmg_rc add_set(struct store *st, const struct group *g, uint64_t hash, uint64_t *set,
			   struct rmg_err *err)
{
	enum rmg_rc rc = store_next(st, COUNTER_EXECUTABLE_SET, set, err);

	if (rc == RMG_OK)
		rc = store_write(st, SQL_EXECUTABLE_SET_ADD,
				 WITH(v_u64(*set), v_u64(hash), v_u64(g->n)), err);
	for (size_t i = 0; i < g->n && rc == RMG_OK; i++)
		rc = add_member(st, *set, g->v[i], err);
	return rc;
}

static enum rmg_rc put_group(struct store *st, uint32_t image, const struct group *g,
			     struct rmg_err *err)
{
	const uint64_t hash = group_hash(g);
	uint64_t set = 0;
	enum rmg_rc rc = store_hold(st, COUNTER_EXECUTABLE_SET, err);

	if (rc == RMG_OK)
		rc = find_set(st, g, hash, &set, err);
	if (rc == RMG_OK && set == 0)
		rc = add_set(st, g, hash, &set, err);
	if (rc != RMG_OK)
		return rc;
	return store_write(st, SQL_EXECUTABLE_IMAGE_PUT,
			   WITH(v_u64(set), v_int(image), v_int(g->v[0]->layer)), err);
}

/* Same members twice (a path is once in an inventory, but nobody proves it here) would be one row
 * and a set that is never found again. */
static size_t drop_doubles(const struct executable **v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (kept == 0 || v[kept - 1]->layer != v[i]->layer ||
		    by_member(v[kept - 1], v[i]) != 0)
			v[kept++] = v[i];
	return kept;
}

enum rmg_rc store_executables_put(struct store *st, uint32_t image, const struct executable *e,
				  size_t n, struct rmg_err *err)
{
	const struct executable **v = calloc(n ? n : 1, sizeof *v);
	enum rmg_rc rc;

	if (v == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for executables");
	for (size_t i = 0; i < n; i++)
		v[i] = &e[i];
	qsort(v, n, sizeof *v, by_layer);
	n = drop_doubles(v, n);
	rc = store_write(st, SQL_EXECUTABLE_IMAGE_CLEAR, WITH(v_int(image)), err);
	for (size_t i = 0, next; i < n && rc == RMG_OK; i = next) {
		for (next = i + 1; next < n && v[next]->layer == v[i]->layer;)
			next++;
		rc = put_group(st, image, &(struct group){v + i, next - i}, err);
	}
	free(v);
	return rc;
}
