/* SPDX-License-Identifier: Apache-2.0 */
#include "format/yamlr.h"

#include <stdlib.h>
#include <yaml.h>

struct yamlr {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	unsigned depth;
	bool is_map[YAMLR_DEPTH];
	bool want_key[YAMLR_DEPTH]; /* inside a map: the next thing is a key */
	bool begun;                 /* the document has */
	enum rmg_rc rc;             /* sticky */
	bool ended;
};

enum rmg_rc yamlr_open(struct span bytes, struct yamlr **out, struct rmg_err *err)
{
	struct yamlr *y = calloc(1, sizeof *y);

	if (y == NULL || !yaml_parser_initialize(&y->parser)) {
		free(y);
		return err_set(err, RMG_E_NOMEM, "no memory for a YAML parser");
	}
	yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y->parser, bytes.n ? bytes.p : (const uint8_t *)"", bytes.n);
	*out = y;
	return RMG_OK;
}

static void drop_event(struct yamlr *y)
{
	if (y->has_event)
		yaml_event_delete(&y->event);
	y->has_event = false;
}

void yamlr_close(struct yamlr *y)
{
	if (y == NULL)
		return;
	drop_event(y);
	yaml_parser_delete(&y->parser);
	free(y);
}

static enum rmg_rc refuse(struct yamlr *y, size_t line, const char *what, struct rmg_err *err)
{
	y->rc = err_set(err, RMG_E_FORMAT, "line %zu: %s", line + 1, what);
	return y->rc;
}

static enum rmg_rc parser_failed(struct yamlr *y, struct rmg_err *err)
{
	const yaml_parser_t *p = &y->parser;

	if (p->error == YAML_MEMORY_ERROR) {
		y->rc = err_set(err, RMG_E_NOMEM, "no memory to read YAML");
		return y->rc;
	}
	return refuse(y, p->problem_mark.line, p->problem ? p->problem : "not YAML", err);
}

/* What a value (of any kind) does to the map that it stands in. */
static bool take_value(struct yamlr *y, bool scalar)
{
	unsigned top = y->depth - 1;

	if (y->depth == 0 || !y->is_map[top])
		return true;
	if (y->want_key[top] && !scalar)
		return false;
	y->want_key[top] = !y->want_key[top];
	return true;
}

static enum rmg_rc enter(struct yamlr *y, bool map, size_t line, struct rmg_err *err)
{
	if (!take_value(y, false))
		return refuse(y, line, "a key must be a plain text", err);
	if (y->depth == YAMLR_DEPTH)
		return refuse(y, line, "nested too deeply", err);
	y->is_map[y->depth] = map;
	y->want_key[y->depth] = true;
	y->depth++;
	return RMG_OK;
}

/* The event as an item; false where it stands for none (stream and document marks). */
static enum rmg_rc translate(struct yamlr *y, struct yamlr_item *out, bool *some,
			     struct rmg_err *err)
{
	const yaml_event_t *e = &y->event;
	size_t line = e->start_mark.line;

	*some = true;
	out->line = (unsigned)line + 1;
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		if (e->data.scalar.anchor ||
		    (e->data.scalar.tag && !e->data.scalar.quoted_implicit))
			return refuse(y, line, "anchors and tags are not taken", err);
		take_value(y, true);
		out->kind = YAMLR_SCALAR;
		out->text = span_of(e->data.scalar.value, e->data.scalar.length);
		out->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		return RMG_OK;
	case YAML_SEQUENCE_START_EVENT:
		if (e->data.sequence_start.anchor || e->data.sequence_start.tag)
			return refuse(y, line, "anchors and tags are not taken", err);
		out->kind = YAMLR_LIST;
		return enter(y, false, line, err);
	case YAML_MAPPING_START_EVENT:
		if (e->data.mapping_start.anchor || e->data.mapping_start.tag)
			return refuse(y, line, "anchors and tags are not taken", err);
		out->kind = YAMLR_MAP;
		return enter(y, true, line, err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		y->depth--;
		out->kind = YAMLR_ENDED;
		return RMG_OK;
	case YAML_ALIAS_EVENT:
		return refuse(y, line, "aliases are not taken", err);
	case YAML_DOCUMENT_START_EVENT:
		if (y->begun)
			return refuse(y, line, "a second document", err);
		y->begun = true;
		break;
	case YAML_STREAM_END_EVENT:
		y->ended = true;
		out->kind = YAMLR_EOF;
		return RMG_OK;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	*some = false;
	return RMG_OK;
}

enum rmg_rc yamlr_next(struct yamlr *y, struct yamlr_item *out, struct rmg_err *err)
{
	bool some = false;
	enum rmg_rc rc;

	*out = (struct yamlr_item){.kind = YAMLR_EOF};
	if (y->rc != RMG_OK || y->ended)
		return y->rc;
	while (!some) {
		drop_event(y);
		if (!yaml_parser_parse(&y->parser, &y->event))
			return parser_failed(y, err);
		y->has_event = true;
		rc = translate(y, out, &some, err);
		if (rc != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

bool yamlr_is_null(const struct yamlr_item *item)
{
	return item->kind == YAMLR_SCALAR && item->plain &&
	       (item->text.n == 0 || span_is(item->text, S("~")) || span_is(item->text, S("null")));
}
