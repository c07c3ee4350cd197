/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/sample.h"

#include <stdio.h>

#include "base/hash.h"

/* Stands for SHA-256. */
static void hash32(struct span bytes, uint8_t out[32])
{
	uint64_t hash = hash_span(bytes);

	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(hash >> i % 8 * 8);
}

uint32_t sample_random(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(*state >> 4) * below >> 28);
}

struct span sample_name(uint32_t i, char buf[32])
{
	return span_of(buf, (size_t)snprintf(buf, 32, "pkg%u", i));
}

static void add_advisory(struct advdb_builder *b, uint32_t source, uint32_t i,
			 const struct sample_said *a)
{
	char id[32], name[32], fixed[32];
	struct adv_card card = {.severity = (enum adv_severity)a->severity, .source = source};
	struct adv_event events[2] = {{EV_INTRODUCED, S("0")}, {EV_FIXED, {0}}};
	struct adv_rule rule = {.source = source, .n_events = a->has_fix ? 2 : 1};

	card.id = card.canonical = span_of(id, (size_t)snprintf(id, 32, "CVE-2026-%04u", i));
	card.severity_from = S("ghsa");
	events[1].version = span_of(fixed, (size_t)snprintf(fixed, 32, "%u.0", a->fixed));
	rule.card = advdb_add_card(b, &card, NULL, NULL, NULL);
	advdb_add_rule(b, i % 2 ? S("npm") : S("Debian:12"), sample_name(a->name, name), &rule,
		       events, NULL);
	if (a->epss)
		advdb_add_epss(b, card.id, a->epss / 1000.0, 0.5);
	if (a->kev)
		advdb_add_kev(b, card.id, S("2026-01-01"), S("2026-02-01"));
}

void sample_db(struct sample_db *d, const struct sample_said *said)
{
	struct adv_source source = {.name = S("osv")};
	struct span bytes;
	uint32_t id;

	CHECK(advdb_builder_new(&d->b) == RMG_OK);
	id = advdb_add_source(d->b, &source);
	for (uint32_t i = 0; i < SAMPLE_ADVISORIES; i++)
		if (said[i].there)
			add_advisory(d->b, id, i, &said[i]);
	CHECK(advdb_builder_done(d->b, S("2026-11-24T00:00:00Z"), hash32, &bytes, NULL, NULL) ==
	      RMG_OK);
	CHECK(advdb_of(bytes, &d->db, NULL) == RMG_OK);
}

void sample_say(struct sample_said *said, uint32_t *random, uint32_t n)
{
	while (n--) {
		struct sample_said *a = &said[sample_random(random, SAMPLE_ADVISORIES)];

		a->there = sample_random(random, 5) != 0;
		a->kev = sample_random(random, 4) == 0;
		a->has_fix = sample_random(random, 3) != 0;
		a->name = sample_random(random, SAMPLE_NAMES);
		a->severity = 1 + sample_random(random, 5);
		a->fixed = 1 + sample_random(random, 9);
		a->epss = sample_random(random, 1000);
	}
}
