/* SPDX-License-Identifier: Apache-2.0 */
/* Opens bytes as a database and follows every reference. The head is made to fit, so that mutations
 * reach what lies behind it. */
#include "base/hash.h"
#include "vuln/advdb.h"
#include "vuln/advdb_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIST_WALK = 32 };

static uint64_t seen; /* every byte handed out is read */

static void see(struct span s)
{
	seen += hash_span(s);
}

static void walk_rule(struct advdb *db, uint32_t i)
{
	struct adv_rule rule;
	struct adv_event event;
	struct span s;

	if (!advdb_rule(db, i, &rule))
		return;
	see(rule.status_text);
	see(rule.module);
	for (uint32_t k = 0; k < rule.n_events && k < LIST_WALK; k++)
		if (advdb_event(db, &rule, k, &event))
			see(event.version);
	for (uint32_t k = 0; k < rule.n_versions && k < LIST_WALK; k++)
		if (advdb_version(db, &rule, k, &s))
			see(s);
}

static void walk_card(struct advdb *db, uint32_t i)
{
	struct adv_card card;
	struct adv_cvss cvss;
	struct span s;

	if (!advdb_card(db, i, &card))
		return;
	see(card.id);
	see(card.summary);
	see(card.kev_due);
	for (uint32_t k = 0; k < LIST_WALK; k++) {
		if (advdb_alias(db, &card, k, &s))
			see(s);
		if (advdb_symbol(db, &card, k, &s))
			see(s);
		if (advdb_cvss(db, &card, k, &cvss))
			see(cvss.vector);
	}
}

static void walk(struct advdb *db)
{
	struct adv_source source;
	struct adv_key key;

	for (uint32_t i = 0; i < db->n_sources; i++)
		if (advdb_source(db, i, &source))
			see(source.name);
	for (uint32_t i = 0; i < db->n_rules; i++)
		walk_rule(db, i);
	for (uint32_t i = 0; i < db->n_cards; i++)
		walk_card(db, i);
	for (uint32_t i = 0; i < db->n_keys && i < 64; i++) {
		if (!advdb_key(db, i, &key))
			continue;
		(void)advdb_find(db, key.ecosystem, key.name);
		(void)advdb_covers(db, key.ecosystem);
	}
}

static bool see_diff(void *user, const struct adv_key *was, const struct adv_key *is)
{
	(void)user;
	see(was ? was->name : is->name);
	return true;
}

static void open_and_walk(struct span bytes)
{
	struct advdb db, other;

	if (advdb_of(bytes, &db, NULL) != RMG_OK)
		return;
	walk(&db);
	other = db;
	advdb_diff(&db, &other, see_diff, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size > 1 << 16)
		return 0;
	open_and_walk(span_of(data, size));
	if (size < ADVDB_START)
		return 0;
	copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	memcpy(copy, ADVDB_MAGIC, AT_VERSION);
	copy[AT_VERSION] = ADVDB_VERSION;
	memset(copy + AT_VERSION + 1, 0, 3);
	for (size_t i = 0; i < 8; i++)
		copy[AT_SIZE + i] = (uint8_t)((uint64_t)size >> 8 * i);
	open_and_walk(span_of(copy, size));
	free(copy);
	return 0;
}
