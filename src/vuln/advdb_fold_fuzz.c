/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a database and as a folded one. The head is made to fit, so that mutations reach
 * what lies behind it. */
#include "vuln/advdb_fold.h"

#include "base/err.h"
#include "vuln/advdb.h"
#include "vuln/advdb_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop(struct span s)
{
	free((void *)(uintptr_t)s.p);
}

/* A file that folds comes back as it was. */
static void as_file(struct span s)
{
	struct span folded = {0}, again = {0};

	if (advdb_fold(s, &folded, NULL) != RMG_OK)
		return;
	CHECK(folded.n >= s.n);
	CHECK(advdb_unfold(folded, &again, NULL) == RMG_OK && span_is(again, s));
	drop(folded);
	drop(again);
}

static void as_folded(struct span s)
{
	struct span file = {0};

	if (advdb_unfold(s, &file, NULL) != RMG_OK)
		return;
	CHECK(file.n <= s.n);
	as_file(file);
	drop(file);
}

/* The elements of each section are a byte of the input; of the strings there are as many as make
 * it fit, if any number does. */
static void put_head(uint8_t *p, size_t size, bool folded)
{
	static const struct {
		uint8_t section, bytes, more;
	} parts[] = {{AT_SOURCES, 24, 0}, {AT_ECOSYSTEMS, 12, 3}, {AT_KEYS, 32, 4},
		     {AT_SLOTS, 4, 0},    {AT_RULES, 24, 5},      {AT_CARDS, 64, 13},
		     {AT_STRINGS, 1, 0},  {AT_LISTS, 4, 1}};
	uint64_t n[ADVDB_SECTIONS] = {0}, at = ADVDB_START, all = ADVDB_START;

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		n[parts[i].section] = p[AT_TABLE + 16u * parts[i].section];
		if (parts[i].section != AT_STRINGS)
			all += n[parts[i].section] *
			       (uint64_t)(parts[i].bytes + (folded ? parts[i].more : 0));
	}
	n[AT_STRINGS] = all <= size ? size - all : 0;
	memcpy(p, ADVDB_MAGIC, AT_VERSION);
	memset(p + AT_VERSION, 0, 4);
	p[AT_VERSION] = ADVDB_VERSION;
	memset(p + AT_SECTIONS, 0, 4);
	p[AT_SECTIONS] = ADVDB_SECTIONS;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		uint8_t *row = p + AT_TABLE + 16u * parts[i].section;

		for (size_t k = 0; k < 8; k++) {
			row[k] = (uint8_t)(at >> 8 * k);
			row[8 + k] = (uint8_t)(n[parts[i].section] >> 8 * k);
		}
		at += n[parts[i].section] * parts[i].bytes;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size > 65536)
		return 0;
	as_file(span_of(data, size));
	as_folded(span_of(data, size));
	if (size < ADVDB_START)
		return 0;
	copy = malloc(size);
	CHECK(copy != NULL);
	for (int folded = 0; folded < 2; folded++) {
		memcpy(copy, data, size);
		put_head(copy, size, folded);
		as_file(span_of(copy, size));
		as_folded(span_of(copy, size));
	}
	free(copy);
	return 0;
}
