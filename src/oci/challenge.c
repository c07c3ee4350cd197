/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/challenge.h"

static bool is_token(uint8_t c)
{
	return is_alnum(c) || span_chr(S("!#$%&'*+-.^_`|~"), c) != SIZE_MAX;
}

static struct span take_token(struct span *s)
{
	size_t n = 0;
	struct span token;

	while (n < s->n && is_token(s->p[n]))
		n++;
	token = span_head(*s, n);
	*s = span_from(*s, n);
	return token;
}

static void skip(struct span *s, struct span any_of)
{
	while (s->n && span_chr(any_of, s->p[0]) != SIZE_MAX)
		*s = span_from(*s, 1);
}

/* A quoted-string whose opening quote has gone. One without an end is taken to the end. */
static struct span take_quoted(struct span *s, struct arena *arena)
{
	size_t end = 0, n = 0;
	uint8_t *p;

	while (end < s->n && s->p[end] != '"')
		end += s->p[end] == '\\' && end + 1 < s->n ? 2 : 1;
	p = arena_bytes(arena, end);
	for (size_t i = 0; p && i < end; i++) {
		i += s->p[i] == '\\' && i + 1 < end;
		p[n++] = s->p[i];
	}
	*s = span_from(*s, end + 1);
	return span_of(p, n);
}

/* name "=" value; false (and nothing taken) where what follows is no parameter. */
static bool take_param(struct span *s, struct arena *arena, struct span *name, struct span *value)
{
	struct span rest = *s;

	skip(&rest, S(" \t,"));
	*name = take_token(&rest);
	skip(&rest, S(" \t"));
	if (name->n == 0 || rest.n == 0 || rest.p[0] != '=')
		return false;
	rest = span_from(rest, 1);
	skip(&rest, S(" \t"));
	if (rest.n && rest.p[0] == '"') {
		rest = span_from(rest, 1);
		*value = take_quoted(&rest, arena);
	} else {
		*value = take_token(&rest);
	}
	*s = rest;
	return true;
}

static enum challenge_scheme scheme_of(struct span name)
{
	if (span_is_icase(name, S("Bearer")))
		return CHALLENGE_BEARER;
	return span_is_icase(name, S("Basic")) ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

void challenge_parse(struct span header, struct arena *arena, struct challenge *c)
{
	struct span s = header;

	while (arena_rc(arena) == RMG_OK) {
		struct challenge one = {0};
		struct span name, value;

		skip(&s, S(" \t,"));
		name = take_token(&s);
		if (name.n == 0)
			return;
		one.scheme = scheme_of(name);
		while (take_param(&s, arena, &name, &value)) {
			if (span_is_icase(name, S("realm")))
				one.realm = value;
			else if (span_is_icase(name, S("service")))
				one.service = value;
			else if (span_is_icase(name, S("scope")))
				one.scope = value;
		}
		/* A bearer token comes from somewhere: without a realm there is nothing to ask. */
		if (one.scheme == CHALLENGE_BEARER && one.realm.n == 0)
			one.scheme = CHALLENGE_NONE;
		if (one.scheme > c->scheme)
			*c = one;
	}
}
