/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "base/vec.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/say.h"
#include "format/jsonw.h"

enum { ROW_BYTES = 1024, ALL_BYTES = 4 << 20 };

struct row {
	enum check_state state;
	const char *check, *subject, *text, *todo; /* todo NULL: none */
};

struct checks {
	const char *verb;
	struct arena arena;
	VEC(struct row) rows;
	bool no_memory;
};

static const char *const states[] = {"ok", "warn", "unknown", "missing"};

struct checks *checks_new(const char *verb)
{
	struct checks *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->verb = verb;
	arena_init(&c->arena, ALL_BYTES);
	return c;
}

static void checks_free(struct checks *c)
{
	if (c == NULL)
		return;
	VEC_DONE(&c->rows);
	arena_done(&c->arena);
	free(c);
}

/* Whatever a server or a file said. */
static const char *keep(struct checks *c, const char *text)
{
	char clean[ROW_BYTES];

	snprintf(clean, sizeof clean, "%s", text);
	utf8_clean_cstr(clean, sizeof clean);
	return arena_cstr(&c->arena, span_cstr(clean));
}

void check_put(struct checks *c, enum check_state state, const char *check, const char *subject,
	       const char *todo, const char *fmt, ...)
{
	struct row row = {.state = state, .check = check};
	char text[ROW_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	row.subject = keep(c, subject);
	row.text = keep(c, text);
	if (state != CHECK_OK && todo)
		row.todo = keep(c, todo);
	if (arena_rc(&c->arena) != RMG_OK || !VEC_PUSH(&c->rows, row))
		c->no_memory = true;
}

const char *check_text(struct checks *c, const char *fmt, ...)
{
	const char *copy = NULL;
	char *made = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&made, fmt, args) >= 0)
		copy = arena_cstr(&c->arena, span_cstr(made));
	va_end(args);
	free(made);
	c->no_memory |= copy == NULL;
	return copy ? copy : "";
}

static size_t count(struct checks *c, enum check_state state)
{
	size_t n = 0;

	VEC_EACH (r, &c->rows)
		n += r->state == state;
	return n;
}

static void put_json(struct checks *c, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "schema", "rummage/install-check/1");
	jsonw_put_cstr(&w, "rummage", rmg_version());
	jsonw_put_cstr(&w, "verb", c->verb);
	jsonw_put_bool(&w, "passed", count(c, CHECK_MISSING) + count(c, CHECK_UNKNOWN) == 0);
	jsonw_key(&w, "checks");
	jsonw_array(&w);
	VEC_EACH (r, &c->rows) {
		jsonw_object(&w);
		jsonw_put_cstr(&w, "check", r->check);
		jsonw_put_cstr(&w, "subject", r->subject);
		jsonw_put_cstr(&w, "state", states[r->state]);
		jsonw_put_cstr(&w, "text", r->text);
		jsonw_put_cstr(&w, "do", r->todo);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_key(&w, "summary");
	jsonw_object(&w);
	for (size_t i = 0; i < COUNT_OF(states); i++)
		jsonw_put_u64(&w, states[i], count(c, (enum check_state)i));
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	strbuf_putc(out, '\n');
}

static void put_text(struct checks *c, struct strbuf *out)
{
	int checks = 0, subjects = 0;

	VEC_EACH (r, &c->rows) {
		checks = MAX_OF(checks, (int)strlen(r->check));
		subjects = MAX_OF(subjects, MIN_OF((int)strlen(r->subject), 48));
	}
	VEC_EACH (r, &c->rows)
		strbuf_printf(out, "%-7s  %-*s  %-*s  %s%s%s\n", states[r->state], checks, r->check,
			      subjects, r->subject, r->text, r->todo ? "; " : "",
			      r->todo ? r->todo : "");
}

static enum rmg_rc write_all(struct checks *c, struct options *o, struct rmg_err *err)
{
	static const char *const formats[] = {"table", "json", NULL};
	struct strbuf text = strbuf_of(ALL_BYTES);
	struct outputs out = {0};
	enum rmg_rc rc = outputs_open(&out, o, &o->output, "table", formats, err);

	for (size_t i = 0; rc == RMG_OK && i < out.n; i++) {
		strbuf_clear(&text);
		if (strcmp(out.v[i].format, "json") == 0)
			put_json(c, &text);
		else
			put_text(c, &text);
		if (strbuf_rc(&text) != RMG_OK)
			rc = err_set(err, strbuf_rc(&text), "no memory for the checks");
		else if (!output_write(&out.v[i], strbuf_cstr(&text), text.n))
			rc = output_error(&out.v[i], err);
	}
	if (rc == RMG_OK)
		rc = outputs_commit(&out, err);
	outputs_done(&out);
	strbuf_done(&text);
	return rc;
}

int checks_end(struct checks *c, struct options *o)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = c == NULL || c->no_memory
			     ? err_set(&err, RMG_E_NOMEM, "no memory for the checks")
			     : write_all(c, o, &err);
	int code = EXIT_WHOLE;

	if (rc != RMG_OK)
		code = say_failure(c ? c->verb : "rummage", &err, NULL);
	else if (count(c, CHECK_MISSING))
		code = EXIT_POLICY;
	else if (count(c, CHECK_UNKNOWN))
		code = EXIT_INCOMPLETE;
	checks_free(c);
	return code;
}
