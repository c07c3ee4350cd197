/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/profiled.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/rd.h"

enum { KEY_BYTES = 8 };

void profiled_done(struct profiled *p)
{
	VEC_DONE(&p->watched);
	VEC_DONE(&p->used);
	VEC_DONE(&p->bytes);
	VEC_DONE(&p->executed);
	*p = (struct profiled){0};
}

/* Packing. */

static void put_varint(struct strbuf *out, uint64_t n)
{
	uint8_t bytes[10];
	size_t len = 0;

	for (; len == 0 || n; n >>= 7)
		bytes[len++] = (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
	strbuf_put(out, span_of(bytes, len));
}

static void pack_watched(const struct profiled *p, struct strbuf *out)
{
	uint32_t last = 0;

	for (size_t i = 0; i < p->watched.n; i++) {
		put_varint(out, p->watched.v[i] - last);
		put_varint(out, p->bytes.v[i]);
		last = p->watched.v[i];
	}
}

static enum rmg_rc unpack_watched(struct profiled *p, struct span packed)
{
	struct rd r = rd_of(packed);
	uint64_t last = 0;

	while (rd_more(&r)) {
		uint64_t more = rd_varint(&r), bytes = rd_varint(&r);

		if (more == 0 || more > UINT32_MAX - last)
			rd_fail(&r);
		last += more;
		if (rd_ok(&r) &&
		    (!VEC_PUSH(&p->watched, (uint32_t)last) || !VEC_PUSH(&p->bytes, bytes)))
			return RMG_E_NOMEM;
	}
	return rd_end(&r);
}

static void pack_executed(const struct profiled *p, struct strbuf *out)
{
	for (size_t i = 0; i < p->executed.n; i++) {
		uint8_t bytes[KEY_BYTES];

		for (size_t k = 0; k < KEY_BYTES; k++)
			bytes[k] = (uint8_t)(p->executed.v[i] >> (8 * k));
		strbuf_put(out, span_of(bytes, sizeof bytes));
	}
}

static enum rmg_rc unpack_executed(struct profiled *p, struct span packed)
{
	struct rd r = rd_of(packed);

	while (rd_more(&r)) {
		uint64_t key = rd_u64le(&r);

		if (p->executed.n && key <= p->executed.v[p->executed.n - 1])
			rd_fail(&r);
		if (rd_ok(&r) && !VEC_PUSH(&p->executed, key))
			return RMG_E_NOMEM;
	}
	return rd_end(&r);
}

/* Rows. */

static enum rmg_rc take_row(void *user, const struct profile_row *row)
{
	struct profiled *p = user;
	enum rmg_rc rc = ids_unpack(row->used, UINT32_MAX, &p->used);

	if (rc == RMG_OK)
		rc = unpack_watched(p, row->watched);
	if (rc == RMG_OK)
		rc = unpack_executed(p, row->executed);
	p->image = row->image;
	p->first_ms = row->first_ms;
	p->last_ms = row->last_ms;
	p->observed_ms = row->observed_ms;
	p->containers = row->containers;
	return rc;
}

enum rmg_rc profiled_load(struct profiled *p, struct store *st, uint32_t image, struct rmg_err *err)
{
	struct rmg_err why = {0};
	enum rmg_rc rc;

	profiled_done(p);
	rc = store_profile_get(st, image, take_row, p, &why);
	if (rc == RMG_OK)
		return RMG_OK;
	profiled_done(p);
	return err_set(err, rc, "%s", why.msg[0] ? why.msg : "the profile of an image is damaged");
}

enum rmg_rc profiled_save(const struct profiled *p, struct store *st, struct rmg_err *err)
{
	struct strbuf watched = strbuf_of(MIB(16)), used = strbuf_of(MIB(16)),
		      executed = strbuf_of(MIB(16));
	struct profile_row row = {.image = p->image,
				  .first_ms = p->first_ms,
				  .last_ms = p->last_ms,
				  .observed_ms = p->observed_ms,
				  .containers = p->containers};
	enum rmg_rc rc = RMG_OK;

	pack_watched(p, &watched);
	ids_pack(p->used.v, p->used.n, &used);
	pack_executed(p, &executed);
	row.watched = strbuf_span(&watched);
	row.used = strbuf_span(&used);
	row.executed = strbuf_span(&executed);
	if (strbuf_rc(&watched) != RMG_OK || strbuf_rc(&used) != RMG_OK ||
	    strbuf_rc(&executed) != RMG_OK)
		rc = err_set(err, RMG_E_LIMIT, "a profile that is too large");
	if (rc == RMG_OK)
		rc = store_profile_put(st, &row, err);
	strbuf_done(&watched);
	strbuf_done(&used);
	strbuf_done(&executed);
	return rc;
}

/* Adding. */

static bool find_id(const struct ids *ids, uint32_t id, size_t *at)
{
	size_t low = 0, high = ids->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ids->v[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return low < ids->n && ids->v[low] == id;
}

static bool find_key(const struct keys *keys, uint64_t key, size_t *at)
{
	size_t low = 0, high = keys->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (keys->v[mid] < key)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return low < keys->n && keys->v[low] == key;
}

static bool insert_key(struct keys *keys, size_t at, uint64_t key)
{
	if (!VEC_PUSH(keys, key))
		return false;
	memmove(keys->v + at + 1, keys->v + at, (keys->n - 1 - at) * sizeof *keys->v);
	keys->v[at] = key;
	return true;
}

static bool insert_id(struct ids *ids, size_t at, uint32_t id)
{
	if (!VEC_PUSH(ids, id))
		return false;
	memmove(ids->v + at + 1, ids->v + at, (ids->n - 1 - at) * sizeof *ids->v);
	ids->v[at] = id;
	return true;
}

static bool add_watched(struct profiled *p, uint32_t id, uint64_t bytes)
{
	size_t at;

	if (id == 0)
		return true;
	if (find_id(&p->watched, id, &at)) {
		p->bytes.v[at] = bytes;
		return true;
	}
	if (p->watched.n >= LIMIT_PROFILE_KEYS)
		return true;
	return insert_id(&p->watched, at, id) && insert_key(&p->bytes, at, bytes);
}

static bool add_used(struct profiled *p, uint32_t id)
{
	size_t at;

	if (id == 0 || find_id(&p->used, id, &at) || p->used.n >= LIMIT_PROFILE_KEYS)
		return true;
	return insert_id(&p->used, at, id);
}

static bool add_executed(struct profiled *p, uint64_t key)
{
	size_t at;

	if (find_key(&p->executed, key, &at) || p->executed.n >= LIMIT_PROFILE_KEYS)
		return true;
	return insert_key(&p->executed, at, key);
}

/* Times of several nodes come nearly in order: what lies before the last end has been counted. */
static void add_time(struct profiled *p, int64_t from_ms, int64_t to_ms)
{
	int64_t from = MAX_OF(from_ms, p->last_ms);

	if (to_ms == 0)
		return;
	if (p->first_ms == 0 || from_ms < p->first_ms)
		p->first_ms = from_ms;
	if (to_ms > from)
		p->observed_ms += (uint64_t)(to_ms - from);
	p->last_ms = MAX_OF(p->last_ms, to_ms);
}

bool profiled_add(struct profiled *p, const struct profile *told,
		  const struct profiled_names *names, uint64_t least_ms)
{
	bool closed = profiled_is_closed(p, least_ms), good = true;

	for (size_t i = 0; good && i < told->n_watched; i++)
		good = add_watched(p, names->watched[i], told->watched[i].bytes);
	for (size_t i = 0; good && i < told->n_used; i++)
		good = add_used(p, names->used[i]);
	for (size_t i = 0; good && !closed && i < told->n_executed; i++)
		good = add_executed(p, told->executed[i]);
	add_time(p, told->from_ms, told->to_ms);
	p->containers += told->containers;
	return good;
}

/* Asking. */

bool profiled_is_closed(const struct profiled *p, uint64_t least_ms)
{
	return p->image && p->observed_ms && p->observed_ms >= least_ms;
}

enum used profiled_used(const struct profiled *p, uint32_t component, uint64_t least_ms)
{
	size_t at;

	if (p->image == 0)
		return USED_UNKNOWN;
	if (find_id(&p->used, component, &at))
		return USED_YES;
	return profiled_is_closed(p, least_ms) && find_id(&p->watched, component, &at)
		   ? USED_NEVER
		   : USED_UNKNOWN;
}

bool profiled_bytes(const struct profiled *p, uint32_t component, uint64_t *out)
{
	size_t at;

	if (p->image == 0 || !find_id(&p->watched, component, &at))
		return false;
	*out = p->bytes.v[at];
	return true;
}
