/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/catalog.h"

#include "base/limits.h"
#include "base/utf8.h"

#define WHAT_BYTES 120 /* of a note's place that are shown */
#define NOTE_BYTES 1024
#define NOTES_TOLD 50  /* of one file; a damaged one may have millions */
#define PATH_ROOM 4096 /* LIMIT_PATH_BYTES, as an array wants it */

const struct cataloger *const catalogers[] = {
#define X(name, version) &catalog_##name,
#include "catalog/catalog.def"
#undef X
    NULL,
};

_Static_assert(COUNT_OF(catalogers) <= CATALOGERS_MAX + 1, "catalog_select() has 64 bits");

struct cat {
	struct facts_builder *out;
	const struct cataloger *self;
	const struct cat_file *file;
	struct arena *scratch;
	unsigned notes;
	enum note_level untold; /* the worst of the notes beyond NOTES_TOLD */
	uint64_t owned_bytes;   /* of all paths given to cat_own_path() */
};

const char *catalog_fingerprint(void)
{
	static const char rows[] =
#define X(name, version) " " #name "/" #version
#include "catalog/catalog.def"
#undef X
	    ;

	return rows + 1;
}

static enum note_level level_of(enum rmg_rc rc)
{
	if (rc == RMG_OK)
		return NOTE_INFO;
	return rc == RMG_E_UNSUPPORTED ? NOTE_WARN : NOTE_LOST;
}

static void note(const struct cataloger *self, const struct cat_file *f, enum note_level level,
		 const char *code, const char *text, struct facts_builder *out)
{
	struct note n = {
	    .level = level,
	    .code = span_cstr(code),
	    .cataloger = span_cstr(self->name),
	    .path = f->path,
	    .text = span_cstr(text),
	};

	facts_note(out, &n);
}

void catalog_lost(const struct cataloger *self, const struct cat_file *f, enum rmg_rc rc,
		  const char *reason, struct facts_builder *out)
{
	char text[NOTE_BYTES];

	snprintf(text, sizeof(text), "%s: packages that this file names may be missing", reason);
	note(self, f, NOTE_LOST, rc == RMG_E_LIMIT ? "file-too-large" : "file-unreadable", text,
	     out);
}

bool catalog_wants(const struct cataloger *self, const struct cat_file *f)
{
	return self->wants == NULL || self->wants(f);
}

/* What stopped a cataloger, for people. */
static const char *stop_reason(enum rmg_rc rc)
{
	switch (rc) {
	case RMG_E_LIMIT:
		return "a limit was reached in it";
	case RMG_E_NOMEM:
		return "memory ran out";
	case RMG_E_UNSUPPORTED:
		return "it is written in a way that is not supported";
	case RMG_OK:
	case RMG_E_ARG:
	case RMG_E_NOTFOUND:
	case RMG_E_IO:
	case RMG_E_NET:
	case RMG_E_AUTH:
	case RMG_E_FORMAT:
	case RMG_E_SANDBOX:
	case RMG_E_DB:
	case RMG_E_STOPPED:
		break;
	}
	return "it is damaged or cut short";
}

void catalog_run(const struct cataloger *self, const struct cat_file *f, struct span bytes,
		 struct facts_builder *out, struct arena *scratch)
{
	struct cat c = {.out = out, .self = self, .file = f, .scratch = scratch};
	enum rmg_rc rc;

	if (bytes.n > self->max_bytes) {
		catalog_lost(self, f, RMG_E_LIMIT, "larger than what is read of such files", out);
		return;
	}
	rc = self->parse(&c, bytes);
	if (rc == RMG_OK)
		rc = arena_rc(scratch);
	if (rc != RMG_OK)
		catalog_lost(self, f, rc, stop_reason(rc), out);
	if (c.notes > NOTES_TOLD)
		note(self, f, c.untold, "more-notes", "further notes of this file are not listed",
		     out);
	arena_reset(scratch);
}

const struct cat_file *cat_file(const struct cat *c)
{
	return c->file;
}

struct arena *cat_scratch(struct cat *c)
{
	return c->scratch;
}

struct scan_limits cat_limits(const struct cat *c)
{
	return scan_limits_within(c->file->limits ? *c->file->limits : (struct scan_limits){0});
}

void cat_emit(struct cat *c, const struct pkg *p)
{
	cat_emit_inner(c, p, (struct span){0});
}

void cat_emit_inner(struct cat *c, const struct pkg *p, struct span inner)
{
	struct fact_pkg fact = {
	    .pkg = *p,
	    .cataloger = span_cstr(c->self->name),
	    .path = c->file->path,
	    .inner = inner,
	};

	facts_pkg(c->out, &fact);
}

void cat_own(struct cat *c, const struct pkg *of)
{
	struct fact_owned owned = {
	    .type = of->type,
	    .name = of->name,
	    .version = of->version,
	    .arch = of->arch,
	    .path = c->file->path,
	};

	facts_own(c->out, &owned);
}

void cat_own_path(struct cat *c, struct span path)
{
	uint64_t before = c->owned_bytes;

	c->owned_bytes += path.n;
	if (c->owned_bytes <= LIMIT_OWNED_BYTES)
		facts_own_path(c->out, path);
	else if (before <= LIMIT_OWNED_BYTES)
		cat_note(c, RMG_E_LIMIT, "owned-limit",
			 "too many files in lists of packages; the rest counts as nobody's",
			 (struct span){0});
}

void cat_own_in(struct cat *c, struct span folder, struct span name)
{
	char path[PATH_ROOM];

	folder = span_rtrim_chr(folder, '/');
	if (folder.n + name.n + 1 > sizeof(path)) {
		cat_note(c, RMG_E_LIMIT, "owned-path", "path in a list of files is too long", name);
		return;
	}
	memcpy(path, folder.n ? folder.p : (const uint8_t *)"", folder.n);
	path[folder.n] = '/';
	memcpy(path + folder.n + 1, name.n ? name.p : (const uint8_t *)"", name.n);
	cat_own_path(c, span_of(path, folder.n + 1 + name.n));
}

void cat_os(struct cat *c, const struct fact_os *o)
{
	struct fact_os fact = *o;

	fact.path = c->file->path;
	facts_os(c->out, &fact);
}

void cat_note(struct cat *c, enum rmg_rc rc, const char *code, const char *text, struct span what)
{
	char full[NOTE_BYTES], place[WHAT_BYTES + 1];
	struct span shown = span_head(what, WHAT_BYTES);
	enum note_level level = level_of(rc);

	if (++c->notes > NOTES_TOLD) {
		c->untold = MAX_OF(c->untold, level);
		return;
	}
	if (what.n == 0) {
		note(c->self, c->file, level, code, text, c->out);
		return;
	}
	for (size_t i = 0; i < shown.n; i++)
		place[i] = shown.p[i] ? (char)shown.p[i] : '?';
	place[shown.n] = '\0';
	utf8_clean_cstr(place, sizeof(place));
	snprintf(full, sizeof(full), "%s: %s%s", text, place, what.n > shown.n ? "..." : "");
	note(c->self, c->file, level, code, full, c->out);
}
