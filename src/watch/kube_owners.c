/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/kube_owners.h"

#include "base/hash.h"

enum { CHAIN = 8 }; /* owners of owners */

void kube_owners_done(struct kube_owners *o)
{
	VEC_EACH (x, &o->v)
		free(x->texts);
	VEC_DONE(&o->v);
	VEC_DONE(&o->unused);
	map_done(&o->by_uid);
	map_done(&o->revisions);
}

static uint64_t key_of(struct span uid)
{
	uint64_t key = hash_span(uid);

	return uid.n == 0 ? 0 : key ? key : 1;
}

static char *join(struct span a, struct span b)
{
	char *out = malloc(a.n + b.n + 2);

	if (out == NULL)
		return NULL;
	if (a.n)
		memcpy(out, a.p, a.n);
	out[a.n] = '\0';
	if (b.n)
		memcpy(out + a.n + 1, b.p, b.n);
	out[a.n + 1 + b.n] = '\0';
	return out;
}

static size_t texts_bytes(const struct kube_owned *x)
{
	size_t kind = x->texts ? strlen(x->texts) + 1 : 0;

	return x->texts ? kind + strlen(x->texts + kind) + 1 : 0;
}

static void set(struct kube_owners *o, uint32_t i, struct kube_owned now)
{
	o->bytes += texts_bytes(&now) - texts_bytes(&o->v.v[i]);
	free(o->v.v[i].texts);
	o->v.v[i] = now;
}

static bool place(struct kube_owners *o, uint64_t uid, uint32_t *i)
{
	*i = map_find(&o->by_uid, uid);
	if (*i != MAP_NONE)
		return true;
	if (o->unused.n)
		*i = o->unused.v[--o->unused.n];
	else if (VEC_ADD(&o->v))
		*i = (uint32_t)o->v.n - 1;
	else
		return false;
	return map_set(&o->by_uid, uid, *i);
}

enum rmg_rc kube_owners_put(struct kube_owners *o, struct span uid, struct span owner_kind,
			    struct span owner_name, struct span owner_uid)
{
	char *texts = join(owner_kind, owner_name);
	uint32_t i;

	if (texts == NULL || !place(o, key_of(uid), &i)) {
		free(texts);
		return RMG_E_NOMEM;
	}
	set(o, i, (struct kube_owned){key_of(uid), key_of(owner_uid), texts});
	return RMG_OK;
}

enum rmg_rc kube_owners_revise(struct kube_owners *o, struct span key, uint64_t revision)
{
	uint32_t was = map_find(&o->revisions, hash_span(key));

	if (was != MAP_NONE && revision == 0)
		map_remove(&o->revisions, hash_span(key), was);
	if (revision == 0 || revision >= MAP_NONE)
		return RMG_OK;
	return map_set(&o->revisions, hash_span(key), (uint32_t)revision) ? RMG_OK : RMG_E_NOMEM;
}

void kube_owners_drop(struct kube_owners *o, struct span uid)
{
	uint32_t i = map_find(&o->by_uid, key_of(uid));

	if (kube_owners_revise(o, uid, 0) != RMG_OK || i == MAP_NONE)
		return;
	map_remove(&o->by_uid, key_of(uid), i);
	set(o, i, (struct kube_owned){0});
	/* Where there is no memory the place is lost, no more. */
	if (!VEC_PUSH(&o->unused, i))
		return;
}

bool kube_owners_know(const struct kube_owners *o, struct span uid)
{
	return map_has(&o->by_uid, key_of(uid));
}

void kube_owners_top(const struct kube_owners *o, struct span uid, struct span *kind,
		     struct span *name)
{
	uint64_t at = key_of(uid);

	for (unsigned i = 0; i < CHAIN; i++) {
		uint32_t k = map_find(&o->by_uid, at);
		const struct kube_owned *x = k == MAP_NONE ? NULL : &o->v.v[k];

		if (x == NULL || x->owner == 0)
			return;
		*kind = span_cstr(x->texts);
		*name = span_cstr(x->texts + kind->n + 1);
		at = x->owner;
	}
}

uint32_t kube_owners_revision(const struct kube_owners *o, struct span key)
{
	uint32_t n = map_find(&o->revisions, hash_span(key));

	return n == MAP_NONE ? 0 : n;
}

size_t kube_owners_bytes(const struct kube_owners *o)
{
	return o->v.n * sizeof *o->v.v + o->unused.n * sizeof *o->unused.v + o->bytes +
	       map_bytes(&o->by_uid) + map_bytes(&o->revisions);
}
