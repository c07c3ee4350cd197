/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/advdb.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/rd.h"
#include "vuln/advdb_layout.h"

static const uint8_t element_bytes[ADVDB_SECTIONS] = {
#define X(name, bytes) [AT_##name] = (bytes),
    ADVDB_SECTIONS_X
#undef X
};

/* A reader over element i; an empty one, and the file is bad, where there is none. */
static struct rd element(struct advdb *db, enum advdb_section section, uint64_t i)
{
	size_t bytes = element_bytes[section];
	struct span s;

	/* That all n elements lie inside was checked on opening, so the product is small. */
	if (i >= db->at[section].n ||
	    !span_at(db->bytes, db->at[section].off + i * bytes, bytes, &s)) {
		db->bad = true;
		s = (struct span){0};
	}
	return rd_of(s);
}

static struct span string_at(struct advdb *db, uint32_t ref)
{
	struct span blob, s = {0};
	struct rd r;

	if (!span_at(db->bytes, db->at[AT_STRINGS].off, db->at[AT_STRINGS].n, &blob) ||
	    ref >= blob.n) {
		db->bad = true;
		return s;
	}
	r = rd_of(span_from(blob, ref));
	s = rd_take(&r, rd_varint(&r));
	if (!rd_ok(&r))
		db->bad = true;
	return s;
}

static struct span string_of(struct advdb *db, struct rd *r)
{
	return string_at(db, rd_u32le(r));
}

/* How many elements of each words a list has; 0, and the file is bad, where they are not all there.
 */
static uint32_t list_len(struct advdb *db, uint32_t list, uint32_t words)
{
	struct rd r = element(db, AT_LISTS, list);
	uint32_t n = rd_u32le(&r);

	if ((uint64_t)list + 1 + (uint64_t)n * words > db->at[AT_LISTS].n) {
		db->bad = true;
		return 0;
	}
	return n;
}

static uint32_t list_word(struct advdb *db, uint32_t list, uint64_t i)
{
	struct rd r = element(db, AT_LISTS, list + UINT64_C(1) + i);

	return rd_u32le(&r);
}

static bool section_of(struct advdb *db, struct rd *r, enum advdb_section section)
{
	uint64_t off = rd_u64le(r), n = rd_u64le(r), bytes;
	struct span s;

	if (n > UINT32_MAX || off < ADVDB_START ||
	    __builtin_mul_overflow(n, element_bytes[section], &bytes) ||
	    !span_at(db->bytes, off, bytes, &s))
		return false;
	db->at[section].off = off;
	db->at[section].n = n;
	return true;
}

enum rmg_rc advdb_of(struct span bytes, struct advdb *out, struct rmg_err *err)
{
	struct advdb db = {.bytes = bytes};
	struct rd r = rd_of(bytes);
	struct span magic = rd_take(&r, AT_VERSION), sha256;
	uint32_t version = rd_u32le(&r), built;
	uint64_t size;

	if (!rd_ok(&r) || !span_is(magic, S(ADVDB_MAGIC)))
		return err_set(err, RMG_E_DB, "not an advisory database");
	if (version != ADVDB_VERSION)
		return err_set(err, RMG_E_DB,
			       "the advisory database has format %u, this program reads %d",
			       version, ADVDB_VERSION);
	rd_skip(&r, 4);
	size = rd_u64le(&r);
	rd_skip(&r, 8);
	sha256 = rd_take(&r, sizeof db.sha256);
	built = rd_u32le(&r);
	if (rd_u32le(&r) != ADVDB_SECTIONS || size != bytes.n)
		return err_set(err, RMG_E_DB, "the advisory database is cut off or damaged");
	for (enum advdb_section i = 0; i < ADVDB_SECTIONS; i++)
		if (!section_of(&db, &r, i))
			return err_set(err, RMG_E_DB, "the advisory database is damaged");
	memcpy(db.sha256, sha256.p, sizeof db.sha256);
	db.n_sources = (uint32_t)db.at[AT_SOURCES].n;
	db.n_keys = (uint32_t)db.at[AT_KEYS].n;
	db.n_rules = (uint32_t)db.at[AT_RULES].n;
	db.n_cards = (uint32_t)db.at[AT_CARDS].n;
	db.built = string_at(&db, built);
	if (db.bad || db.at[AT_SLOTS].n == 0 || (db.at[AT_SLOTS].n & (db.at[AT_SLOTS].n - 1)) != 0)
		return err_set(err, RMG_E_DB, "the advisory database is damaged");
	*out = db;
	return RMG_OK;
}

enum rmg_rc advdb_verify(const struct advdb *db, advdb_hash_fn *sha256, struct rmg_err *err)
{
	uint8_t is[sizeof db->sha256];

	sha256(span_from(db->bytes, AT_CONTENT), is);
	if (memcmp(is, db->sha256, sizeof is) != 0)
		return err_set(err, RMG_E_DB,
			       "the advisory database is damaged: its hash does not fit");
	return RMG_OK;
}

struct adv_range advdb_find(struct advdb *db, struct span ecosystem, struct span name)
{
	uint64_t slots = db->at[AT_SLOTS].n;
	uint64_t slot = path_child(hash_span(ecosystem), hash_span(name));

	for (uint64_t i = 0; i < slots; i++, slot++) {
		struct rd r = element(db, AT_SLOTS, slot & (slots - 1));
		uint32_t key = rd_u32le(&r);
		struct adv_key is;

		if (key == 0)
			break;
		if (!advdb_key(db, key - 1, &is))
			break;
		if (span_is(is.name, name) && span_is(is.ecosystem, ecosystem))
			return is.rules;
	}
	return (struct adv_range){0};
}

bool advdb_covers(struct advdb *db, struct span ecosystem)
{
	uint64_t low = 0, high = db->at[AT_ECOSYSTEMS].n;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		struct rd r = element(db, AT_ECOSYSTEMS, mid);
		int order = span_cmp(string_of(db, &r), ecosystem);

		if (order == 0)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool advdb_key(struct advdb *db, uint32_t i, struct adv_key *out)
{
	struct rd r = element(db, AT_KEYS, i);
	struct adv_key key;

	if (!rd_more(&r))
		return false;
	key.ecosystem = string_of(db, &r);
	key.name = string_of(db, &r);
	key.rules.first = rd_u32le(&r);
	key.rules.n = rd_u32le(&r);
	key.content = rd_u64le(&r);
	key.scores = rd_u64le(&r);
	if ((uint64_t)key.rules.first + key.rules.n > db->n_rules) {
		db->bad = true;
		return false;
	}
	*out = key;
	return true;
}

bool advdb_source(struct advdb *db, uint32_t i, struct adv_source *out)
{
	struct rd r = element(db, AT_SOURCES, i);

	if (!rd_more(&r))
		return false;
	out->name = string_of(db, &r);
	out->fetched = string_of(db, &r);
	out->starter = rd_u32le(&r) & SOURCE_STARTER;
	rd_skip(&r, 4);
	out->count = rd_u64le(&r);
	return true;
}

/* A byte of the file as a value of an enumeration; 0, and the file is bad, where it is none. */
static unsigned enum_of(struct advdb *db, struct rd *r, unsigned last)
{
	uint8_t value = rd_u8(r);

	if (value <= last)
		return value;
	db->bad = true;
	return 0;
}

bool advdb_rule(struct advdb *db, uint32_t i, struct adv_rule *out)
{
	struct rd r = element(db, AT_RULES, i);

	if (!rd_more(&r))
		return false;
	*out = (struct adv_rule){.card = rd_u32le(&r)};
	out->events = rd_u32le(&r);
	out->versions = rd_u32le(&r);
	out->status_text = string_of(db, &r);
	out->module = string_of(db, &r);
	out->status = (enum adv_status)enum_of(db, &r, ADV_END_OF_LIFE);
	out->severity = (enum adv_severity)enum_of(db, &r, SEV_CRITICAL);
	out->source = rd_u16le(&r);
	out->n_events = list_len(db, out->events, 1);
	out->n_versions = list_len(db, out->versions, 1);
	return true;
}

bool advdb_event(struct advdb *db, const struct adv_rule *rule, uint32_t i, struct adv_event *out)
{
	uint32_t word;

	if (i >= rule->n_events)
		return false;
	word = list_word(db, rule->events, i);
	out->kind = (enum adv_event_kind)(word & 3);
	out->version = string_at(db, word >> 2);
	return true;
}

bool advdb_version(struct advdb *db, const struct adv_rule *rule, uint32_t i, struct span *out)
{
	if (i >= rule->n_versions)
		return false;
	*out = string_at(db, list_word(db, rule->versions, i));
	return true;
}

bool advdb_card(struct advdb *db, uint32_t i, struct adv_card *out)
{
	struct rd r = element(db, AT_CARDS, i);
	uint8_t flags;

	if (!rd_more(&r))
		return false;
	*out = (struct adv_card){.id = string_of(db, &r)};
	out->canonical = string_of(db, &r);
	out->summary = string_of(db, &r);
	out->url = string_of(db, &r);
	out->published = string_of(db, &r);
	out->modified = string_of(db, &r);
	out->withdrawn = string_of(db, &r);
	out->severity_from = string_of(db, &r);
	out->kev_added = string_of(db, &r);
	out->kev_due = string_of(db, &r);
	out->epss = rd_u32le(&r) / EPSS_UNIT;
	out->epss_percentile = rd_u32le(&r) / EPSS_UNIT;
	out->severity = (enum adv_severity)enum_of(db, &r, SEV_CRITICAL);
	flags = rd_u8(&r);
	out->has_epss = flags & CARD_EPSS;
	out->has_kev = flags & CARD_KEV;
	out->source = rd_u16le(&r);
	out->aliases = rd_u32le(&r);
	out->cvss = rd_u32le(&r);
	out->symbols = rd_u32le(&r);
	out->n_aliases = list_len(db, out->aliases, 1);
	out->n_cvss = list_len(db, out->cvss, CVSS_WORDS);
	out->n_symbols = list_len(db, out->symbols, 1);
	return true;
}

bool advdb_alias(struct advdb *db, const struct adv_card *card, uint32_t i, struct span *out)
{
	if (i >= card->n_aliases)
		return false;
	*out = string_at(db, list_word(db, card->aliases, i));
	return true;
}

bool advdb_symbol(struct advdb *db, const struct adv_card *card, uint32_t i, struct span *out)
{
	if (i >= card->n_symbols)
		return false;
	*out = string_at(db, list_word(db, card->symbols, i));
	return true;
}

bool advdb_cvss(struct advdb *db, const struct adv_card *card, uint32_t i, struct adv_cvss *out)
{
	uint64_t at = (uint64_t)i * CVSS_WORDS;

	if (i >= card->n_cvss)
		return false;
	out->version = string_at(db, list_word(db, card->cvss, at));
	out->vector = string_at(db, list_word(db, card->cvss, at + 1));
	out->source = string_at(db, list_word(db, card->cvss, at + 2));
	out->score = list_word(db, card->cvss, at + 3) / CVSS_UNIT;
	return true;
}

static int key_cmp(const struct adv_key *a, const struct adv_key *b)
{
	int order = span_cmp(a->ecosystem, b->ecosystem);

	return order ? order : span_cmp(a->name, b->name);
}

void advdb_diff(struct advdb *older, struct advdb *newer, advdb_diff_fn *fn, void *user)
{
	struct adv_key was, is;
	uint32_t i = 0, k = 0;
	bool more = true;

	while (more) {
		bool left = i < older->n_keys && advdb_key(older, i, &was);
		bool right = k < newer->n_keys && advdb_key(newer, k, &is);
		int order;

		if (!left && !right)
			break;
		order = left && right ? key_cmp(&was, &is) : left ? -1 : 1;
		if (order != 0 || was.content != is.content || was.scores != is.scores)
			more = fn(user, order <= 0 ? &was : NULL, order >= 0 ? &is : NULL);
		i += order <= 0;
		k += order >= 0;
	}
}
