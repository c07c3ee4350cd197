/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/partial.h"

#include <inttypes.h>
#include <sys/random.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "box/box.h"
#include "format/sha256.h"
#include "format/tarw.h"
#include "oci/digest.h"

enum { NONCE_BYTES = 32, GAP_BYTES = 64 << 10 };

/* A compressed stream of our own that holds the nonce and nothing else; it is put behind every
 * chunk, so that whatever a chunk decompresses to beyond its size can be told from the next one. */
struct marker {
	uint8_t nonce[NONCE_BYTES];
	uint8_t bytes[64];
	size_t n;
};

/* A chunk to fetch. One that joins lies in the same compressed stream as the one before, further
 * on. */
struct part {
	size_t entry, chunk;
	bool joins;
};

struct partial {
	struct source *source;
	struct client *client;
	const struct source_layer *layer;
	struct toc_place place;
	struct toc toc;
	struct arena arena;
	bool *want; /* by entry */
	struct part *parts;
	size_t n_parts;
	struct marker marker;
	struct box_job *job;

	/* The other end: what comes out becomes a tar. */
	struct tarw tar;
	source_sink *sink;
	void *user;
	struct rmg_err *err;
	enum rmg_rc sink_rc;
	size_t entry, chunk, part; /* being written */
	uint64_t pass;             /* bytes to pass over before the chunk's own */
	uint64_t at;               /* where the stream that holds the chunk stands after it */
	uint64_t left;             /* of the chunk */
	uint8_t tail[NONCE_BYTES - 1];
	size_t n_tail; /* end of what was looked through for the nonce */
	struct sha256 *sha;
	uint64_t fetched, files;
};

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put(struct marker *m, const void *bytes, size_t n)
{
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

/* gzip: RFC 1952 around one stored block (RFC 1951, 3.2.4). zstd: RFC 8878, a single segment with
 * one raw block. */
static enum rmg_rc make_marker(struct marker *m, enum toc_kind kind, struct rmg_err *err)
{
	static const uint8_t gzip_head[] = {0x1f, 0x8b, 8, 0,  0, 0,    0,   0,
					    0,    255,  1, 32, 0, 0xdf, 0xff};
	static const uint8_t zstd_head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 32, 0x01, 0x01, 0};
	uint32_t crc;

	if (getrandom(m->nonce, sizeof m->nonce, 0) != (ssize_t)sizeof m->nonce)
		return err_os(err, RMG_E_IO, "random bytes");
	m->n = 0;
	if (kind == TOC_ZSTD_CHUNKED) {
		put(m, zstd_head, sizeof zstd_head);
		put(m, m->nonce, sizeof m->nonce);
		return RMG_OK;
	}
	crc = crc32_of(m->nonce, sizeof m->nonce);
	put(m, gzip_head, sizeof gzip_head);
	put(m, m->nonce, sizeof m->nonce);
	put(m,
	    (uint8_t[]){(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
			(uint8_t)(crc >> 24), NONCE_BYTES, 0, 0, 0},
	    8);
	return RMG_OK;
}

static enum rmg_rc collect(void *user, struct span bytes, struct rmg_err *err)
{
	struct strbuf *b = user;

	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK
		   ? RMG_OK
		   : err_set(err, strbuf_rc(b), "the table of contents is too long");
}

static struct box_opts box_of(const struct source *s)
{
	return (struct box_opts){.worker = s->env.opts->worker,
				 .no_sandbox = s->env.opts->no_sandbox};
}

static enum rmg_rc inflate(const struct source *s, struct span in, struct strbuf *out,
			   struct rmg_err *err)
{
	struct box_opts box = box_of(s);
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

static enum rmg_rc choose(struct partial *p, struct rmg_err *err)
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

static const struct toc_chunk *chunk_of(const struct partial *p, const struct part *part)
{
	return &p->toc.chunks[p->toc.entries[part->entry].first + part->chunk];
}

static void plan_entry(struct partial *p, size_t entry)
{
	const struct toc_entry *e = &p->toc.entries[entry];

	for (size_t i = 0; i < e->n; i++) {
		struct part part = {.entry = entry, .chunk = i};
		const struct toc_chunk *c = chunk_of(p, &part), *last = NULL;

		if (c->zeros)
			continue;
		if (p->n_parts)
			last = chunk_of(p, &p->parts[p->n_parts - 1]);
		part.joins = last && last->offset == c->offset && last->end == c->end &&
			     c->inner >= last->inner && c->inner - last->inner >= last->size_bytes;
		p->parts[p->n_parts++] = part;
	}
}

/* What to fetch. Where that is most of the layer, its digest is worth more than what is saved. */
static enum rmg_rc plan(struct partial *p, struct rmg_err *err)
{
	uint64_t bytes = 0;

	p->parts = ARENA_ARRAY(&p->arena, p->toc.n_chunks, struct part);
	if (p->parts == NULL)
		return err_set(err, arena_rc(&p->arena), "no memory for a table of contents");
	for (size_t i = 0; i < p->toc.n_entries; i++)
		if (p->want[i])
			plan_entry(p, i);
	for (size_t i = 0; i < p->n_parts; i++) {
		const struct toc_chunk *c = chunk_of(p, &p->parts[i]);

		if (!p->parts[i].joins && __builtin_add_overflow(bytes, c->end - c->offset, &bytes))
			bytes = UINT64_MAX;
		if (bytes > p->layer->size_bytes / 4 * 3)
			return err_set(err, RMG_E_UNSUPPORTED,
				       "most of it would be fetched in parts");
	}
	return RMG_OK;
}

static bool write_out(void *user, struct span bytes)
{
	struct partial *p = user;

	p->sink_rc = p->sink(p->user, bytes, p->err);
	return p->sink_rc == RMG_OK;
}

static enum rmg_rc wrote(const struct partial *p, enum rmg_rc rc)
{
	return p->sink_rc != RMG_OK ? p->sink_rc : rc;
}

static enum rmg_rc zeros(struct partial *p, uint64_t n)
{
	static const uint8_t block[65536];
	enum rmg_rc rc = RMG_OK;

	for (; rc == RMG_OK && n; n -= MIN_OF(n, sizeof block))
		rc = tarw_data(&p->tar, span_of(block, (size_t)MIN_OF(n, sizeof block)), p->err);
	return wrote(p, rc);
}

/* Writes all up to the next chunk that has to come from the worker, or to the end. */
static enum rmg_rc advance(struct partial *p)
{
	enum rmg_rc rc = RMG_OK;

	for (; rc == RMG_OK && p->entry < p->toc.n_entries; p->entry++, p->chunk = 0) {
		const struct toc_entry *e = &p->toc.entries[p->entry];
		bool want = p->want[p->entry];
		struct tar_entry head = e->tar;

		head.sparse = head.type == TAR_FILE && head.size && !want;
		if (p->chunk == 0)
			rc = wrote(p, tarw_entry(&p->tar, &head, p->err));
		for (; rc == RMG_OK && want && p->chunk < e->n; p->chunk++) {
			const struct toc_chunk *c = &p->toc.chunks[e->first + p->chunk];

			if (!c->zeros) {
				p->pass = c->inner - (p->parts[p->part].joins ? p->at : 0);
				p->at = c->inner + c->size_bytes;
				p->left = c->size_bytes;
				sha256_begin(p->sha);
				return RMG_OK;
			}
			rc = zeros(p, c->size_bytes);
		}
	}
	return rc;
}

static bool is_done(const struct partial *p)
{
	return p->part == p->n_parts;
}

static enum rmg_rc check_chunk(struct partial *p)
{
	const struct toc_entry *e = &p->toc.entries[p->entry];
	uint8_t want[SHA256_BYTES], have[SHA256_BYTES];

	sha256_end(p->sha, have);
	if (digest_sha256(chunk_of(p, &p->parts[p->part])->digest, want) &&
	    memcmp(want, have, sizeof want) == 0)
		return RMG_OK;
	return err_set(p->err, RMG_E_FORMAT,
		       SPAN_FMT
		       ": its bytes do not have the digest that the table of contents names",
		       SPAN_ARG(span_head(e->tar.path, 200)));
}

static enum rmg_rc next_part(struct partial *p)
{
	p->part++;
	p->chunk++;
	return advance(p);
}

static bool joins(const struct partial *p, size_t part)
{
	return part < p->n_parts && p->parts[part].joins;
}

/* The chunk is complete: good, and with the next one right behind it? */
static enum rmg_rc end_chunk(struct partial *p)
{
	enum rmg_rc rc = check_chunk(p);

	return rc == RMG_OK && joins(p, p->part + 1) ? next_part(p) : rc;
}

/* Passes over what follows a chunk, up to and with the nonce, which may be cut by pieces. */
static enum rmg_rc seek_marker(struct partial *p, struct span *in)
{
	uint8_t joint[2 * NONCE_BYTES];
	struct span nonce = span_of(p->marker.nonce, NONCE_BYTES), window;
	size_t take = MIN_OF(in->n, (size_t)NONCE_BYTES), at;

	memcpy(joint, p->tail, p->n_tail);
	memcpy(joint + p->n_tail, in->p, take);
	window = span_of(joint, p->n_tail + take);
	at = span_find(window, nonce);
	if (at != SIZE_MAX) {
		*in = span_from(*in, at + NONCE_BYTES - p->n_tail);
	} else if ((at = span_find(*in, nonce)) != SIZE_MAX) {
		*in = span_from(*in, at + NONCE_BYTES);
	} else {
		struct span rest = in->n > NONCE_BYTES ? *in : window;

		p->n_tail = MIN_OF(rest.n, sizeof p->tail);
		memmove(p->tail, rest.p + rest.n - p->n_tail, p->n_tail);
		*in = span_from(*in, in->n);
		return RMG_OK;
	}
	p->n_tail = 0;
	return next_part(p);
}

/* What the worker has decompressed: of each chunk inner bytes, its own, something, the nonce. */
static enum rmg_rc on_inflated(void *user, struct span in, struct rmg_err *err)
{
	struct partial *p = user;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && in.n) {
		size_t n;

		if (is_done(p))
			return err_set(err, RMG_E_FORMAT,
				       "more was decompressed than was asked for");
		if (p->pass) {
			n = (size_t)MIN_OF(p->pass, (uint64_t)in.n);
			p->pass -= n;
			in = span_from(in, n);
		} else if (p->left) {
			n = (size_t)MIN_OF(p->left, (uint64_t)in.n);
			sha256_put(p->sha, span_head(in, n));
			rc = wrote(p, tarw_data(&p->tar, span_head(in, n), p->err));
			p->left -= n;
			in = span_from(in, n);
			if (rc == RMG_OK && p->left == 0)
				rc = end_chunk(p);
		} else {
			rc = seek_marker(p, &in);
		}
	}
	return rc;
}

/* One request for chunks that lie near each other. */
struct run {
	struct partial *p;
	size_t part; /* under way */
	uint64_t at;
};

/* Cuts a run's bytes into chunks; gaps between them are dropped. */
static enum rmg_rc on_fetched(void *user, struct span in, struct rmg_err *err)
{
	struct run *r = user;
	struct partial *p = r->p;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && in.n && r->part < p->n_parts) {
		const struct toc_chunk *c = chunk_of(p, &p->parts[r->part]);
		uint64_t gap = c->offset > r->at ? MIN_OF(c->offset - r->at, (uint64_t)in.n) : 0;
		uint64_t own;

		r->at += gap;
		in = span_from(in, (size_t)gap);
		own = MIN_OF(c->end - r->at, (uint64_t)in.n);
		rc = box_put(p->job, span_head(in, (size_t)own), err);
		r->at += own;
		in = span_from(in, (size_t)own);
		if (rc != RMG_OK || r->at < c->end)
			continue;
		rc = box_put(p->job, span_of(p->marker.bytes, p->marker.n), err);
		do
			r->part++;
		while (joins(p, r->part));
	}
	return rc;
}

/* Where the run that begins with a part ends: before one that lies before, or far behind. */
static size_t run_of(const struct partial *p, size_t part, uint64_t *end)
{
	*end = chunk_of(p, &p->parts[part])->end;
	for (part++; part < p->n_parts; part++) {
		const struct toc_chunk *c = chunk_of(p, &p->parts[part]);

		if (p->parts[part].joins)
			continue;
		if (c->offset < *end || c->offset - *end > GAP_BYTES)
			break;
		*end = c->end;
	}
	return part;
}

static enum rmg_rc fetch_chunks(struct partial *p, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t part = 0, next; rc == RMG_OK && part < p->n_parts; part = next) {
		uint64_t first = chunk_of(p, &p->parts[part])->offset, end;
		struct run r = {.p = p, .part = part, .at = first};

		next = run_of(p, part, &end);
		p->fetched += end - first;
		rc = client_range(p->client, p->layer->digest, first, end - 1, on_fetched, &r, err);
	}
	return rc;
}

static bool stopped(void *user)
{
	return source_stopped(((const struct partial *)user)->source);
}

static enum rmg_rc pass_contents(struct partial *p, struct rmg_err *err)
{
	struct box_opts box = box_of(p->source);
	struct span nothing;
	enum rmg_rc rc;

	box.max_bytes = LIMIT_LAYER_BYTES;
	box.sink = on_inflated;
	box.stop = stopped;
	box.user = p;
	tarw_init(&p->tar, write_out, p);
	rc = advance(p);
	if (rc == RMG_OK && !is_done(p)) {
		rc = box_start(JOB_INFLATE, &box, &p->job, err);
		if (rc == RMG_OK)
			rc = fetch_chunks(p, err);
		if (rc == RMG_OK)
			rc = box_finish(p->job, &nothing, NULL, err);
		box_free(p->job);
	}
	if (rc == RMG_OK && !is_done(p))
		rc = err_set(err, RMG_E_FORMAT, "less was decompressed than was asked for");
	return rc == RMG_OK ? wrote(p, tarw_end(&p->tar, err)) : rc;
}

static enum rmg_rc read_parts(struct partial *p, struct rmg_err *err)
{
	enum rmg_rc rc = fetch_table(p, err);

	if (rc == RMG_OK)
		rc = choose(p, err);
	if (rc == RMG_OK)
		rc = plan(p, err);
	if (rc == RMG_OK)
		rc = make_marker(&p->marker, p->place.kind, err);
	/* Nothing is sent yet: whatever is wrong with the table, the layer itself may be sound. */
	if (rc != RMG_OK)
		return rc == RMG_E_STOPPED || rc == RMG_E_NOMEM ? rc : RMG_E_UNSUPPORTED;
	rc = pass_contents(p, err);
	if (rc == RMG_OK)
		source_note(p->source, NOTE_WARN, "partial", S(""),
			    "layer " SPAN_FMT ": of its files only %" PRIu64
			    " were fetched, %" PRIu64 " of %" PRIu64
			    " bytes: the layer's digest was not verified, those files' were; "
			    "executables, and Go modules in them, are not seen where neither an "
			    "execute bit nor a name tells, as with most .py and .js files",
			    SPAN_ARG(span_head(p->layer->digest, 19)), p->files, p->fetched,
			    p->layer->size_bytes);
	return rc == RMG_E_UNSUPPORTED ? RMG_E_NET : rc;
}

enum rmg_rc partial_read(struct source *s, struct client *client, size_t layer, source_sink *sink,
			 void *user, struct rmg_err *err)
{
	const struct source_layer *l = &s->layers[layer];
	struct partial p = {
	    .source = s,
	    .client = client,
	    .layer = l,
	    .place = toc_locate(l->annotations, l->n_annotations, l->size_bytes),
	    .sink = sink,
	    .user = user,
	    .err = err,
	    .sha = sha256_new(),
	};
	enum rmg_rc rc;

	arena_init(&p.arena, MIB(512));
	rc = p.sha ? read_parts(&p, err) : err_set(err, RMG_E_NOMEM, "no memory for a hash");
	sha256_free(p.sha);
	arena_done(&p.arena);
	return rc;
}
