/* SPDX-License-Identifier: Apache-2.0 */
#include "node/repeats.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"

enum { HELD_BYTES = 8 << 20, MOST_SOURCES = 1000 };

struct held {
	size_t at, n;
	bool detail;
};

struct said { /* by one source */
	char *source;
	uint64_t epoch;
	bool whole;   /* a snapshot of this epoch was kept: who hears it knows what is open */
	bool inside;  /* a snapshot */
	bool holding; /* it */
	bool news;    /* it says something of a use that was not known */
	struct map open, mentioned; /* by hash of the container */
	struct strbuf text;         /* what is held */
	VEC(struct held) held;
};

struct repeats {
	VEC(struct said *) all;
	VEC(char *) given; /* texts that items point into */
};

bool event_is_detail(const struct event *e)
{
	return e->type != EVENT_USE_BEGAN && e->type != EVENT_USE_ENDED &&
	       e->type != EVENT_SNAPSHOT_BEGAN && e->type != EVENT_SNAPSHOT_ENDED;
}

struct repeats *repeats_new(void)
{
	return calloc(1, sizeof(struct repeats));
}

static void said_free(struct said *s)
{
	free(s->source);
	map_done(&s->open);
	map_done(&s->mentioned);
	strbuf_done(&s->text);
	VEC_DONE(&s->held);
	free(s);
}

void repeats_forget(struct repeats *r)
{
	VEC_EACH (it, &r->given)
		free(*it);
	r->given.n = 0;
}

void repeats_doubt(struct repeats *r)
{
	VEC_EACH (it, &r->all)
		(*it)->whole = (*it)->inside = false;
}

void repeats_free(struct repeats *r)
{
	if (r == NULL)
		return;
	repeats_forget(r);
	VEC_DONE(&r->given);
	VEC_EACH (it, &r->all)
		said_free(*it);
	VEC_DONE(&r->all);
	free(r);
}

static struct said *said_of(struct repeats *r, struct span source)
{
	struct said *s;

	VEC_EACH (it, &r->all)
		if (span_is(span_cstr((*it)->source), source))
			return *it;
	if (r->all.n == MOST_SOURCES)
		return NULL;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->text = strbuf_of(HELD_BYTES);
	s->source = span_dup(source);
	if (s->source == NULL || !VEC_PUSH(&r->all, s)) {
		said_free(s);
		return NULL;
	}
	return s;
}

/* What was held is to be kept after all. */
static bool let_go(struct repeats *r, struct said *s, struct spool_items *out)
{
	bool good = true;

	s->holding = false;
	if (s->held.n == 0)
		return true;
	good = VEC_PUSH(&r->given, s->text.p);
	for (size_t i = 0; good && i < s->held.n; i++) {
		const struct held *h = &s->held.v[i];
		struct spool_item item = {span_of(s->text.p + h->at, h->n), h->detail};

		good = VEC_PUSH(&out->list, item);
	}
	if (good)
		s->text = strbuf_of(HELD_BYTES);
	s->held.n = 0;
	return good;
}

static void drop_held(struct said *s)
{
	s->holding = false;
	s->held.n = 0;
	strbuf_done(&s->text);
	s->text = strbuf_of(HELD_BYTES);
}

static bool hold(struct said *s, struct span line, bool detail)
{
	struct held h = {s->text.n, line.n, detail};

	strbuf_put(&s->text, line);
	return strbuf_rc(&s->text) == RMG_OK && VEC_PUSH(&s->held, h);
}

/* What the event makes of the uses that are open. */
static bool note_use(struct said *s, const struct event *e)
{
	uint64_t key = hash_span(e->container);
	uint32_t have;

	if (e->type == EVENT_USE_BEGAN) {
		s->news |= !map_has(&s->open, key);
		return map_add(&s->open, key, 0, &have) && map_add(&s->mentioned, key, 0, &have);
	}
	if (e->type == EVENT_USE_ENDED && map_has(&s->open, key)) {
		s->news = true;
		map_remove(&s->open, key, 0);
		if (map_has(&s->mentioned, key))
			map_remove(&s->mentioned, key, 0);
	}
	return true;
}

static void begin(struct said *s, const struct event *e, bool away)
{
	s->inside = true;
	s->news = false;
	s->holding = away && s->whole && e->scope.n == 0;
	map_clear(&s->mentioned);
}

/* Whether the whole snapshot is no news. */
static bool end(struct said *s)
{
	struct map open = s->open;
	bool nothing;

	if (!s->inside)
		return false;
	nothing = s->holding && !s->news && s->mentioned.n == s->open.n;
	s->open = s->mentioned;
	s->mentioned = open;
	s->inside = false;
	s->whole = true;
	return nothing;
}

static void other_epoch(struct said *s, uint64_t epoch)
{
	s->epoch = epoch;
	s->whole = s->inside = false;
	map_clear(&s->open);
	map_clear(&s->mentioned);
}

enum rmg_rc repeats_take(struct repeats *r, const struct event *e, struct span line, bool away,
			 struct spool_items *out, struct rmg_err *err)
{
	struct said *s = said_of(r, e->source);
	struct spool_item item = {line, event_is_detail(e)};
	bool good = true;

	if (s && e->epoch != s->epoch) {
		good = let_go(r, s, out);
		other_epoch(s, e->epoch);
	}
	if (good && s && e->type == EVENT_SNAPSHOT_BEGAN) {
		good = let_go(r, s, out); /* one that broke off */
		begin(s, e, away);
	}
	if (good && s)
		good = note_use(s, e);
	if (good && s && e->type == EVENT_SNAPSHOT_ENDED && end(s)) {
		drop_held(s);
		return RMG_OK;
	}
	if (good && s && s->holding && s->inside && hold(s, line, item.detail))
		return RMG_OK;
	if (good && s)
		good = let_go(r, s, out);
	good = good && VEC_PUSH(&out->list, item);
	return good ? RMG_OK : err_set(err, RMG_E_NOMEM, "no memory for events");
}
