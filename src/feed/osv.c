/* SPDX-License-Identifier: Apache-2.0 */
/* osv.c - one record of the Open Source Vulnerability format (ossf.github.io/osv-schema, 1.x) as a
 * card and a rule per package. Files of records are osv_file.c's.
 *
 * A package's versions are the union of its ranges and of the versions that are listed; listed ones
 * that a range holds are not stored. GIT ranges speak of commits, which no package list has. */
#include "feed/input.h"
#include "feed/intervals.h"
#include "vuln/match.h"

enum { SUMMARY_BYTES = 240 };

/* Cuts at a line's end or where it gets long, between characters. */
static struct span short_text(struct span s)
{
	struct span line = span_head(s, MIN_OF(span_chr(s, '\n'), s.n));

	if (line.n <= SUMMARY_BYTES)
		return span_trim(line);
	line.n = SUMMARY_BYTES;
	while (line.n && (line.p[line.n] & 0xc0) == 0x80)
		line.n--;
	return span_trim(line);
}

/* Times before the format existed stand for "unknown" with some publishers. */
static struct span time_of(json *root, const char *key)
{
	struct span s = json_get_str(root, key);

	return span_starts(s, S("0001-")) ? (struct span){0} : s;
}

static struct span url_of(json *root)
{
	struct span first = {0};

	for (struct json_iter it = json_iter(json_get(root, "references")); json_next(&it);) {
		struct span url = json_get_str(it.value, "url");

		if (span_is(json_get_str(it.value, "type"), S("ADVISORY")))
			return url;
		if (first.n == 0)
			first = url;
	}
	return first;
}

static void take_names(struct input *in, struct span id, json *names)
{
	for (struct json_iter it = json_iter(names); json_next(&it);) {
		struct span name = json_str(it.value);
		bool have = name.n == 0 || span_is(name, id);

		/* The lists are short, but a hostile one is not: beyond that repeats are kept. */
		for (size_t i = 0; i < in->aliases.n && i < 64 && !have; i++)
			have = span_is(in->aliases.v[i], name);
		if (!have && !VEC_PUSH(&in->aliases, name))
			return;
	}
}

/* What a copy of a distribution's record is a copy of: "XSA-155" of "ALPINE-XSA-155". */
static struct span original_of(struct span id)
{
	static const char *const heads[] = {"DEBIAN-", "ALPINE-", "UBUNTU-"};

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct span head = span_cstr(heads[i]);

		/* "ALPINE-13661" is Alpine's own. */
		if (span_starts(id, head) && span_chr(span_from(id, head.n), '-') != SIZE_MAX)
			return span_from(id, head.n);
	}
	return id;
}

/* The one CVE that the record stands for: its id, that inside its id, or the only one among its
 * names. */
static struct span canonical_of(const struct input *in, struct span id)
{
	struct span found = {0};

	id = original_of(id);
	if (is_cve(id))
		return id;
	for (size_t i = 0; i < in->aliases.n; i++) {
		if (!is_cve(in->aliases.v[i]))
			continue;
		if (found.n)
			return id;
		found = in->aliases.v[i];
	}
	return found.n ? found : id;
}

static void take_vector(struct input *in, struct span vector, struct span from)
{
	struct adv_cvss cvss = {.vector = vector, .source = from};

	if (vector.n == 0)
		return;
	if (!cvss_score(vector, &cvss.score, &cvss.version)) {
		input_warn(in, "\"" SPAN_FMT "\" is no CVSS vector",
			   SPAN_ARG(span_head(vector, 120)));
		return;
	}
	for (size_t i = 0; i < in->cvss.n && i < 16; i++)
		if (span_is(in->cvss.v[i].vector, vector))
			return;
	if (!VEC_PUSH(&in->cvss, cvss))
		return;
}

/* severity[]: vectors into the list, a distribution's own word into *word. */
static void take_severities(struct input *in, json *list, struct span from, enum adv_severity *word,
			    struct span *word_from)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct span type = json_get_str(it.value, "type");
		struct span score = json_get_str(it.value, "score");

		if (span_starts(type, S("CVSS_")))
			take_vector(in, score, from);
		else if (severity_word(score, word))
			*word_from = span_is(type, S("Ubuntu")) ? S("ubuntu") : type;
	}
}

static double worst_score(const struct input *in)
{
	double worst = -1;

	for (size_t i = 0; i < in->cvss.n; i++)
		worst = MAX_OF(worst, in->cvss.v[i].score);
	return worst;
}

/* Who wrote the record, from its id: "ghsa" of "GHSA-...". */
static struct span publisher_of(struct input *in, struct span id)
{
	struct span head = span_head(id, MIN_OF(span_chr(id, '-'), id.n));
	uint8_t *p = arena_bytes(&in->scratch, head.n);

	if (p == NULL)
		return (struct span){0};
	for (size_t i = 0; i < head.n; i++)
		p[i] = to_lower(head.p[i]);
	return span_of(p, head.n);
}

static void severity_of_card(struct input *in, json *root, struct adv_card *card)
{
	json *specific = json_get(root, "database_specific");
	struct span from = publisher_of(in, card->id), word_from = {0};
	enum adv_severity word = SEV_UNKNOWN;
	double worst;

	take_severities(in, json_get(root, "severity"), from, &word, &word_from);
	for (struct json_iter it = json_iter(json_get(root, "affected")); json_next(&it);) {
		json *own = json_get(it.value, "database_specific");

		take_severities(in, json_get(it.value, "severity"), from, &word, &word_from);
		take_vector(in, json_get_str(own, "cvss"), from);
	}
	worst = worst_score(in);
	if (severity_word(json_get_str(specific, "severity"), &card->severity)) {
		card->severity_from = from;
	} else if (word != SEV_UNKNOWN) {
		card->severity = word;
		card->severity_from = word_from;
	} else if (worst >= 0) {
		card->severity = cvss_severity(worst);
		card->severity_from = S("cvss");
	}
}

/* Go: "import/path.Symbol" for each function that has the fault, the path alone where all of it
 * has. */
static void take_symbols(struct input *in, json *affected)
{
	json *imports = json_get(json_get(affected, "ecosystem_specific"), "imports");

	for (struct json_iter it = json_iter(imports); json_next(&it);) {
		struct span path = json_get_str(it.value, "path");
		json *symbols = json_get(it.value, "symbols");

		if (path.n && json_len(symbols) == 0 && !VEC_PUSH(&in->symbols, path))
			return;
		for (struct json_iter s = json_iter(symbols); path.n && json_next(&s);) {
			struct span name = json_str(s.value);

			if (name.n &&
			    !VEC_PUSH(&in->symbols, ARENA_JOIN(&in->scratch, path, S("."), name)))
				return;
		}
	}
}

static uint32_t add_card(struct input *in, json *root, struct span id)
{
	struct adv_card card = {.id = id, .source = in->source};

	in->aliases.n = in->cvss.n = in->symbols.n = 0;
	take_names(in, id, json_get(root, "aliases"));
	take_names(in, id, json_get(root, "upstream"));
	card.canonical = canonical_of(in, id);
	card.summary = short_text(json_get_str(root, "summary"));
	if (card.summary.n == 0)
		card.summary = short_text(json_get_str(root, "details"));
	card.url = url_of(root);
	card.published = time_of(root, "published");
	card.modified = time_of(root, "modified");
	card.withdrawn = json_get_str(root, "withdrawn");
	severity_of_card(in, root, &card);
	for (struct json_iter it = json_iter(json_get(root, "affected")); json_next(&it);)
		take_symbols(in, it.value);
	card.n_aliases = (uint32_t)in->aliases.n;
	card.n_cvss = (uint32_t)in->cvss.n;
	card.n_symbols = (uint32_t)in->symbols.n;
	return advdb_add_card(in->b, &card, in->aliases.v, in->cvss.v, in->symbols.v);
}

/* An object of one member, but read as any number of them: old records have two. */
static void take_event(struct input *in, json *event)
{
	static const struct {
		const char *key;
		enum adv_event_kind kind;
	} kinds[] = {
	    {"introduced", EV_INTRODUCED},
	    {"fixed", EV_FIXED},
	    {"last_affected", EV_LAST_AFFECTED},
	    {"limit", EV_LIMIT},
	};
	bool any = false;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct adv_event e = {kinds[i].kind, json_get_str(event, kinds[i].key)};

		any |= e.version.n != 0;
		if (e.version.n && !VEC_PUSH(&in->events, e))
			return;
	}
	if (!any)
		input_warn(in, "an event that is not known");
}

static void take_ranges(struct input *in, json *ranges, enum version_order order)
{
	in->events.n = 0;
	for (struct json_iter it = json_iter(ranges); json_next(&it);) {
		struct span type = json_get_str(it.value, "type");
		size_t first = in->events.n;

		if (span_is(type, S("GIT")))
			continue;
		if (!span_is(type, S("ECOSYSTEM")) && !span_is(type, S("SEMVER"))) {
			input_warn(in, "range type \"" SPAN_FMT "\" is not known", SPAN_ARG(type));
			continue;
		}
		for (struct json_iter e = json_iter(json_get(it.value, "events")); json_next(&e);)
			take_event(in, e.value);
		if (in->events.n > first)
			in->events.n =
			    first + intervals_of(in->events.v + first, in->events.n - first, order);
	}
}

static void take_versions(struct input *in, json *versions, enum version_order order)
{
	in->versions.n = 0;
	for (struct json_iter it = json_iter(versions); json_next(&it);) {
		struct span version = json_str(it.value);

		if (version.n == 0 || intervals_hold(in->events.v, in->events.n, order, version))
			continue;
		if (!VEC_PUSH(&in->versions, version))
			return;
	}
}

struct status_word {
	const char *word;
	enum adv_status status;
};

/* Ubuntu's states and Chainguard's events, as far as they say more than "affected". */
static const struct status_word status_words[] = {
    {"needs-triage", ADV_UNDER_INVESTIGATION},
    {"detection", ADV_UNDER_INVESTIGATION},
    {"needed", ADV_AFFECTED},
    {"pending", ADV_AFFECTED},
    {"released", ADV_AFFECTED},
    {"fixed", ADV_AFFECTED},
    {"true-positive-determination", ADV_AFFECTED},
    {"pending-upstream-fix", ADV_AFFECTED},
    {"deferred", ADV_WONT_FIX},
    {"ignored", ADV_WONT_FIX},
    {"fix-not-planned", ADV_WONT_FIX},
    {"analysis-not-planned", ADV_WONT_FIX},
    {"not-affected", ADV_NOT_AFFECTED},
    {"false-positive-determination", ADV_NOT_AFFECTED},
};

/* A fix that is known outweighs a state that is older than it. */
static void take_status(struct input *in, struct span word, struct adv_rule *rule)
{
	if (word.n == 0)
		return;
	for (size_t i = 0; i < COUNT_OF(status_words); i++) {
		if (!span_is(word, span_cstr(status_words[i].word)))
			continue;
		for (size_t k = 0; k < in->events.n; k++)
			if (in->events.v[k].kind == EV_FIXED)
				return;
		rule->status = status_words[i].status;
		if (!span_is(word, S("released")) && !span_is(word, S("fixed")))
			rule->status_text = word;
		return;
	}
	input_warn(in, "status \"" SPAN_FMT "\" is not known", SPAN_ARG(word));
}

static void take_specifics(struct input *in, json *affected, struct adv_rule *rule)
{
	json *eco = json_get(affected, "ecosystem_specific");
	struct span urgency = json_get_str(eco, "urgency");
	struct span severity = json_get_str(eco, "severity");

	take_status(in, json_get_str(eco, "ubuntu_status"), rule);
	take_status(in, json_get_str(json_get(affected, "database_specific"), "status"), rule);
	if (span_is(urgency, S("end-of-life"))) {
		rule->status = ADV_END_OF_LIFE;
		rule->status_text = urgency;
	}
	if (!severity_word(urgency, &rule->severity) && !severity_word(severity, &rule->severity))
		rule->severity = SEV_UNKNOWN;
}

/* An ecosystem whose packages no image lists is told of once. */
static void skip_ecosystem(struct input *in, struct span ecosystem)
{
	struct span family = span_head(ecosystem, MIN_OF(span_chr(ecosystem, ':'), ecosystem.n));
	const char *file = in->file;

	for (size_t i = 0; i < in->skipped.n; i++)
		if (span_is(in->skipped.v[i], family))
			return;
	if (in->skipped.n >= 256 || !VEC_PUSH(&in->skipped, arena_dup(&in->names, family)))
		return;
	in->file = NULL;
	input_warn(in, "packages of \"" SPAN_FMT "\" are not found in images: skipped",
		   SPAN_ARG(family));
	in->file = file;
}

static void take_affected(struct input *in, json *affected, uint32_t card)
{
	json *package = json_get(affected, "package"), *ranges = json_get(affected, "ranges");
	struct span ecosystem = json_get_str(package, "ecosystem");
	struct span name = json_get_str(package, "name");
	struct adv_rule rule = {.card = card, .source = in->source, .status = ADV_AFFECTED};
	enum version_order order;

	if (ecosystem.n == 0 || name.n == 0) {
		if (package) /* without one it speaks of source code alone */
			input_warn(in, "a package without ecosystem or name");
		return;
	}
	if (!ecosystem_order(ecosystem, &order)) {
		skip_ecosystem(in, ecosystem);
		return;
	}
	take_ranges(in, ranges, order);
	take_versions(in, json_get(affected, "versions"), order);
	rule.n_events = (uint32_t)in->events.n;
	rule.n_versions = (uint32_t)in->versions.n;
	if (rule.n_events + rule.n_versions == 0) {
		if (json_len(ranges) == 0)
			input_warn(in, SPAN_FMT " " SPAN_FMT ": names no version",
				   SPAN_ARG(ecosystem), SPAN_ARG(name));
		return;
	}
	take_specifics(in, affected, &rule);
	advdb_add_rule(in->b, ecosystem_key(ecosystem),
		       ecosystem_name(ecosystem, name, &in->scratch), &rule, in->events.v,
		       in->versions.v);
}

void osv_record(struct input *in, json *root)
{
	struct span id = json_get_str(root, "id"), schema = json_get_str(root, "schema_version");
	uint32_t card;

	arena_reset(&in->scratch);
	if (id.n == 0) {
		input_refuse(in, "not an OSV record: it has no id");
		return;
	}
	if (schema.n && !span_starts(schema, S("1.")))
		input_warn(in, "OSV schema " SPAN_FMT " is read as 1.x", SPAN_ARG(schema));
	card = add_card(in, root, id);
	in->count++;
	for (struct json_iter it = json_iter(json_get(root, "affected")); json_next(&it);)
		take_affected(in, it.value, card);
}
