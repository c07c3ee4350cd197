/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/split.h"

#include "base/limits.h"

enum { REST_BYTES = 65536 }; /* a list's own metadata */

void split_init(struct split *s, size_t max)
{
	*s = (struct split){.item = strbuf_of(max), .rest = strbuf_of(REST_BYTES)};
}

void split_done(struct split *s)
{
	strbuf_done(&s->item);
	strbuf_done(&s->rest);
}

void split_begin(struct split *s, bool list)
{
	s->list = list;
	s->in_items = s->in_string = s->escaped = s->after_items_key = s->over = false;
	s->depth = 0;
	strbuf_clear(&s->item);
	strbuf_clear(&s->rest);
}

struct span split_rest(const struct split *s)
{
	return strbuf_span(s->list ? &s->rest : &s->item);
}

static void put_item(struct split *s, struct span bytes)
{
	if (s->over)
		return;
	strbuf_put(&s->item, bytes);
	if (strbuf_rc(&s->item) == RMG_E_LIMIT)
		s->over = true;
}

static bool give(struct split *s, split_fn *fn, void *user)
{
	bool more = true;

	if (s->over)
		s->passed_over++;
	else if (strbuf_rc(&s->item) != RMG_OK)
		return false;
	else if (s->item.n)
		more = fn(user, strbuf_span(&s->item));
	s->over = false;
	strbuf_clear(&s->item);
	return more;
}

static bool feed_lines(struct split *s, struct span bytes, split_fn *fn, void *user)
{
	while (bytes.n) {
		size_t end = span_chr(bytes, '\n');

		put_item(s, span_head(bytes, end));
		if (end == SIZE_MAX)
			break;
		bytes = span_from(bytes, end + 1);
		if (!give(s, fn, user))
			return false;
	}
	return true;
}

/* A byte inside a string; false where it ends it. */
static bool in_string(struct split *s, uint8_t c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = false;
	return s->in_string;
}

/* A byte of the list outside its items. */
static void envelope(struct split *s, uint8_t c)
{
	bool was_key = s->after_items_key;

	strbuf_putc(&s->rest, (char)c);
	if (s->in_string) {
		if (!in_string(s, c) && s->depth == 1)
			s->after_items_key =
			    span_is(span_from(strbuf_span(&s->rest), s->key_at), S("\"items\""));
		return;
	}
	if (c == ':' || is_space(c))
		return;
	s->after_items_key = false;
	if (c == '"') {
		s->in_string = true;
		s->key_at = s->rest.n - 1;
	} else if (c == '{' || c == '[') {
		s->in_items = was_key && c == '[';
		if (s->in_items)
			s->depth = 0;
		else
			s->depth++;
	} else if ((c == '}' || c == ']') && s->depth) {
		s->depth--;
	}
}

/* How many of the bytes stand inside the items, the one that ends an item or all of them last. */
static size_t inside(struct split *s, struct span bytes, bool *whole)
{
	size_t i = 0;

	*whole = false;
	while (i < bytes.n && !*whole) {
		uint8_t c = bytes.p[i++];

		if (s->in_string) {
			(void)in_string(s, c);
		} else if (c == '"') {
			s->in_string = true;
		} else if (c == '{' || c == '[') {
			if (s->depth == 0 && i > 1)
				return i - 1; /* an item begins with its bracket */
			s->depth++;
		} else if (c == '}' || c == ']') {
			if (s->depth == 0) {
				s->in_items = false;
				return i;
			}
			*whole = --s->depth == 0;
		} else if (s->depth == 0 && (c == ',' || is_space(c))) {
			return i;
		}
	}
	return i;
}

static bool feed_list(struct split *s, struct span bytes, split_fn *fn, void *user)
{
	while (bytes.n && strbuf_rc(&s->rest) == RMG_OK) {
		bool whole;
		size_t n;

		if (!s->in_items) {
			envelope(s, bytes.p[0]);
			bytes = span_from(bytes, 1);
			continue;
		}
		n = inside(s, bytes, &whole);
		if (!s->in_items) {
			s->depth = 1;
			strbuf_putc(&s->rest, ']');
		} else if (s->depth || whole) {
			put_item(s, span_head(bytes, n));
		} /* else between the items, or what is no object */
		bytes = span_from(bytes, n);
		if (whole && !give(s, fn, user))
			return false;
	}
	return strbuf_rc(&s->rest) == RMG_OK;
}

bool split_feed(struct split *s, struct span bytes, split_fn *fn, void *user)
{
	return s->list ? feed_list(s, bytes, fn, user) : feed_lines(s, bytes, fn, user);
}
