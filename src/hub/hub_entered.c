/* SPDX-License-Identifier: Apache-2.0 */
/* hub_entered.c - somebody enters a container: the cluster's admission knows who asked, the machine
 * what was started and as whom. What both say within JOIN_MS of one command is one entry. */
#include "base/err.h"
#include "hub/hub_inside.h"

enum { JOIN_MS = 60000 };

struct joining {
	struct change_row *row;
	struct arena *a;
};

/* The same command; a machine may say its terminal as well. */
static bool is_one(struct span a, struct span b)
{
	const struct span terminal = S(" (terminal ");
	struct span longer = a.n > b.n ? a : b, shorter = a.n > b.n ? b : a;

	return span_is(a, b) || (shorter.n && span_starts(longer, shorter) &&
				 span_starts(span_from(longer, shorter.n), terminal));
}

/* Whoever logged in somewhere is "uid N" to a machine: a cluster's name says more. */
static bool says_more(struct span who, struct span other)
{
	return other.n == 0 || (who.n && span_starts(other, S("uid ")));
}

static struct span both(struct arena *a, struct span x, struct span y)
{
	struct span parts[] = {x, S("; "), y};

	if (x.n == 0 || y.n == 0 || span_find(x, y) != SIZE_MAX)
		return x.n ? x : y;
	return span_find(y, x) != SIZE_MAX ? y : arena_join(a, parts, COUNT_OF(parts));
}

static enum rmg_rc look(void *user, const struct change_row *old)
{
	struct joining *j = user;
	struct event_change *c = &j->row->change;
	int64_t apart = old->at_ms - j->row->at_ms;

	if (!span_is(old->change.kind, S("entered")) || apart > JOIN_MS || apart < -JOIN_MS ||
	    !is_one(old->change.path, c->path))
		return RMG_OK;
	c->text = both(j->a, arena_dup(j->a, old->change.text), c->text);
	c->path = arena_dup(j->a, old->change.path);
	if (says_more(old->change.who, c->who))
		c->who = arena_dup(j->a, old->change.who);
	j->row->at_ms = MIN_OF(j->row->at_ms, old->at_ms);
	return RMG_E_STOPPED;
}

enum rmg_rc entered_join(struct tx *tx, struct change_row *row, struct arena *a)
{
	struct joining j = {.row = row, .a = a};
	enum rmg_rc rc = store_change_each(tx->st, row->use, look, &j, tx->err);

	if (rc == RMG_OK && arena_rc(a) != RMG_OK)
		rc = tx_no_memory(tx);
	return rc;
}
