/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/opt.h"

#include <string.h>

#define ALL UINT32_MAX
#define V(verb) (UINT32_C(1) << VERB_##verb)
#define LISTING                                                                                    \
	(V(who_runs) | V(alerts) | V(images) | V(workloads) | V(timeline) | V(dormant) | V(tags) | \
	 V(coverage) | V(admission))
#define ASKING (LISTING | V(registries) | V(audit_verify) | V(diff) | V(token))
#define X(field, kind_, name_, letter_, arg_, section_, key_, verbs_, help_)                       \
	{.name = name_,                                                                            \
	 .letter = letter_,                                                                        \
	 .arg = arg_,                                                                              \
	 .section = section_,                                                                      \
	 .key = key_,                                                                              \
	 .kind = OPT_##kind_,                                                                      \
	 .offset = offsetof(struct options, field),                                                \
	 .verbs = verbs_,                                                                          \
	 .help = help_},
const struct opt_spec opt_specs[] = {
#include "cmd/options.def"
};
#undef X
const size_t opt_n_specs = COUNT_OF(opt_specs);

enum { HELP_COLUMNS = 80, HELP_INDENT = 30, WORD_MAX = 32 };

static void *field_of(struct options *o, const struct opt_spec *spec)
{
	return (char *)o + spec->offset;
}

/* How a value is called in a message: "--fail-on", or "registry.password". */
static void name_of(const struct opt_spec *spec, char buf[64])
{
	if (spec->name)
		snprintf(buf, 64, "--%s", spec->name);
	else
		snprintf(buf, 64, "%s.%s", spec->section, spec->key);
}

static bool parse_flag(const char *text, bool *out)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i % 2 == 1;
			return true;
		}
	}
	return false;
}

/* "512", "64K", "2G": powers of 1024. */
static bool parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	struct span s = span_cstr(text);
	const char *unit = NULL;
	uint64_t n, by = 1;

	if (s.n > 1)
		unit = strchr(units, s.p[s.n - 1]);
	if (unit) {
		by = UINT64_C(1) << (10 * (unit - units + 1));
		s.n--;
	}
	if (!span_u64(s, 10, UINT64_MAX / by, &n) || n == 0)
		return false;
	*out = n * by;
	return true;
}

static enum rmg_rc list_add(struct options *o, struct opt_list *list, const char *text,
			    enum opt_level level, struct rmg_err *err)
{
	size_t n;

	if (list->level != (int)level)
		*list = (struct opt_list){.level = (int)level};
	n = list->n;
	if ((n & (n - 1)) == 0) { /* 0 or a power of two: there is no room for one more and NULL */
		const char **grown = ARENA_ARRAY(&o->arena, 2 * n + 2, const char *);

		if (grown == NULL)
			return err_set(err, RMG_E_NOMEM, "too many options");
		if (n)
			memcpy(grown, list->v, n * sizeof *grown);
		list->v = grown;
	}
	list->v[list->n++] = text;
	return RMG_OK;
}

enum rmg_rc opt_set(struct options *o, const struct opt_spec *spec, const char *text,
		    enum opt_level level, struct rmg_err *err)
{
	void *field = field_of(o, spec);
	char name[64];
	char *copy = arena_cstr(&o->arena, span_cstr(text ? text : "true"));

	name_of(spec, name);
	if (copy == NULL)
		return err_set(err, RMG_E_NOMEM, "too many options");
	switch (spec->kind) {
	case OPT_FLAG:
		if (!parse_flag(copy, field))
			return err_set(err, RMG_E_ARG, "%s is true or false, not \"%s\"", name,
				       copy);
		return RMG_OK;
	case OPT_SIZE:
		if (!parse_size(copy, field))
			return err_set(
			    err, RMG_E_ARG,
			    "%s wants a number above 0, as 512, 64K, 20M or 2G, not \"%s\"", name,
			    copy);
		return RMG_OK;
	case OPT_LIST:
		return list_add(o, field, copy, level, err);
	case OPT_TEXT:
		break;
	}
	*(const char **)field = copy;
	return RMG_OK;
}

static const struct opt_spec *spec_by_name(enum verb_id verb, struct span name)
{
	for (size_t i = 0; i < opt_n_specs; i++) {
		const struct opt_spec *s = &opt_specs[i];

		if (s->name && opt_is_of(s, verb) && span_is(name, span_cstr(s->name)))
			return s;
	}
	return NULL;
}

static const struct opt_spec *spec_by_letter(enum verb_id verb, char letter)
{
	for (size_t i = 0; i < opt_n_specs; i++) {
		if (opt_specs[i].letter == letter && opt_is_of(&opt_specs[i], verb))
			return &opt_specs[i];
	}
	return NULL;
}

/* Levenshtein's distance of two short words; WORD_MAX where one is not short. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN_OF(change, MIN_OF(row[j], row[j - 1]) + 1);
		}
	}
	return row[m];
}

const char *opt_nearest(const char *word, const char *const *words)
{
	size_t best = strlen(word) / 3 + 1; /* farther is another word */
	const char *found = NULL;

	for (size_t i = 0; words[i]; i++) {
		size_t d = distance(word, words[i]);

		if (d < best || (d == best && found == NULL)) {
			best = d;
			found = words[i];
		}
	}
	return found;
}

static enum rmg_rc unknown_option(enum verb_id verb, struct span name, struct rmg_err *err)
{
	const char *words[64];
	char text[WORD_MAX + 1];
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < opt_n_specs; i++) {
		const struct opt_spec *s = &opt_specs[i];

		if (s->name == NULL)
			continue;
		if (span_is(name, span_cstr(s->name)))
			return err_set(err, RMG_E_ARG, "\"%s\" takes no option --" SPAN_FMT,
				       verbs[verb].typed, SPAN_ARG(name));
		if (opt_is_of(s, verb) && n + 1 < COUNT_OF(words))
			words[n++] = s->name;
	}
	words[n] = NULL;
	snprintf(text, sizeof text, SPAN_FMT, SPAN_ARG(name));
	near = opt_nearest(text, words);
	if (near)
		return err_set(err, RMG_E_ARG,
			       "there is no option --" SPAN_FMT "; did you mean --%s?",
			       SPAN_ARG(span_head(name, 60)), near);
	return err_set(err, RMG_E_ARG, "there is no option --" SPAN_FMT,
		       SPAN_ARG(span_head(name, 60)));
}

struct command_line {
	struct options *o;
	enum verb_id verb;
	int argc, at;
	char **argv;
};

/* "--name", "--name=value", "--name value"; at stands on it. */
static enum rmg_rc parse_long(struct command_line *c, struct rmg_err *err)
{
	struct span word = span_cstr(c->argv[c->at] + 2);
	size_t equals = span_chr(word, '=');
	struct span name = span_head(word, equals);
	const struct opt_spec *s = spec_by_name(c->verb, name);
	const char *value = equals < word.n ? c->argv[c->at] + 2 + equals + 1 : NULL;

	if (s == NULL)
		return unknown_option(c->verb, name, err);
	if (s->arg == NULL && value)
		return err_set(err, RMG_E_ARG, "--%s takes no value", s->name);
	if (s->arg && value == NULL) {
		if (++c->at >= c->argc)
			return err_set(err, RMG_E_ARG, "--%s wants %s", s->name, s->arg);
		value = c->argv[c->at];
	}
	return opt_set(c->o, s, value, LEVEL_FLAG, err);
}

/* "-q", "-qh", "-oVALUE", "-o VALUE"; at stands on it. */
static enum rmg_rc parse_short(struct command_line *c, struct rmg_err *err)
{
	const char *p = c->argv[c->at] + 1;
	enum rmg_rc rc = RMG_OK;

	for (; *p && rc == RMG_OK; p++) {
		const struct opt_spec *s = spec_by_letter(c->verb, *p);

		if (s == NULL)
			return err_set(err, RMG_E_ARG, "there is no option -%c", *p);
		if (s->arg == NULL) {
			rc = opt_set(c->o, s, NULL, LEVEL_FLAG, err);
			continue;
		}
		if (p[1] == '\0' && ++c->at >= c->argc)
			return err_set(err, RMG_E_ARG, "-%c wants %s", *p, s->arg);
		return opt_set(c->o, s, p[1] ? p + 1 : c->argv[c->at], LEVEL_FLAG, err);
	}
	return rc;
}

enum rmg_rc opt_parse(struct options *o, enum verb_id verb, int argc, char **argv,
		      struct rmg_err *err)
{
	struct command_line c = {.o = o, .verb = verb, .argc = argc, .argv = argv};
	bool options = true;
	enum rmg_rc rc = RMG_OK;

	o->operands = ARENA_ARRAY(&o->arena, (size_t)argc + 1, const char *);
	if (o->operands == NULL)
		return err_set(err, RMG_E_NOMEM, "too many operands");
	for (; c.at < argc && rc == RMG_OK; c.at++) {
		const char *word = argv[c.at];

		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (options && word[0] == '-' && word[1] == '-')
			rc = parse_long(&c, err);
		else if (options && word[0] == '-' && word[1])
			rc = parse_short(&c, err);
		else
			o->operands[o->n_operands++] = word;
	}
	return rc;
}

/* Words of text between two columns; the first line begins at column at. */
static void put_wrapped(FILE *f, const char *text, int at, int indent)
{
	struct span rest = span_cstr(text), word;

	while (span_word(&rest, &word)) {
		if (at > indent && at + 1 + (int)word.n > HELP_COLUMNS) {
			fprintf(f, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', f);
			at++;
		}
		fprintf(f, SPAN_FMT, SPAN_ARG(word));
		at += (int)word.n;
	}
	fputc('\n', f);
}

static void put_option(FILE *f, const struct opt_spec *s)
{
	char letter[5] = "    ", head[80];
	int at;

	if (s->letter)
		snprintf(letter, sizeof letter, "-%c, ", s->letter);
	at = snprintf(head, sizeof head, "  %s--%s%s%s", letter, s->name, s->arg ? " " : "",
		      s->arg ? s->arg : "");
	fputs(head, f);
	if (at > HELP_INDENT - 2) {
		fputc('\n', f);
		at = 0;
	}
	fprintf(f, "%*s", HELP_INDENT - at, "");
	put_wrapped(f, s->help, HELP_INDENT, HELP_INDENT);
}

void opt_help(FILE *f, enum verb_id verb)
{
	const struct verb *v = &verbs[verb];

	fprintf(f, "Usage: rummage %s [OPTION]...%s%s\n\n", v->typed, *v->operands ? " " : "",
		v->operands);
	put_wrapped(f, v->what, 0, 0);
	fputs("\nOptions:\n", f);
	for (size_t i = 0; i < opt_n_specs; i++) {
		if (opt_specs[i].name && opt_is_of(&opt_specs[i], verb))
			put_option(f, &opt_specs[i]);
	}
	fprintf(f, "\nMore: man rummage-%.*s\n", (int)strcspn(v->typed, " "), v->typed);
}

/* The first sentence: it ends at a full stop or a colon. */
static int first_sentence(const char *text)
{
	return (int)strcspn(text, ".:");
}

void opt_usage(FILE *f)
{
	fputs("Usage: rummage VERB [OPTION]... [OPERAND]...\n\n"
	      "Knows what is inside container images, and which of it is vulnerable.\n\nVerbs:\n",
	      f);
	for (size_t i = 0; i < VERBS; i++) {
		char what[256];

		snprintf(what, sizeof what, "%.*s", first_sentence(verbs[i].what), verbs[i].what);
		fprintf(f, "  %-12s", verbs[i].typed);
		put_wrapped(f, what, 14, 14);
	}
	fputs("\nOptions of each verb: rummage VERB --help\nMore: man rummage\n", f);
}
