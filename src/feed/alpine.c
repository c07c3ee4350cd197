/* SPDX-License-Identifier: Apache-2.0 */
/* alpine.c - "secdb" files as Alpine, Wolfi and Chainguard publish them:
 * { distroversion, reponame, packages: [ { pkg: { name, secfixes: { version: [ "ID ID2 ..." ]
 * }}}]}. A version of "0" says that no version was affected. Only what has been fixed is listed. */
#include "feed/input.h"

/* "CVE-2019-1", "XSA-155", "VSV00019"; not the remarks that stand among them: "CVE", "N/A", "(not".
 */
static bool is_id(struct span word)
{
	bool more = false;

	if (word.n < 5 || word.p[0] < 'A' || word.p[0] > 'Z')
		return false;
	for (size_t i = 1; i < word.n; i++)
		more |= is_digit(word.p[i]) || (word.p[i] == '-' && i + 1 < word.n);
	return more;
}

/* One vulnerability under all of its names: the CVE first, where it has one. */
static uint32_t card_of(struct input *in, struct span ids, bool *ok)
{
	struct adv_card card = {.source = in->source};
	struct span rest = ids, word;
	bool odd = false;

	in->aliases.n = 0;
	*ok = false;
	while (span_word(&rest, &word)) {
		word = span_rtrim_chr(word, ','); /* "CVE-2026-45078, GHSA-..." */
		if (!is_id(word)) {
			odd = true;
			continue;
		}
		if (card.id.n == 0 || (is_cve(word) && !is_cve(card.id))) {
			struct span was = card.id;

			card.id = word;
			word = was;
		}
		if (word.n && !span_is(word, card.id) && !VEC_PUSH(&in->aliases, word))
			return 0;
	}
	if (odd)
		input_warn(in, "\"" SPAN_FMT "\" is read as \"" SPAN_FMT "\"",
			   SPAN_ARG(span_head(ids, 100)), SPAN_ARG(card.id));
	if (card.id.n == 0)
		return 0;
	*ok = true;
	card.n_aliases = (uint32_t)in->aliases.n;
	card.url = ARENA_JOIN(&in->scratch, S("https://security.alpinelinux.org/vuln/"), card.id);
	if (!span_is(span_cstr(in->feed), S("alpine")))
		card.url = (struct span){0};
	return advdb_add_card(in->b, &card, in->aliases.v, NULL, NULL);
}

static void take_fix(struct input *in, struct span ecosystem, struct span package,
		     struct span version, json *ids)
{
	for (struct json_iter it = json_iter(ids); json_next(&it);) {
		struct adv_rule rule = {.source = in->source, .status = ADV_AFFECTED};
		bool ok = json_is_str(it.value);

		if (ok)
			rule.card = card_of(in, json_str(it.value), &ok);
		if (!ok) {
			input_warn(in, SPAN_FMT " " SPAN_FMT ": a fix without an id",
				   SPAN_ARG(package), SPAN_ARG(version));
			continue;
		}
		in->count++;
		if (span_is(version, S("0"))) {
			rule.status = ADV_NOT_AFFECTED;
			rule_until(in, ecosystem, package, &rule, (struct span){0});
		} else {
			rule_until(in, ecosystem, package, &rule, version);
		}
	}
}

void secdb_take(struct input *in, json *root, struct span ecosystem)
{
	json *packages = json_get(root, "packages");

	if (!json_is_array(packages)) {
		input_refuse(in, "no list of packages");
		return;
	}
	for (struct json_iter it = json_iter(packages); json_next(&it);) {
		json *pkg = json_get(it.value, "pkg"), *fixes = json_get(pkg, "secfixes");
		struct span name = json_get_str(pkg, "name");

		arena_reset(&in->scratch);
		if (name.n == 0) {
			input_warn(in, "a package without a name");
			continue;
		}
		/* An empty list instead of an object: the writer's language has one kind for both.
		 */
		if (!json_is_object(fixes) && json_len(fixes) != 0) {
			input_warn(in, SPAN_FMT ": secfixes are no object", SPAN_ARG(name));
			continue;
		}
		for (struct json_iter fix = json_iter(fixes); json_next(&fix);)
			take_fix(in, ecosystem, name, fix.key, fix.value);
	}
}

static enum rmg_rc read_file(struct input *in, const struct feed_file *file, struct span ecosystem,
			     struct rmg_err *err)
{
	enum rmg_rc rc = input_json(in, file, err);

	if (rc != RMG_OK)
		return rc;
	secdb_take(in, in->doc.root, ecosystem);
	return input_verdict(in, err);
}

/* alpine-secdb/v3.17/main.json */
enum rmg_rc alpine_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	struct span release = span_basename(span_dirname(span_cstr(file->path)));
	char ecosystem[300];

	snprintf(ecosystem, sizeof ecosystem, "Alpine:" SPAN_FMT, SPAN_ARG(release));
	return read_file(in, file, span_cstr(ecosystem), err);
}

enum rmg_rc wolfi_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	return read_file(in, file, S("Wolfi"), err);
}

enum rmg_rc chainguard_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	return read_file(in, file, S("Chainguard"), err);
}
