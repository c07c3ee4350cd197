/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_conf.c - storage.conf (containers-storage.conf(5)), as much of TOML as it is made of:
 * tables, and keys with a string or a list of strings. */
#include "oci/cstore.h"

#include "base/limits.h"

enum { STORES_MAX = 64 };

struct conf_reader {
	struct span left;
	struct arena *arena;
	struct cstore_conf *out;
	bool storage, options; /* the table that we are in */
};

/* White space, line ends, comments. */
static void pass_space(struct span *s)
{
	while (s->n) {
		if (is_space(s->p[0]))
			*s = span_from(*s, 1);
		else if (s->p[0] == '#')
			*s = span_from(*s, MIN_OF(span_chr(*s, '\n'), s->n));
		else
			break;
	}
}

/* "..." or '...'; what escapes stand for nobody needs in a path. */
static bool take_string(struct span *s, struct span *out)
{
	uint8_t quote = s->n ? s->p[0] : 0;
	size_t end;

	if (quote != '"' && quote != '\'')
		return false;
	end = span_chr(span_from(*s, 1), quote);
	if (end == SIZE_MAX || span_chr(span_head(*s, end + 1), '\n') != SIZE_MAX)
		return false;
	*out = span_head(span_from(*s, 1), end);
	*s = span_from(*s, end + 2);
	return true;
}

static void take_list(struct conf_reader *r, struct span *s)
{
	struct cstore_conf *c = r->out;
	struct span one;

	*s = span_from(*s, 1);
	c->stores = ARENA_ARRAY(r->arena, STORES_MAX, struct span);
	c->n_stores = 0;
	for (pass_space(s); c->stores && take_string(s, &one); pass_space(s)) {
		if (one.n && c->n_stores < STORES_MAX)
			c->stores[c->n_stores++] = arena_dup(r->arena, one);
		pass_space(s);
		if (s->n && s->p[0] == ',')
			*s = span_from(*s, 1);
	}
}

static void take_value(struct conf_reader *r, struct span key)
{
	struct cstore_conf *c = r->out;
	struct span value;

	if (r->options && span_is(key, S("additionalimagestores")) && r->left.n &&
	    r->left.p[0] == '[') {
		take_list(r, &r->left);
		return;
	}
	if (!r->storage || !take_string(&r->left, &value) || value.n == 0)
		return;
	value = arena_dup(r->arena, value);
	if (span_is(key, S("driver")))
		c->driver = value;
	else if (span_is(key, S("graphroot")))
		c->graph_root = value;
	else if (span_is(key, S("runroot")))
		c->run_root = value;
	else if (span_is(key, S("rootless_storage_path")))
		c->rootless_root = value;
}

static void take_line(struct conf_reader *r)
{
	size_t end = span_chr(r->left, '\n'), eq;
	struct span line = span_trim(span_head(r->left, end));

	if (line.n && line.p[0] == '[') {
		r->storage = span_starts(line, S("[storage]"));
		r->options = span_starts(line, S("[storage.options]"));
		line.n = 0;
	}
	eq = span_chr(line, '=');
	if (eq != SIZE_MAX && line.p[0] != '#') {
		r->left =
		    span_from(span_of(line.p, r->left.n - (size_t)(line.p - r->left.p)), eq + 1);
		while (r->left.n && (r->left.p[0] == ' ' || r->left.p[0] == '\t'))
			r->left = span_from(r->left, 1);
		take_value(r, span_trim(span_head(line, eq)));
	}
	end = span_chr(r->left, '\n');
	r->left = span_from(r->left, end == SIZE_MAX ? r->left.n : end + 1);
}

void cstore_conf(struct span text, struct arena *a, struct cstore_conf *out)
{
	struct conf_reader r = {
	    .left = span_head(text, LIMIT_SETTINGS_BYTES), .arena = a, .out = out};

	while (r.left.n)
		take_line(&r);
}
