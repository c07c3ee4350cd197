/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_order.c - what the file holds and in which order, which content alone decides: sources by
 * name; keys by ecosystem and name; cards by source and id; rules by key, card and hash.
 *
 * The sorted cards and keys stay in the builder: the next time only new ones are sorted. Rules are
 * put in order by counting, first by card, then by key. */
#include "base/hash.h"
#include "vuln/advdb_builder.h"

static int by_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_text(const struct advdb_builder *b, uint32_t x, uint32_t y)
{
	return x == y ? 0 : span_cmp(builder_text(b, x), builder_text(b, y));
}

static int source_cmp(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;
	const struct built_source *a = &b->sources.v[*(const uint32_t *)x];
	const struct built_source *c = &b->sources.v[*(const uint32_t *)y];
	int order = by_text(b, a->name, c->name);

	if (order == 0)
		order = by_text(b, a->fetched, c->fetched);
	return order ? order : by_u64(a->count, c->count);
}

static int key_cmp(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;
	const struct built_key *a = &b->keys.v[*(const uint32_t *)x];
	const struct built_key *c = &b->keys.v[*(const uint32_t *)y];
	int order = by_text(b, a->ecosystem, c->ecosystem);

	return order ? order : by_text(b, a->name, c->name);
}

/* By source and id, the newest first. A source's place among the others may change with the file
 * that is made, its name does not. */
static int card_cmp(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;
	const struct built_card *a = &b->cards.v[*(const uint32_t *)x];
	const struct built_card *c = &b->cards.v[*(const uint32_t *)y];
	int order = a->source == c->source
			? 0
			: by_text(b, b->sources.v[a->source].name, b->sources.v[c->source].name);

	if (order == 0)
		order = by_u64(a->source, c->source);
	if (order == 0)
		order = by_text(b, a->text[CARD_ID], c->text[CARD_ID]);
	if (order == 0)
		order = by_text(b, c->text[CARD_MODIFIED], a->text[CARD_MODIFIED]);
	return order ? order : by_u64(a->hash, c->hash);
}

typedef int order_fn(const void *x, const void *y, void *user);

/* The first of n sorted ids that comes after id. */
static size_t place_of(const struct advdb_builder *b, const uint32_t *v, size_t n, uint32_t id,
		       order_fn *cmp)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (cmp(&v[mid], &id, (void *)(uintptr_t)b) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Ids from old on are new and sorted: they are moved to their places among those before. */
static bool merge_new(struct advdb_builder *b, struct ids *ids, size_t old, order_fn *cmp)
{
	size_t n = ids->n - old, end = ids->n;
	uint32_t *fresh;

	if (n == 0 || old == 0)
		return true;
	fresh = malloc(n * sizeof *fresh);
	if (fresh == NULL)
		return false;
	memcpy(fresh, ids->v + old, n * sizeof *fresh);
	while (n) {
		size_t at = place_of(b, ids->v, old, fresh[n - 1], cmp);

		memmove(ids->v + end - (old - at), ids->v + at, (old - at) * sizeof *ids->v);
		end -= old - at;
		old = at;
		ids->v[--end] = fresh[--n];
	}
	free(fresh);
	return true;
}

static void touch(struct advdb_builder *b, const struct built_card *c)
{
	if (!VEC_PUSH(&b->touched, c->text[CARD_CANONICAL]))
		builder_fail(b, RMG_E_NOMEM);
}

/* Takes out cards and rules of parts that were dropped. Cards keep their ids, so they only leave
 * the order. */
static bool sweep_cards(struct advdb_builder *b)
{
	uint8_t *gone = calloc(b->cards.n + 1, 1);
	size_t rules = 0, cards = 0;

	if (gone == NULL)
		return false;
	for (size_t i = 0; i < b->cards.n; i++) {
		gone[i] = builder_gone(b, b->cards.v[i].part);
		if (gone[i] && b->cards.v[i].in_file)
			touch(b, &b->cards.v[i]);
		b->cards.v[i].in_file &= !gone[i];
	}
	for (size_t i = 0; i < b->rules.n; i++)
		if (!gone[b->rules.v[i].card])
			b->rules.v[rules++] = b->rules.v[i];
	for (size_t i = 0; i < b->by_id.n; i++)
		if (!gone[b->by_id.v[i]])
			b->by_id.v[cards++] = b->by_id.v[i];
	b->gone += b->rules.n - rules + b->by_id.n - cards;
	b->rules.n = rules;
	b->by_id.n = cards;
	free(gone);
	return true;
}

/* The same with what came by CVE. */
static void sweep_cves(struct advdb_builder *b)
{
	size_t scores = 0, kevs = 0, vectors = 0;

	for (size_t i = 0; i < b->scores.n; i++)
		if (!builder_gone(b, b->scores.v[i].part))
			b->scores.v[scores++] = b->scores.v[i];
	for (size_t i = 0; i < b->kevs.n; i++)
		if (!builder_gone(b, b->kevs.v[i].part))
			b->kevs.v[kevs++] = b->kevs.v[i];
	for (size_t i = 0; i < b->vectors.n; i++)
		if (!builder_gone(b, b->vectors.v[i].part))
			b->vectors.v[vectors++] = b->vectors.v[i];
	b->rejoin |= scores != b->scores.n || kevs != b->kevs.n || vectors != b->vectors.n;
	b->scores.n = scores;
	b->kevs.n = kevs;
	b->vectors.n = vectors;
}

static bool sweep(struct advdb_builder *b)
{
	if (b->swept)
		return true;
	sweep_cves(b);
	b->swept = sweep_cards(b);
	return b->swept;
}

/* 0..n-1. */
static bool ids_of(struct ids *ids, size_t n)
{
	if (!VEC_RESERVE(ids, n + 1))
		return false;
	for (ids->n = 0; ids->n < n; ids->n++)
		ids->v[ids->n] = (uint32_t)ids->n;
	return true;
}

static bool order_sources(struct advdb_builder *b, struct order *o)
{
	uint32_t n = 0;

	if (!ids_of(&o->sources, b->sources.n))
		return false;
	if (o->sources.n > 1)
		qsort_r(o->sources.v, o->sources.n, sizeof *o->sources.v, source_cmp, b);
	for (size_t i = 0; i < o->sources.n; i++) {
		struct built_source *s = &b->sources.v[o->sources.v[i]];

		if (s->dropped)
			continue;
		s->order = n;
		o->sources.v[n++] = o->sources.v[i];
	}
	o->sources.n = n;
	return true;
}

/* A card with the first bytes of its id as numbers: they tell most cards apart, and lie in what is
 * sorted, not all over the memory. */
struct headed {
	uint64_t head[3];
	uint32_t card, source;
};

static struct headed headed_of(const struct advdb_builder *b, uint32_t card)
{
	const struct built_card *c = &b->cards.v[card];
	struct span id = builder_text(b, c->text[CARD_ID]);
	struct headed h = {.card = card, .source = c->source};

	for (size_t i = 0; i < sizeof h.head; i++)
		h.head[i / 8] = h.head[i / 8] << 8 | (i < id.n ? id.p[i] : 0);
	return h;
}

static int headed_cmp(const void *x, const void *y, void *user)
{
	const struct headed *a = x, *b = y;

	for (size_t i = 0; i < COUNT_OF(a->head) && a->source == b->source; i++)
		if (a->head[i] != b->head[i])
			return a->head[i] < b->head[i] ? -1 : 1;
	return card_cmp(&a->card, &b->card, user);
}

static bool sort_ids_of_cards(struct advdb_builder *b, uint32_t *ids, size_t n)
{
	struct headed *headed = malloc((n + 1) * sizeof *headed);

	if (headed == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		headed[i] = headed_of(b, ids[i]);
	qsort_r(headed, n, sizeof *headed, headed_cmp, b);
	for (size_t i = 0; i < n; i++)
		ids[i] = headed[i].card;
	free(headed);
	return true;
}

static bool sort_cards(struct advdb_builder *b)
{
	size_t old = b->by_id.n;

	if (!VEC_RESERVE(&b->by_id, old + b->cards.n - b->sorted + 1))
		return false;
	for (; b->sorted < b->cards.n; b->sorted++)
		if (!builder_gone(b, b->cards.v[b->sorted].part))
			b->by_id.v[b->by_id.n++] = b->sorted;
	return sort_ids_of_cards(b, b->by_id.v + old, b->by_id.n - old) &&
	       merge_new(b, &b->by_id, old, card_cmp);
}

/* The cards that a rule needs, but none that a newer one of the same source and id outdates; equal
 * ones lie side by side and get one place. */
static bool order_cards(struct advdb_builder *b, struct order *o)
{
	const struct built_card *newest = NULL, *last = NULL;

	if (!sort_cards(b) || !VEC_RESERVE(&o->cards, b->by_id.n + 1) ||
	    !VEC_RESERVE(&o->card_at, b->cards.n + 1))
		return false;
	memset(o->card_at.v, 0xff, b->cards.n * sizeof *o->card_at.v);
	for (size_t i = 0; i < b->by_id.n; i++) {
		uint32_t id = b->by_id.v[i];
		struct built_card *c = &b->cards.v[id];
		bool in_file = false;

		if (i + AHEAD < b->by_id.n)
			builder_fetch(&b->cards.v[b->by_id.v[i + AHEAD]]);
		if (newest == NULL || newest->source != c->source ||
		    newest->text[CARD_ID] != c->text[CARD_ID])
			newest = c;
		if (c->n_rules && newest->text[CARD_MODIFIED] == c->text[CARD_MODIFIED]) {
			in_file = last == NULL || !builder_same_card(last, c);
			if (in_file) {
				o->cards.v[o->cards.n++] = id;
				last = c;
			}
			o->card_at.v[id] = (uint32_t)o->cards.n - 1;
		}
		if (in_file != c->in_file)
			touch(b, c);
		c->in_file = in_file;
	}
	return true;
}

static bool order_keys(struct advdb_builder *b)
{
	size_t old = b->by_name.n;

	if (!VEC_RESERVE(&b->by_name, b->keys.n + 1))
		return false;
	for (; b->sorted_names < b->keys.n; b->sorted_names++)
		b->by_name.v[b->by_name.n++] = b->sorted_names;
	qsort_r(b->by_name.v + old, b->by_name.n - old, sizeof *b->by_name.v, key_cmp, b);
	if (!merge_new(b, &b->by_name, old, key_cmp))
		return false;
	for (uint32_t i = 0; i < b->by_name.n; i++)
		b->keys.v[b->by_name.v[i]].order = i;
	return true;
}

/* A rule on its way into order, with what it is ordered by. */
struct placed {
	uint32_t id, card, key;
};

static int by_hash(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;

	return by_u64(b->rules.v[*(const uint32_t *)x].hash, b->rules.v[*(const uint32_t *)y].hash);
}

/* Rules of one key and card that say the same. */
static bool same_rule(const struct built_rule *a, const struct built_rule *c)
{
	return a->hash == c->hash && a->events == c->events && a->versions == c->versions &&
	       a->status == c->status && a->severity == c->severity &&
	       a->status_text == c->status_text && a->module == c->module && a->source == c->source;
}

/* Sorts rules of one key and card by hash and takes equal ones once; how many are left. */
static size_t order_equals(struct advdb_builder *b, uint32_t *ids, size_t n)
{
	size_t kept = 1;

	qsort_r(ids, n, sizeof *ids, by_hash, b);
	for (size_t i = 1; i < n; i++)
		if (!same_rule(&b->rules.v[ids[kept - 1]], &b->rules.v[ids[i]]))
			ids[kept++] = ids[i];
	return kept;
}

/* Turns counts, each one place further than its number, into where each group begins. */
static void sum_up(uint32_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i + 1] += at[i];
}

/* Rules that are in the file, in order of their cards; how many. */
static size_t rules_by_card(const struct advdb_builder *b, const struct order *o, uint32_t *at,
			    struct placed *out)
{
	for (size_t i = 0; i < b->rules.n; i++)
		if (o->card_at.v[b->rules.v[i].card] != UINT32_MAX)
			at[o->card_at.v[b->rules.v[i].card] + 1]++;
	sum_up(at, o->cards.n);
	for (uint32_t i = 0; i < b->rules.n; i++) {
		const struct built_rule *rule = &b->rules.v[i];
		uint32_t card = o->card_at.v[rule->card];

		if (card != UINT32_MAX)
			out[at[card]++] = (struct placed){i, card, b->keys.v[rule->key].order};
	}
	return o->cards.n ? at[o->cards.n - 1] : 0;
}

/* The same by key, where those of one card stay together. */
static void rules_by_key(const struct advdb_builder *b, uint32_t *at, const struct placed *in,
			 size_t n, struct placed *out)
{
	for (size_t i = 0; i < n; i++)
		at[in[i].key + 1]++;
	sum_up(at, b->keys.n);
	for (size_t i = 0; i < n; i++)
		out[at[in[i].key]++] = in[i];
}

/* Takes over rules in order, and the keys that have any. */
static void take_rules(struct advdb_builder *b, struct order *o, const struct placed *in, size_t n)
{
	size_t end;

	for (size_t i = 0; i < n; i = end) {
		size_t first = o->rules.n;

		if (i == 0 || in[i].key != in[i - 1].key) {
			o->keys.v[o->keys.n++] = b->by_name.v[in[i].key];
			o->first.v[o->first.n++] = (uint32_t)first;
		}
		for (end = i; end < n && in[end].key == in[i].key && in[end].card == in[i].card;)
			o->rules.v[o->rules.n++] = in[end++].id;
		if (end - i > 1)
			o->rules.n = first + order_equals(b, o->rules.v + first, end - i);
	}
	o->first.v[o->first.n++] = (uint32_t)o->rules.n;
}

static bool order_rules(struct advdb_builder *b, struct order *o)
{
	size_t n = b->rules.n;
	struct placed *by_card = calloc(n + 1, sizeof *by_card);
	struct placed *by_key = calloc(n + 1, sizeof *by_key);
	uint32_t *at = calloc(MAX_OF(o->cards.n, b->keys.n) + 2, sizeof *at);
	bool good = by_card && by_key && at && order_keys(b) && VEC_RESERVE(&o->rules, n + 1) &&
		    VEC_RESERVE(&o->keys, b->keys.n + 1) && VEC_RESERVE(&o->first, b->keys.n + 1);

	if (good) {
		n = rules_by_card(b, o, at, by_card);
		memset(at, 0, (MAX_OF(o->cards.n, b->keys.n) + 2) * sizeof *at);
		rules_by_key(b, at, by_card, n, by_key);
		take_rules(b, o, by_key, n);
	}
	free(at);
	free(by_key);
	free(by_card);
	return good;
}

enum rmg_rc advdb_order(struct advdb_builder *b, struct order *o)
{
	if (!sweep(b) || !order_sources(b, o) || !order_cards(b, o) || !order_rules(b, o))
		builder_fail(b, RMG_E_NOMEM);
	return b->rc;
}

void advdb_order_done(struct order *o)
{
	VEC_DONE(&o->sources);
	VEC_DONE(&o->cards);
	VEC_DONE(&o->keys);
	VEC_DONE(&o->rules);
	VEC_DONE(&o->first);
	VEC_DONE(&o->card_at);
}
