/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_check.c - a whole database followed from end to end, before it takes another's place. The
 * reader marks what leads outside; here all is read once. */
#include "base/err.h"
#include "vuln/advdb.h"

static void check_rule(struct advdb *db, uint32_t i)
{
	struct adv_rule rule;
	struct adv_event event;
	struct span version;
	bool good = advdb_rule(db, i, &rule) && rule.card < db->n_cards &&
		    rule.source < db->n_sources && rule.n_events + rule.n_versions != 0;

	for (uint32_t k = 0; good && k < rule.n_events; k++)
		good = advdb_event(db, &rule, k, &event);
	for (uint32_t k = 0; good && k < rule.n_versions; k++)
		good = advdb_version(db, &rule, k, &version);
	db->bad |= !good;
}

static void check_card(struct advdb *db, uint32_t i)
{
	struct adv_card card;
	struct adv_cvss cvss;
	struct span s;
	bool good = advdb_card(db, i, &card) && card.source < db->n_sources && card.id.n != 0;

	for (uint32_t k = 0; good && k < card.n_aliases; k++)
		good = advdb_alias(db, &card, k, &s);
	for (uint32_t k = 0; good && k < card.n_symbols; k++)
		good = advdb_symbol(db, &card, k, &s);
	for (uint32_t k = 0; good && k < card.n_cvss; k++)
		good = advdb_cvss(db, &card, k, &cvss);
	db->bad |= !good;
}

/* Keys in order, each with the rules that follow those of the one before, each found again. */
static void check_keys(struct advdb *db)
{
	struct adv_key key, before = {0};
	uint32_t rules = 0;

	for (uint32_t i = 0; i < db->n_keys && !db->bad; i++) {
		int order = 1;

		if (!advdb_key(db, i, &key))
			return;
		if (i > 0)
			order = span_cmp(key.ecosystem, before.ecosystem);
		if (order == 0)
			order = span_cmp(key.name, before.name);
		if (order <= 0 || key.rules.n == 0 || key.rules.first != rules ||
		    advdb_find(db, key.ecosystem, key.name).first != rules)
			db->bad = true;
		rules += key.rules.n;
		before = key;
	}
	db->bad |= rules != db->n_rules;
}

enum rmg_rc advdb_check(const struct advdb *db, struct rmg_err *err)
{
	struct advdb d = *db; /* a handle of our own: the flag bad is written */
	struct adv_source source;

	for (uint32_t i = 0; i < d.n_sources; i++)
		d.bad |= !advdb_source(&d, i, &source);
	check_keys(&d);
	for (uint32_t i = 0; i < d.n_rules && !d.bad; i++)
		check_rule(&d, i);
	for (uint32_t i = 0; i < d.n_cards && !d.bad; i++)
		check_card(&d, i);
	if (d.bad)
		return err_set(err, RMG_E_DB, "the advisory database is damaged");
	return RMG_OK;
}
