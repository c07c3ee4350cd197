/* SPDX-License-Identifier: Apache-2.0 */
/* partial_pass.c - chunks by range requests, through the worker, checked, into a tar of our own. */
#include <sys/random.h>

#include "base/limits.h"
#include "format/sha256.h"
#include "format/tarw.h"
#include "lib/partial_inside.h"
#include "oci/digest.h"

enum { NONCE_BYTES = 32, GAP_BYTES = 64 << 10 };

/* A compressed stream of our own that holds the nonce and nothing else; it is put behind every
 * chunk, so that whatever a chunk decompresses to beyond its size can be told from the next one. */
struct marker {
	uint8_t nonce[NONCE_BYTES];
	uint8_t bytes[64];
	size_t n;
};

struct pass {
	struct partial *of;
	struct marker marker;
	struct box_job *job;

	/* The other end: what comes out becomes a tar. */
	struct tarw tar;
	source_sink *sink;
	void *user;
	struct rmg_err *err;
	enum rmg_rc sink_rc;
	size_t entry, chunk, part; /* being written */
	uint64_t skip;             /* bytes to pass over before the chunk's own */
	uint64_t at;               /* where the stream that holds the chunk stands after it */
	uint64_t left;             /* of the chunk */
	uint8_t tail[NONCE_BYTES - 1];
	size_t n_tail; /* end of what was looked through for the nonce */
	struct sha256 *sha;
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

static bool write_out(void *user, struct span bytes)
{
	struct pass *p = user;

	p->sink_rc = p->sink(p->user, bytes, p->err);
	return p->sink_rc == RMG_OK;
}

static enum rmg_rc wrote(const struct pass *p, enum rmg_rc rc)
{
	return p->sink_rc != RMG_OK ? p->sink_rc : rc;
}

static enum rmg_rc zeros(struct pass *p, uint64_t n)
{
	static const uint8_t block[65536];
	enum rmg_rc rc = RMG_OK;

	for (; rc == RMG_OK && n; n -= MIN_OF(n, sizeof block))
		rc = tarw_data(&p->tar, span_of(block, (size_t)MIN_OF(n, sizeof block)), p->err);
	return wrote(p, rc);
}

/* Writes all up to the next chunk that has to come from the worker, or to the end. */
static enum rmg_rc advance(struct pass *p)
{
	enum rmg_rc rc = RMG_OK;

	for (; rc == RMG_OK && p->entry < p->of->toc.n_entries; p->entry++, p->chunk = 0) {
		const struct toc_entry *e = &p->of->toc.entries[p->entry];
		bool want = p->of->want[p->entry];
		struct tar_entry head = e->tar;

		head.sparse = head.type == TAR_FILE && head.size && !want;
		if (p->chunk == 0)
			rc = wrote(p, tarw_entry(&p->tar, &head, p->err));
		for (; rc == RMG_OK && want && p->chunk < e->n; p->chunk++) {
			const struct toc_chunk *c = &p->of->toc.chunks[e->first + p->chunk];

			if (!c->zeros) {
				p->skip = c->inner - (p->of->parts[p->part].joins ? p->at : 0);
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

static bool is_done(const struct pass *p)
{
	return p->part == p->of->n_parts;
}

static enum rmg_rc check_chunk(struct pass *p)
{
	const struct toc_entry *e = &p->of->toc.entries[p->entry];
	uint8_t want[SHA256_BYTES], have[SHA256_BYTES];

	sha256_end(p->sha, have);
	if (digest_sha256(partial_chunk(p->of, &p->of->parts[p->part])->digest, want) &&
	    memcmp(want, have, sizeof want) == 0)
		return RMG_OK;
	return err_set(p->err, RMG_E_FORMAT,
		       SPAN_FMT
		       ": its bytes do not have the digest that the table of contents names",
		       SPAN_ARG(span_head(e->tar.path, 200)));
}

static enum rmg_rc next_part(struct pass *p)
{
	p->part++;
	p->chunk++;
	return advance(p);
}

static bool joins(const struct pass *p, size_t part)
{
	return part < p->of->n_parts && p->of->parts[part].joins;
}

/* The chunk is complete: good, and with the next one right behind it? */
static enum rmg_rc end_chunk(struct pass *p)
{
	enum rmg_rc rc = check_chunk(p);

	return rc == RMG_OK && joins(p, p->part + 1) ? next_part(p) : rc;
}

/* Passes over what follows a chunk, up to and with the nonce, which may be cut by pieces. */
static enum rmg_rc seek_marker(struct pass *p, struct span *in)
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
	struct pass *p = user;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && in.n) {
		size_t n;

		if (is_done(p))
			return err_set(err, RMG_E_FORMAT,
				       "more was decompressed than was asked for");
		if (p->skip) {
			n = (size_t)MIN_OF(p->skip, (uint64_t)in.n);
			p->skip -= n;
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
	struct pass *p;
	size_t part; /* under way */
	uint64_t at;
};

/* Cuts a run's bytes into chunks; gaps between them are dropped. */
static enum rmg_rc on_fetched(void *user, struct span in, struct rmg_err *err)
{
	struct run *r = user;
	struct pass *p = r->p;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && in.n && r->part < p->of->n_parts) {
		const struct toc_chunk *c = partial_chunk(p->of, &p->of->parts[r->part]);
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
static size_t run_of(const struct pass *p, size_t part, uint64_t *end)
{
	*end = partial_chunk(p->of, &p->of->parts[part])->end;
	for (part++; part < p->of->n_parts; part++) {
		const struct toc_chunk *c = partial_chunk(p->of, &p->of->parts[part]);

		if (p->of->parts[part].joins)
			continue;
		if (c->offset < *end || c->offset - *end > GAP_BYTES)
			break;
		*end = c->end;
	}
	return part;
}

static enum rmg_rc fetch_chunks(struct pass *p, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t part = 0, next; rc == RMG_OK && part < p->of->n_parts; part = next) {
		uint64_t first = partial_chunk(p->of, &p->of->parts[part])->offset, end;
		struct run r = {.p = p, .part = part, .at = first};

		next = run_of(p, part, &end);
		p->of->fetched += end - first;
		rc = client_range(p->of->client, p->of->layer->digest, first, end - 1, on_fetched,
				  &r, err);
	}
	return rc;
}

static bool stopped(void *user)
{
	return source_stopped(((const struct pass *)user)->of->source);
}

static enum rmg_rc pass_contents(struct pass *p, struct rmg_err *err)
{
	struct box_opts box = partial_box(p->of->source);
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

enum rmg_rc partial_pass(struct partial *of, source_sink *sink, void *user, struct rmg_err *err)
{
	struct pass p = {.of = of, .sink = sink, .user = user, .err = err, .sha = sha256_new()};
	enum rmg_rc rc = RMG_E_NOMEM;

	if (p.sha == NULL)
		(void)err_set(err, rc, "no memory for a hash");
	else
		rc = make_marker(&p.marker, of->place.kind, err);
	if (rc == RMG_OK)
		rc = pass_contents(&p, err);
	sha256_free(p.sha);
	return rc;
}
