/* SPDX-License-Identifier: Apache-2.0 */
/* starter.c - reads data/starter.tsv: a line per advisory and package,
 *
 *     id  aliases  ecosystem  package  versions  severity  published  kev  summary
 *
 * separated by tabs; "-" is an empty field; aliases are separated by blanks; versions are intervals
 * "[from,to)" (to is fixed), "[from,to]" (to is the last affected) and "[from,)" (no fix),
 * separated by blanks; kev is the day when it was listed as exploited. '#' begins a comment line.
 */
#include "feed/starter.h"

#include "base/rd.h"
#include "feed/input.h"

enum field { ID, ALIASES, ECOSYSTEM, PACKAGE, VERSIONS, SEVERITY, PUBLISHED, KEV, SUMMARY, FIELDS };

static bool take_interval(struct input *in, struct span text)
{
	struct span from, to, inner;
	bool closed = span_ends(text, S("]"));

	if (text.n < 4 || text.p[0] != '[' || (!closed && !span_ends(text, S(")"))))
		return false;
	inner = span_head(span_from(text, 1), text.n - 2);
	if (!span_cut(inner, ',', &from, &to) || from.n == 0 || (closed && to.n == 0))
		return false;
	if (!VEC_PUSH(&in->events, (struct adv_event){EV_INTRODUCED, from}))
		return false;
	return to.n == 0 ||
	       VEC_PUSH(&in->events, (struct adv_event){closed ? EV_LAST_AFFECTED : EV_FIXED, to});
}

static bool take_line(struct input *in, struct span line)
{
	struct span field[FIELDS], word;
	struct adv_card card = {.source = in->source, .severity_from = S("starter")};
	struct adv_rule rule = {.source = in->source, .status = ADV_AFFECTED};

	for (size_t i = 0; i < FIELDS; i++) {
		if (!span_next(&line, '\t', &field[i]) || field[i].n == 0)
			return false;
		if (span_is(field[i], S("-")))
			field[i] = (struct span){0};
	}
	in->aliases.n = in->events.n = 0;
	while (span_word(&field[ALIASES], &word))
		if (!VEC_PUSH(&in->aliases, word))
			return false;
	while (span_word(&field[VERSIONS], &word))
		if (!take_interval(in, word))
			return false;
	if (in->events.n == 0 || !severity_word(field[SEVERITY], &card.severity))
		return false;
	card.id = field[ID];
	card.summary = field[SUMMARY];
	card.published = field[PUBLISHED];
	card.kev_added = field[KEV];
	card.has_kev = field[KEV].n != 0;
	card.n_aliases = (uint32_t)in->aliases.n;
	if (is_cve(card.id))
		card.url =
		    ARENA_JOIN(&in->scratch, S("https://www.cve.org/CVERecord?id="), card.id);
	rule.card = advdb_add_card(in->b, &card, in->aliases.v, NULL, NULL);
	rule.n_events = (uint32_t)in->events.n;
	advdb_add_rule(in->b, ecosystem_key(field[ECOSYSTEM]),
		       ecosystem_name(field[ECOSYSTEM], field[PACKAGE], &in->scratch), &rule,
		       in->events.v, NULL);
	in->count++;
	return true;
}

enum rmg_rc starter_take(struct input *in, struct span tsv, struct rmg_err *err)
{
	struct rd r = rd_of(tsv);

	for (unsigned n = 1; rd_more(&r); n++) {
		struct span line = rd_line(&r);

		arena_reset(&in->scratch);
		if (line.n && line.p[0] != '#' && !take_line(in, line))
			return err_set(err, RMG_E_FORMAT, "starter set, line %u", n);
	}
	return RMG_OK;
}
