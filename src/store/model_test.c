/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories against a model: what is put, replaced, deleted, rolled back and read again
 * after another opening is what plain arrays say. One seed gives one history. */
#include "store/store.h"

#include "../tests/store_fixture.h"

enum { KEYS = 12, LOG = 400, STEPS = 1500 };

struct model {
	uint64_t sources[KEYS]; /* seq + 1 by name; 0: not there */
	struct {
		bool there;
		int64_t ended_ms;
		uint32_t image;
	} uses[KEYS];
	int64_t tags[KEYS][4]; /* last_ms by reference and beginning */
	struct {
		bool there;
		uint64_t id;
		uint32_t attempts;
	} outbox[KEYS];
	uint64_t stream, inbox, outbox_ids;
	uint64_t waiting[LOG]; /* ids in the inbox, ascending */
	size_t n_waiting;
};

static uint64_t state64;

static uint32_t draw(uint32_t below)
{
	state64 = state64 * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state64 >> 33) % below;
}

/* Names that sort otherwise in a language than by bytes. */
static struct span name_of(uint32_t i)
{
	static const char *const names[KEYS] = {"A", "a", "B",  "b",   "\xc3\xa4", "z",
						"Z", "-", "_a", "a_b", "aB",       "~"};

	return span_cstr(names[i]);
}

static uint32_t by_name[KEYS]; /* indexes in the order of bytes */

static int compare_names(const void *a, const void *b)
{
	return span_cmp(name_of(*(const uint32_t *)a), name_of(*(const uint32_t *)b));
}

/* Steps: each does the same to both. */

static void put_source(struct store *st, struct model *m)
{
	uint32_t i = draw(KEYS);
	struct source_row row = {.source = name_of(i), .seq = draw(1000)};

	OK(store_source_put(st, &row, &err));
	m->sources[i] = row.seq + 1;
}

static void put_use(struct store *st, struct model *m)
{
	uint32_t i = draw(KEYS);
	struct use_row row = {.id = i + 1, .image = draw(5), .ended_ms = draw(2) * draw(100)};

	OK(store_use_put(st, &row, &err));
	m->uses[i].there = true;
	m->uses[i].ended_ms = row.ended_ms;
	m->uses[i].image = row.image;
}

static void put_tag(struct store *st, struct model *m)
{
	uint32_t i = draw(KEYS), first = draw(4);
	struct tag_row row = {
	    .ref = name_of(i), .digest = S("d"), .first_ms = first, .last_ms = 1 + draw(100)};

	OK(store_tag_put(st, &row, &err));
	m->tags[i][first] = row.last_ms;
}

static void add_outbox(struct store *st, struct model *m)
{
	uint32_t i = draw(KEYS);
	struct outbox_row row = {.sink = S("s"), .dedupe = name_of(i), .state = S("waiting")};
	bool added = false;

	OK(store_outbox_add(st, &row, &added, &err));
	assert_int_equal(added, !m->outbox[i].there);
	m->outbox_ids++;
	if (!added)
		return;
	m->outbox[i].there = true;
	m->outbox[i].id = m->outbox_ids;
	m->outbox[i].attempts = 0;
}

static void update_outbox(struct store *st, struct model *m)
{
	uint32_t i = draw(KEYS);
	struct outbox_row row = {.id = m->outbox[i].id, .state = S("waiting")};

	if (!m->outbox[i].there)
		return;
	row.attempts = ++m->outbox[i].attempts;
	OK(store_outbox_update(st, &row, &err));
}

static void add_streams(struct store *st, struct model *m)
{
	struct stream_row stream = {.kind = S("event")};
	struct inbox_row inbox = {.kind = S("events")};

	OK(store_stream_add(st, &stream, &err));
	assert_int_equal(stream.seq, ++m->stream);
	if (m->n_waiting == LOG)
		return;
	OK(store_inbox_add(st, &inbox, &err));
	assert_int_equal(inbox.id, ++m->inbox);
	m->waiting[m->n_waiting++] = inbox.id;
}

static void take_inbox(struct store *st, struct model *m)
{
	if (m->n_waiting == 0)
		return;
	OK(store_inbox_delete(st, m->waiting[0], &err));
	m->n_waiting--;
	memmove(m->waiting, m->waiting + 1, m->n_waiting * sizeof m->waiting[0]);
}

/* What both say of themselves. */

static void say_model_tags(const struct model *m, uint32_t i)
{
	for (int first = 3; first >= 0; first--)
		if (m->tags[i][first])
			say("%.*s d  %d-%lld\n", T(name_of(i)), first, LL(m->tags[i][first]));
}

static void say_model(const struct model *m)
{
	for (uint32_t k = 0; k < KEYS; k++)
		if (m->sources[by_name[k]])
			say("%.*s  0 %llu\n", T(name_of(by_name[k])),
			    LL(m->sources[by_name[k]] - 1));
	for (uint32_t i = 0; i < KEYS; i++)
		if (m->uses[i].there && m->uses[i].ended_ms == 0)
			say("%u %u 0  0-0\n", i + 1, m->uses[i].image);
	for (uint32_t i = 0; i < KEYS; i++)
		say_model_tags(m, i);
	for (uint64_t id = 1; id <= m->outbox_ids; id++)
		for (uint32_t i = 0; i < KEYS; i++)
			if (m->outbox[i].there && m->outbox[i].id == id)
				say("%llu s %.*s waiting %u \n", LL(id), T(name_of(i)),
				    m->outbox[i].attempts);
	for (size_t i = 0; i < m->n_waiting && i < 20; i++)
		say("%llu events 0\n", LL(m->waiting[i]));
}

static void say_store(struct store *st)
{
	OK(store_source_each(st, say_source, NULL, &err));
	OK(store_use_open_each(st, say_use, NULL, &err));
	for (uint32_t i = 0; i < KEYS; i++)
		OK(store_tag_history(st, name_of(i), say_tag, NULL, &err));
	OK(store_outbox_each(st, S(""), say_outbox, NULL, &err));
	OK(store_inbox_each(st, 20, say_inbox, NULL, &err));
}

static void compare(struct store *st, const struct model *m)
{
	char want[sizeof got];

	got[0] = '\0';
	say_model(m);
	memcpy(want, got, sizeof want);
	got[0] = '\0';
	say_store(st);
	assert_string_equal(got, want);
}

typedef void step_fn(struct store *st, struct model *m);
static step_fn *const steps[] = {put_source,    put_use,     put_tag,   add_outbox,
				 update_outbox, add_streams, take_inbox};

static void test_random_histories(void **state)
{
	static struct model committed, m;
	struct store *st = *state;

	memset(&m, 0, sizeof m);
	committed = m;
	state64 = 20240329;
	for (uint32_t i = 0; i < KEYS; i++)
		by_name[i] = i;
	qsort(by_name, KEYS, sizeof by_name[0], compare_names);
	OK(store_begin(st, &err));
	for (unsigned i = 0; i < STEPS; i++) {
		uint32_t what = draw(40);

		if (what >= 5) {
			steps[what % COUNT_OF(steps)](st, &m);
			continue;
		}
		if (what < 3) {
			OK(store_commit(st, &err));
			committed = m;
		} else {
			store_rollback(st);
			m = committed;
		}
		if (what == 0)
			*state = st = reopen(st);
		compare(st, &m);
		OK(store_begin(st, &err));
		compare(st, &m);
	}
	compare(st, &m);
	store_rollback(st);
}

int main(void)
{
	const struct CMUnitTest sqlite[] = {SQLITE(test_random_histories)};
	const struct CMUnitTest pg[] = {PG(test_random_histories)};

	return cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL) + RUN_PG(pg);
}
