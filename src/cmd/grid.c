/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/grid.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "base/vec.h"

enum { COLUMNS = 16, GAP = 2 };

struct column {
	struct span title, path;
	size_t width;
	bool used;
};

struct grid {
	struct arena arena;
	struct column columns[COLUMNS];
	size_t n_columns;
	VEC(struct span) cells; /* row by row */
};

void grid_free(struct grid *g)
{
	if (g == NULL)
		return;
	VEC_DONE(&g->cells);
	arena_done(&g->arena);
	free(g);
}

struct grid *grid_new(const char *columns)
{
	struct grid *g = calloc(1, sizeof *g);
	struct span left = span_cstr(columns), word;

	if (g == NULL)
		return NULL;
	arena_init(&g->arena, GIB(1));
	while (g->n_columns < COLUMNS && span_word(&left, &word)) {
		struct column *c = &g->columns[g->n_columns++];

		(void)span_cut(word, '=', &c->title, &c->path);
		c->width = c->title.n;
	}
	return g;
}

static json *member_at(json *item, struct span path)
{
	struct span name;

	while (item && span_next(&path, '.', &name))
		item = json_get_span(item, name);
	return item;
}

/* A digest in full is wider than it is worth: what is shown is what people tell apart. */
static struct span shorten(struct span s)
{
	if (span_starts(s, S("sha256:")) && s.n == 71)
		return span_head(s, 19);
	if (s.n == 64 && span_chr(s, '-') == SIZE_MAX && span_chr(s, '/') == SIZE_MAX)
		return span_head(s, 12);
	return s;
}

static struct span cell_of(struct grid *g, json *v)
{
	char number[40];
	uint64_t n;
	char *text;

	if (json_is_str(v)) {
		text = arena_cstr(&g->arena, shorten(json_str(v)));
		if (text)
			utf8_clean_cstr(text, strlen(text) + 1);
		return span_cstr(text);
	}
	if (yyjson_is_bool(v))
		return yyjson_get_bool(v) ? S("yes") : S("no");
	if (json_is_array(v))
		n = json_len(v);
	else if (yyjson_is_uint(v))
		n = yyjson_get_uint(v);
	else
		return (struct span){0};
	snprintf(number, sizeof number, "%llu", (unsigned long long)n);
	return arena_dup(&g->arena, span_cstr(number));
}

/* "a.*.b": b of each element of a; a.* the elements. */
static struct span cell_at(struct grid *g, json *item, struct span path)
{
	size_t at = span_find(path, S(".*"));
	struct span rest = at == SIZE_MAX ? (struct span){0} : span_from(path, at + 2), all = {0};
	json *list = at == SIZE_MAX ? NULL : member_at(item, span_head(path, at));

	if (at == SIZE_MAX)
		return cell_of(g, member_at(item, path));
	if (span_starts(rest, S(".")))
		rest = span_from(rest, 1);
	for (struct json_iter it = json_iter(list); json_is_array(list) && json_next(&it);) {
		struct span one = cell_of(g, member_at(it.value, rest));

		all = all.n ? ARENA_JOIN(&g->arena, all, S(", "), one) : one;
	}
	return all;
}

void grid_row(struct grid *g, json *item)
{
	for (size_t i = 0; i < g->n_columns; i++) {
		struct column *c = &g->columns[i];
		struct span cell = cell_at(g, item, c->path);
		size_t width = utf8_width(cell);

		c->used |= cell.n != 0;
		c->width = MAX_OF(c->width, width);
		if (!VEC_PUSH(&g->cells, cell))
			return;
	}
}

/* As many columns of text as there is room for. */
static struct span fit(struct span s, size_t room)
{
	while (s.n && utf8_width(s) > room) {
		s.n--;
		while (s.n && (s.p[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	return s;
}

static void put_line(const struct grid *g, const struct span *cells, unsigned columns,
		     struct strbuf *out)
{
	size_t at = 0, spaces = 0;

	for (size_t i = 0; i < g->n_columns; i++) {
		const struct column *c = &g->columns[i];
		struct span cell = cells[i];

		if (!c->used)
			continue;
		if (columns && at + spaces >= columns)
			break;
		if (columns)
			cell = fit(cell, columns - at - spaces);
		if (cell.n) {
			strbuf_printf(out, "%*s", (int)spaces, "");
			strbuf_put(out, cell);
			at += spaces + utf8_width(cell);
			spaces = 0;
		}
		spaces += c->width - MIN_OF(c->width, utf8_width(cell)) + GAP;
	}
	strbuf_putc(out, '\n');
}

void grid_write(const struct grid *g, unsigned columns, struct strbuf *out)
{
	struct span titles[COLUMNS];

	for (size_t i = 0; i < g->n_columns; i++)
		titles[i] = g->columns[i].title;
	put_line(g, titles, columns, out);
	for (size_t at = 0; at + g->n_columns <= g->cells.n; at += g->n_columns)
		put_line(g, &g->cells.v[at], columns, out);
}
