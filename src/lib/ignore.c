/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ignore.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "format/yamlr.h"
#include "lib/lib.h"

struct loader {
	struct yamlr *yaml;
	struct ignore *ig;
	VEC(struct ignore_row) rows;
};

static enum rmg_rc bad(struct rmg_err *err, unsigned line, const char *what)
{
	return err_set(err, RMG_E_FORMAT, "line %u: %s", line, what);
}

static struct span *field_of(struct ignore_row *row, struct span key)
{
	const struct {
		const char *key;
		struct span *field;
	} fields[] = {{"id", &row->id},         {"component", &row->component},
		      {"path", &row->path},     {"owner", &row->owner},
		      {"reason", &row->reason}, {"expires", &row->expires}};

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (span_is(key, span_cstr(fields[i].key)))
			return fields[i].field;
	}
	return NULL;
}

static enum rmg_rc load_field(struct loader *l, struct ignore_row *row, struct yamlr_item *key,
			      struct rmg_err *err)
{
	struct span *field = field_of(row, key->text);
	struct yamlr_item value;
	enum rmg_rc rc;

	if (field == NULL)
		return err_set(err, RMG_E_FORMAT, "line %u: unknown key \"" SPAN_FMT "\"",
			       key->line, SPAN_ARG(span_head(key->text, 60)));
	if (field->n)
		return bad(err, key->line, "the same key twice in one row");
	rc = yamlr_next(l->yaml, &value, err);
	if (rc != RMG_OK)
		return rc;
	if (value.kind != YAMLR_SCALAR)
		return bad(err, value.line, "a text was expected here");
	if (value.text.n > LIMIT_TEXT_BYTES)
		return bad(err, value.line, "the text is too long");
	if (!utf8_is_clean(span_trim(value.text)))
		return bad(err, value.line, "control bytes in a text");
	if (!yamlr_is_null(&value))
		*field = arena_dup(&l->ig->arena, span_trim(value.text));
	return RMG_OK;
}

static enum rmg_rc check_row(const struct ignore_row *row, struct rmg_err *err)
{
	int64_t when;

	if (row->id.n == 0)
		return bad(err, row->line, "a row without \"id\"");
	if (row->owner.n == 0)
		return bad(err, row->line, "a row without \"owner\": somebody must answer for it");
	if (row->reason.n == 0)
		return bad(err, row->line, "a row without \"reason\"");
	if (row->expires.n == 0)
		return bad(err, row->line, "a row without \"expires\": say until when");
	if (row->expires.n != 10 || !rfc3339_parse(row->expires, &when))
		return bad(err, row->line, "\"expires\" is not a day (YYYY-MM-DD)");
	return RMG_OK;
}

static enum rmg_rc load_row(struct loader *l, struct yamlr_item *begin, struct rmg_err *err)
{
	struct ignore_row *row;
	struct yamlr_item key;
	enum rmg_rc rc;

	if (begin->kind != YAMLR_MAP)
		return bad(err, begin->line, "a row is a map of keys: id, owner, reason, expires");
	if (l->rows.n == LIMIT_IGNORE_ROWS)
		return err_set(err, RMG_E_LIMIT, "line %u: too many rows", begin->line);
	row = VEC_ADD(&l->rows);
	if (row == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory");
	row->line = begin->line;
	for (;;) {
		rc = yamlr_next(l->yaml, &key, err);
		if (rc != RMG_OK)
			return rc;
		if (key.kind == YAMLR_ENDED)
			return check_row(row, err);
		rc = load_field(l, row, &key, err);
		if (rc != RMG_OK)
			return rc;
	}
}

static enum rmg_rc load_rows(struct loader *l, struct rmg_err *err)
{
	struct yamlr_item item;
	enum rmg_rc rc = yamlr_next(l->yaml, &item, err);

	if (rc != RMG_OK || item.kind == YAMLR_EOF || yamlr_is_null(&item))
		return rc;
	if (item.kind != YAMLR_LIST)
		return bad(err, item.line, "a list of rows was expected");
	for (;;) {
		rc = yamlr_next(l->yaml, &item, err);
		if (rc != RMG_OK)
			return rc;
		if (item.kind == YAMLR_ENDED)
			return yamlr_next(l->yaml, &item, err); /* the end, or junk behind it */
		rc = load_row(l, &item, err);
		if (rc != RMG_OK)
			return rc;
	}
}

/* The rows out of the loader's vector into the arena. */
static enum rmg_rc keep_rows(struct loader *l, struct rmg_err *err)
{
	struct ignore *ig = l->ig;

	ig->rows = ARENA_ARRAY(&ig->arena, l->rows.n, struct ignore_row);
	if (arena_rc(&ig->arena) != RMG_OK)
		return err_set(err, arena_rc(&ig->arena), "no memory");
	if (l->rows.n)
		memcpy(ig->rows, l->rows.v, l->rows.n * sizeof *ig->rows);
	ig->n_rows = l->rows.n;
	return RMG_OK;
}

enum rmg_rc ignore_load(struct span bytes, struct ignore *out, struct rmg_err *err)
{
	struct ignore ig = {0};
	struct loader l = {.ig = &ig};
	enum rmg_rc rc;

	if (bytes.n > LIMIT_IGNORE_BYTES)
		return err_set(err, RMG_E_LIMIT, "too large for an ignore file");
	arena_init(&ig.arena, 64 * LIMIT_IGNORE_BYTES);
	rc = yamlr_open(bytes, &l.yaml, err);
	if (rc == RMG_OK)
		rc = load_rows(&l, err);
	if (rc == RMG_OK)
		rc = keep_rows(&l, err);
	yamlr_close(l.yaml);
	VEC_DONE(&l.rows);
	if (rc != RMG_OK)
		arena_done(&ig.arena);
	else
		*out = ig;
	return rc;
}

void ignore_done(struct ignore *ig)
{
	arena_done(&ig->arena);
	*ig = (struct ignore){0};
}

/* A purl's beginning ends where one of its parts does: "pkg:npm/a" is not "pkg:npm/ab@1". */
static bool purl_begins(struct span purl, struct span head)
{
	return span_starts(purl, head) &&
	       (purl.n == head.n || strchr("/@?#", purl.p[head.n]) != NULL ||
		strchr("/@?#", head.p[head.n - 1]) != NULL);
}

/* The name as a person writes it: "@scope/x", "group:artifact", "github.com/x/y", or the last part.
 */
static bool is_named(const struct pkg *p, struct span name)
{
	struct span tail;

	if (span_is(p->name, name))
		return true;
	if (p->ns.n == 0 || !span_starts(name, p->ns))
		return false;
	tail = span_from(name, p->ns.n);
	return tail.n == p->name.n + 1 && (tail.p[0] == '/' || tail.p[0] == ':') &&
	       span_is(span_from(tail, 1), p->name);
}

static bool path_matches(const struct ignore_row *row, const struct component *c)
{
	if (row->path.n == 0)
		return true;
	for (size_t i = 0; i < c->n_paths; i++) {
		if (span_is(c->paths[i], row->path) || span_glob(row->path, c->paths[i]))
			return true;
	}
	return false;
}

static bool row_matches(const struct ignore_row *row, const struct component *c)
{
	if (!path_matches(row, c) || row->component.n == 0)
		return path_matches(row, c);
	if (span_starts(row->component, S("pkg:")))
		return purl_begins(c->purl, row->component);
	return is_named(&c->pkg, row->component);
}

static bool has_expired(const struct ignore_row *row, struct span today)
{
	return span_cmp(row->expires, today) < 0;
}

/* What v keeps of a row. */
static struct suppression *suppression_of(struct verdict *v, const struct ignore_row *row)
{
	struct suppression *s = ARENA_NEW(&v->arena, struct suppression);

	if (s) {
		s->by = arena_dup(&v->arena, row->owner);
		s->reason = arena_dup(&v->arena, row->reason);
		s->until = arena_dup(&v->arena, row->expires);
	}
	return s;
}

struct applier {
	struct ignore *ig;
	struct verdict *v;
	struct span today;
	struct map by_id;                /* hash of an id -> rows */
	const struct suppression **made; /* per row */
};

/* The first row that has this id and takes the component suppresses the finding. */
static void apply_id(struct applier *a, struct finding *f, struct span id)
{
	const struct component *c = &a->v->inventory->components[f->component];
	uint32_t at;

	for (size_t state = 0; (at = map_next(&a->by_id, hash_span(id), &state)) != MAP_NONE;) {
		struct ignore_row *row = &a->ig->rows[at];

		if (!span_is(row->id, id) || !row_matches(row, c))
			continue;
		row->used = true;
		if (has_expired(row, a->today) || f->suppressed)
			continue;
		if (a->made[at] == NULL)
			a->made[at] = suppression_of(a->v, row);
		f->suppressed = a->made[at];
	}
}

static enum rmg_rc apply_rows(struct applier *a)
{
	struct verdict *v = a->v;

	a->made = ARENA_ARRAY(&v->arena, a->ig->n_rows, const struct suppression *);
	for (size_t i = 0; i < a->ig->n_rows; i++) {
		if (!map_add_another(&a->by_id, hash_span(a->ig->rows[i].id), (uint32_t)i))
			return RMG_E_NOMEM;
	}
	if (a->made == NULL)
		return arena_rc(&v->arena);
	for (size_t i = 0; i < v->n_findings; i++) {
		struct finding *f = &v->findings[i];

		CHECK(f->component < v->inventory->n_components);
		apply_id(a, f, f->id);
		for (size_t k = 0; k < f->n_aliases; k++)
			apply_id(a, f, f->aliases[k]);
	}
	return arena_rc(&v->arena);
}

static struct note note_of(struct arena *a, const struct ignore_row *row, bool expired)
{
	char line[24];

	snprintf(line, sizeof line, "%u", row->line);
	if (expired)
		return (struct note){
		    .level = NOTE_WARN,
		    .code = S("ignore-expired"),
		    .cataloger = S("ignore"),
		    .text =
			ARENA_JOIN(a, S("the row for "), row->id, S(" in line "), span_cstr(line),
				   S(" (owner "), row->owner, S(") expired on "), row->expires,
				   S(" and suppresses nothing")),
		};
	return (struct note){
	    .level = NOTE_INFO,
	    .code = S("ignore-unused"),
	    .cataloger = S("ignore"),
	    .text = ARENA_JOIN(a, S("the row for "), row->id, S(" in line "), span_cstr(line),
			       S(" (owner "), row->owner, S(") matches no finding")),
	};
}

/* Appends a note for each row that does nothing. */
static enum rmg_rc note_idle_rows(struct applier *a)
{
	struct verdict *v = a->v;
	struct layer_note *notes =
	    ARENA_ARRAY(&v->arena, v->n_notes + a->ig->n_rows, struct layer_note);

	if (notes == NULL)
		return arena_rc(&v->arena);
	if (v->n_notes)
		memcpy(notes, v->notes, v->n_notes * sizeof *notes);
	v->notes = notes;
	for (size_t i = 0; i < a->ig->n_rows; i++) {
		const struct ignore_row *row = &a->ig->rows[i];
		bool expired = has_expired(row, a->today);

		if (row->used && !expired)
			continue;
		notes[v->n_notes++] = (struct layer_note){
		    .note = note_of(&v->arena, row, expired),
		    .layer = NO_LAYER,
		};
	}
	return arena_rc(&v->arena);
}

enum rmg_rc ignore_apply(struct ignore *ig, struct verdict *v, struct span today,
			 struct rmg_err *err)
{
	struct applier a = {.ig = ig, .v = v, .today = today};
	enum rmg_rc rc = apply_rows(&a);

	if (rc == RMG_OK)
		rc = note_idle_rows(&a);
	map_done(&a.by_id);
	return rc == RMG_OK ? rc : err_set(err, rc, "no memory to apply the ignore file");
}
