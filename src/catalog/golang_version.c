/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/golang_version.h"

#include "base/rd.h"

enum tier {
	TIER_COMMAND, /* a package below the module's cmd/ */
	TIER_USUAL,   /* main, or a package called version, common, cmd */
	TIER_OWN,     /* any other of the module's */
	TIERS,
};

/* What -X flags said, the best tier being the lowest: two values in one say nothing. */
struct candidates {
	struct span value[TIERS];
	bool differ[TIERS];
};

/* A value as strconv.Quote writes it, where it is quoted. */
static struct span unquoted(struct span s, struct arena *a)
{
	uint8_t *out;
	size_t n = 0;

	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return s;
	s = span_of(s.p + 1, s.n - 2);
	out = arena_bytes(a, s.n);
	if (out == NULL)
		return S("");
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		out[n++] = s.p[i];
	}
	return span_of(out, n);
}

/* The value of the line "build <tab> key=value". */
static struct span setting(struct span modules, struct span key, struct arena *a)
{
	struct rd r = rd_of(modules);
	struct span kind, pair, name, value;

	while (rd_more(&r)) {
		if (span_cut(rd_line(&r), '\t', &kind, &pair) && span_is(kind, S("build")) &&
		    span_cut(pair, '=', &name, &value) && span_is(name, key))
			return unquoted(value, a);
	}
	return S("");
}

/* The next flag: cmd/internal/quoted splits at white space, a quote at the beginning holds
 * together. */
static bool next_flag(struct span *s, struct span *flag)
{
	uint8_t quote;

	while (s->n && is_space(s->p[0]))
		*s = span_from(*s, 1);
	if (s->n == 0)
		return false;
	quote = s->p[0];
	if (quote == '\'' || quote == '"') {
		*s = span_from(*s, 1);
		return span_next(s, quote, flag);
	}
	return span_word(s, flag);
}

/* Digits, a dot, digits, and what may follow: "1.2", "v1.2.3-rc.1". */
static bool is_version(struct span s)
{
	size_t i, dots = 0;

	s = span_starts(s, S("v")) ? span_from(s, 1) : s;
	for (i = 0; i < s.n && (is_digit(s.p[i]) || s.p[i] == '.'); i++)
		dots += s.p[i] == '.';
	if (dots == 0 || !is_digit(s.p[0]) || !is_digit(s.p[i - 1]))
		return false;
	for (; i < s.n; i++) {
		if (!is_alnum(s.p[i]) && memchr("-+._~", s.p[i], 5) == NULL)
			return false;
	}
	return true;
}

static bool is_one_of(struct span s, const char *const *names)
{
	for (; *names; names++) {
		if (span_is_icase(s, span_cstr(*names)))
			return true;
	}
	return false;
}

static bool is_below(struct span package, struct span module)
{
	return span_starts(package, module) &&
	       (package.n == module.n || package.p[module.n] == '/');
}

static enum tier tier_of(struct span package, struct span module)
{
	static const char *const usual[] = {"main", "version", "common", "cmd", NULL};

	if (is_below(package, module) && span_starts(span_from(package, module.n), S("/cmd/")))
		return TIER_COMMAND;
	if (is_one_of(span_basename(package), usual))
		return TIER_USUAL;
	return is_below(package, module) ? TIER_OWN : TIERS;
}

/* "main.version=1.2.3" */
static void take(struct candidates *c, struct span assignment, struct span module)
{
	static const char *const names[] = {
	    "version",        "ver",        "gitVersion", "buildVersion",
	    "releaseVersion", "appVersion", "tag",        NULL};
	struct span key, value, package, variable;
	enum tier t;

	if (!span_cut(assignment, '=', &key, &value) || !is_version(value) ||
	    !span_rcut(key, '.', &package, &variable) || !is_one_of(variable, names))
		return;
	t = tier_of(package, module);
	if (t == TIERS)
		return;
	c->differ[t] = c->differ[t] || (c->value[t].n && !span_is(c->value[t], value));
	c->value[t] = value;
}

static struct span by_flags(struct span flags, struct span module)
{
	struct candidates c = {0};
	struct span flag;

	while (next_flag(&flags, &flag)) {
		if (span_is(flag, S("-X")) || span_is(flag, S("--X"))) {
			if (next_flag(&flags, &flag))
				take(&c, flag, module);
		} else if (span_starts(flag, S("-X="))) {
			take(&c, span_from(flag, 3), module);
		}
	}
	for (size_t t = 0; t < TIERS; t++) {
		if (c.value[t].n)
			return c.differ[t] ? S("") : c.value[t];
	}
	return S("");
}

/* v0.0.0-yyyymmddhhmmss-twelvedigits of "2022-03-01T12:34:56Z". */
static struct span by_commit(struct span modules, struct arena *a)
{
	struct span revision = setting(modules, S("vcs.revision"), a);
	struct span time = setting(modules, S("vcs.time"), a);
	uint8_t *digits = arena_bytes(a, 14);
	size_t n = 0;

	if (revision.n < 12 || digits == NULL)
		return S("");
	for (size_t i = 0; i < time.n && n < 14; i++) {
		if (is_digit(time.p[i]))
			digits[n++] = time.p[i];
	}
	if (n < 14)
		return S("");
	return ARENA_JOIN(a, S("v0.0.0-"), span_of(digits, n), S("-"), span_head(revision, 12));
}

struct span golang_main_version(struct span path, struct span modules, struct arena *a)
{
	struct span version = by_flags(setting(modules, S("-ldflags"), a), path);

	if (version.n == 0)
		return by_commit(modules, a);
	return span_starts(version, S("v")) ? version : ARENA_JOIN(a, S("v"), version);
}
