/* SPDX-License-Identifier: Apache-2.0 */
/* partial_plan.c - a layer's table of contents, and which of its chunks are wanted. */
#include "base/strbuf.h"
#include "format/sha256.h"
#include "lib/partial_inside.h"
#include "oci/digest.h"

static enum rmg_rc collect(void *user, struct span bytes, struct rmg_err *err)
{
	struct strbuf *b = user;

	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK
		   ? RMG_OK
		   : err_set(err, strbuf_rc(b), "the table of contents is too long");
}

static enum rmg_rc inflate(const struct source *s, struct span in, struct strbuf *out,
			   struct rmg_err *err)
{
	struct box_opts box = partial_box(s);
	struct box_job *job = NULL;
	struct span nothing;
	enum rmg_rc rc;

	box.max_bytes = TOC_BYTES_MAX + 4096;
	box.sink = collect;
	box.user = out;
	rc = box_start(JOB_INFLATE, &box, &job, err);
	if (rc == RMG_OK)
		rc = box_put(job, in, err);
	if (rc == RMG_OK)
		rc = box_finish(job, &nothing, NULL, err);
	box_free(job);
	return rc;
}

static enum rmg_rc fetch(struct partial *p, uint64_t first, uint64_t end, struct strbuf *out,
			 struct rmg_err *err)
{
	p->fetched += end - first;
	return client_range(p->client, p->layer->digest, first, end - 1, collect, out, err);
}

static enum rmg_rc find_footer(struct partial *p, struct rmg_err *err)
{
	struct strbuf footer = strbuf_of(TOC_FOOTER_BYTES + 1);
	uint64_t size = p->layer->size_bytes;
	enum rmg_rc rc = fetch(p, size - TOC_FOOTER_BYTES, size, &footer, err);

	if (rc == RMG_OK)
		rc = toc_footer(strbuf_span(&footer), size, &p->place, err);
	strbuf_done(&footer);
	return rc;
}

static enum rmg_rc read_table(struct partial *p, struct span packed, struct strbuf *text,
			      struct rmg_err *err)
{
	struct span json = {0};
	enum rmg_rc rc = RMG_OK;

	if (p->place.kind == TOC_ZSTD_CHUNKED)
		rc = digest_check(p->place.digest, packed, "table of contents", err);
	if (rc == RMG_OK)
		rc = inflate(p->source, packed, text, err);
	if (rc == RMG_OK)
		rc = toc_json(p->place.kind, strbuf_span(text), &json, err);
	if (rc == RMG_OK && p->place.kind == TOC_ESTARGZ)
		rc = digest_check(p->place.digest, json, "table of contents", err);
	return rc == RMG_OK ? toc_parse(json, &p->place, &p->arena, &p->toc, err) : rc;
}

static enum rmg_rc fetch_table(struct partial *p, struct rmg_err *err)
{
	struct strbuf packed = strbuf_of(TOC_BYTES_MAX + 1), text = strbuf_of(TOC_BYTES_MAX + 8192);
	enum rmg_rc rc = p->place.kind == TOC_ESTARGZ ? find_footer(p, err) : RMG_OK;

	if (rc == RMG_OK)
		rc = fetch(p, p->place.offset, p->place.offset + p->place.size, &packed, err);
	if (rc == RMG_OK)
		rc = read_table(p, strbuf_span(&packed), &text, err);
	strbuf_done(&packed);
	strbuf_done(&text);
	return rc;
}

/* Names of programs that are often without an execute bit, and whose files are few: of .py and .js
 * a layer may hold ten thousands, nearly all of them modules that nothing starts. */
static bool has_program_name(struct span path)
{
	static const char *const endings[] = {".so",   ".ko",   ".node", ".exe", ".dll",
					      ".efi",  ".wasm", ".pyz",  ".sh",  ".bash",
					      ".tcsh", ".pl",   ".pm"};
	struct span name = span_basename(path);

	for (size_t i = 0; i < COUNT_OF(endings); i++)
		if (span_ends_icase(name, span_cstr(endings[i])))
			return true;
	return span_has(name, S(".so."));
}

/* Content that nothing vouches for is no reason to do without the layer's digest. */
static bool can_be_checked(const struct partial *p, const struct toc_entry *e)
{
	uint8_t sum[SHA256_BYTES];

	for (size_t i = 0; i < e->n; i++) {
		const struct toc_chunk *c = &p->toc.chunks[e->first + i];

		if (!c->zeros && !digest_sha256(c->digest, sum))
			return false;
	}
	return true;
}

static enum rmg_rc choose_files(struct partial *p, struct rmg_err *err)
{
	const struct source_env *env = &p->source->env;

	p->want = ARENA_ARRAY(&p->arena, p->toc.n_entries, bool);
	if (p->want == NULL)
		return err_set(err, arena_rc(&p->arena), "no memory for a table of contents");
	for (size_t i = 0; i < p->toc.n_entries; i++) {
		const struct tar_entry *e = &p->toc.entries[i].tar;

		if (e->type != TAR_FILE || e->size == 0)
			continue;
		p->want[i] = env->wanted == NULL || (e->mode & 0111) || has_program_name(e->path) ||
			     env->wanted(env->user, e->path, e->mode, e->size, S(""));
		if (p->want[i] && !can_be_checked(p, &p->toc.entries[i]))
			return err_set(err, RMG_E_FORMAT,
				       "the table of contents has no digest of " SPAN_FMT,
				       SPAN_ARG(span_head(e->path, 200)));
		p->files += p->want[i];
	}
	return RMG_OK;
}

static void plan_entry(struct partial *p, size_t entry)
{
	const struct toc_entry *e = &p->toc.entries[entry];

	for (size_t i = 0; i < e->n; i++) {
		struct part part = {.entry = entry, .chunk = i};
		const struct toc_chunk *c = partial_chunk(p, &part), *last = NULL;

		if (c->zeros)
			continue;
		if (p->n_parts)
			last = partial_chunk(p, &p->parts[p->n_parts - 1]);
		part.joins = last && last->offset == c->offset && last->end == c->end &&
			     c->inner >= last->inner && c->inner - last->inner >= last->size_bytes;
		p->parts[p->n_parts++] = part;
	}
}

/* What to fetch. Where that is most of the layer, its digest is worth more than what is saved. */
static enum rmg_rc choose_chunks(struct partial *p, struct rmg_err *err)
{
	uint64_t bytes = 0;

	p->parts = ARENA_ARRAY(&p->arena, p->toc.n_chunks, struct part);
	if (p->parts == NULL)
		return err_set(err, arena_rc(&p->arena), "no memory for a table of contents");
	for (size_t i = 0; i < p->toc.n_entries; i++)
		if (p->want[i])
			plan_entry(p, i);
	for (size_t i = 0; i < p->n_parts; i++) {
		const struct toc_chunk *c = partial_chunk(p, &p->parts[i]);

		if (!p->parts[i].joins && __builtin_add_overflow(bytes, c->end - c->offset, &bytes))
			bytes = UINT64_MAX;
		if (bytes > p->layer->size_bytes / 4 * 3)
			return err_set(err, RMG_E_UNSUPPORTED,
				       "most of it would be fetched in parts");
	}
	return RMG_OK;
}

enum rmg_rc partial_plan(struct partial *p, struct rmg_err *err)
{
	enum rmg_rc rc = fetch_table(p, err);

	if (rc == RMG_OK)
		rc = choose_files(p, err);
	return rc == RMG_OK ? choose_chunks(p, err) : rc;
}
