/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tarsplit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "format/json.h"

/* "type" of a line. */
enum { TYPE_FILE = 1, TYPE_SEGMENT = 2 };

struct tarsplit {
	struct strbuf line; /* what has come of one */
	struct json_doc doc;
	uint8_t *bytes; /* the payload's, or a name's */
	size_t cap;
	uint64_t lines, total;
	enum rmg_rc rc;
};

enum rmg_rc tarsplit_new(struct tarsplit **out, struct rmg_err *err)
{
	struct tarsplit *t = calloc(1, sizeof *t);

	if (t == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to read a layer's record");
	t->line = strbuf_of(LIMIT_TAR_SPLIT_BYTES);
	*out = t;
	return RMG_OK;
}

void tarsplit_free(struct tarsplit *t)
{
	if (t == NULL)
		return;
	strbuf_done(&t->line);
	json_done(&t->doc);
	free(t->bytes);
	free(t);
}

static enum rmg_rc bad(const struct tarsplit *t, const char *what, struct rmg_err *err)
{
	return err_set(err, RMG_E_FORMAT, "tar-split, line %" PRIu64 ": %s", t->lines, what);
}

static enum rmg_rc decode(struct tarsplit *t, struct span text, struct span *out,
			  struct rmg_err *err)
{
	size_t n = 0, want = text.n / 4 * 3 + 3;

	if (want > t->cap) {
		uint8_t *p = realloc(t->bytes, want);

		if (p == NULL)
			return err_set(err, RMG_E_NOMEM, "no memory to read a layer's record");
		t->bytes = p;
		t->cap = want;
	}
	if (!base64_bytes(text, t->bytes, t->cap, &n))
		return bad(t, "no base64", err);
	*out = span_of(t->bytes, n);
	return RMG_OK;
}

static enum rmg_rc count(struct tarsplit *t, uint64_t n, struct rmg_err *err)
{
	if (n > LIMIT_LAYER_BYTES - t->total)
		return err_set(err, RMG_E_LIMIT, "tar-split: more than %" PRIu64 " bytes of a tar",
			       LIMIT_LAYER_BYTES);
	t->total += n;
	return RMG_OK;
}

static enum rmg_rc take_segment(struct tarsplit *t, struct tarsplit_item *out, struct rmg_err *err)
{
	struct span text = json_get_str(t->doc.root, "payload");
	enum rmg_rc rc = decode(t, text, &out->bytes, err);

	if (rc != RMG_OK)
		return rc;
	out->kind = out->bytes.n ? TARSPLIT_BYTES : TARSPLIT_MORE;
	return count(t, out->bytes.n, err);
}

/* A name that is no UTF-8 comes as base64. */
static enum rmg_rc take_name(struct tarsplit *t, struct span *out, struct rmg_err *err)
{
	struct span raw = json_get_str(t->doc.root, "name_raw");
	enum rmg_rc rc = RMG_OK;

	*out = json_get_str(t->doc.root, "name");
	if (raw.n)
		rc = decode(t, raw, out, err);
	if (rc != RMG_OK)
		return rc;
	if (out->n == 0 || out->n > LIMIT_PATH_BYTES || span_chr(*out, 0) != SIZE_MAX)
		return bad(t, "no name of a file", err);
	return RMG_OK;
}

static enum rmg_rc take_file(struct tarsplit *t, struct tarsplit_item *out, struct rmg_err *err)
{
	json *size = json_get(t->doc.root, "size");
	enum rmg_rc rc;

	if (size && !json_get_u64(t->doc.root, "size", &out->size))
		return bad(t, "no size of a file", err);
	if (out->size == 0)
		return RMG_OK;
	rc = take_name(t, &out->name, err);
	if (rc == RMG_OK)
		rc = count(t, out->size, err);
	if (rc == RMG_OK)
		out->kind = TARSPLIT_FILE;
	return rc;
}

static enum rmg_rc take_line(struct tarsplit *t, struct tarsplit_item *out, struct rmg_err *err)
{
	struct span line = strbuf_span(&t->line);
	uint64_t type, position;
	enum rmg_rc rc;

	if (span_trim(line).n == 0)
		return RMG_OK;
	rc = json_parse(&t->doc, line, LIMIT_TAR_SPLIT_BYTES, err);
	if (rc != RMG_OK)
		return rc == RMG_E_NOMEM ? rc : bad(t, "no JSON", err);
	if (!json_get_u64(t->doc.root, "type", &type) ||
	    !json_get_u64(t->doc.root, "position", &position) || position != t->lines)
		return bad(t, "out of its order, or of no type", err);
	if (type == TYPE_SEGMENT)
		rc = take_segment(t, out, err);
	else if (type == TYPE_FILE)
		rc = take_file(t, out, err);
	else
		rc = bad(t, "of an unknown type", err);
	t->lines++;
	return rc;
}

/* Up to the end of a line; true once one is whole. */
static bool gather(struct tarsplit *t, struct span *in)
{
	size_t end = span_chr(*in, '\n');
	bool whole = end != SIZE_MAX;

	strbuf_put(&t->line, span_head(*in, end));
	*in = span_from(*in, whole ? end + 1 : in->n);
	return whole;
}

enum rmg_rc tarsplit_next(struct tarsplit *t, struct span *in, struct tarsplit_item *out,
			  struct rmg_err *err)
{
	*out = (struct tarsplit_item){0};
	if (t->rc != RMG_OK)
		return err_set(err, t->rc, "tar-split: damaged");
	while (in->n && out->kind == TARSPLIT_MORE && t->rc == RMG_OK) {
		bool whole = gather(t, in);

		if (strbuf_rc(&t->line) != RMG_OK)
			t->rc = err_set(err, strbuf_rc(&t->line), "tar-split: a line is too long");
		else if (whole)
			t->rc = take_line(t, out, err);
		if (whole)
			strbuf_clear(&t->line);
	}
	return t->rc;
}

enum rmg_rc tarsplit_end(const struct tarsplit *t, struct rmg_err *err)
{
	if (t->rc != RMG_OK)
		return err_set(err, t->rc, "tar-split: damaged");
	if (span_trim(strbuf_span(&t->line)).n)
		return bad(t, "it ends in the middle", err);
	return RMG_OK;
}
