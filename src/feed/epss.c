/* SPDX-License-Identifier: Apache-2.0 */
/* epss.c - FIRST's exploit prediction scores, epss.csv or epss.csv.gz: comment lines begin with
 * '#', then "cve,epss,percentile", then a line per CVE. */
#include "base/limits.h"
#include "base/rd.h"
#include "feed/input.h"
#include "format/codec.h"

/* "0.97565", "1", "0": at most nine digits behind the point count. */
static bool fraction(struct span s, double *out)
{
	struct span whole = s, part = {0};
	uint64_t a = 0, b = 0, unit = 1;

	span_cut(s, '.', &whole, &part);
	part = span_head(part, 9);
	for (size_t i = 0; i < part.n; i++)
		unit *= 10;
	if (!span_u64(whole, 10, 1, &a) || (part.n && !span_u64(part, 10, unit, &b)))
		return false;
	*out = (double)(a * unit + b) / (double)unit;
	return *out <= 1;
}

static void take_line(struct input *in, struct span line)
{
	struct span cve, score, percentile;
	double s, p;

	if (!span_cut(line, ',', &cve, &score) || !span_cut(score, ',', &score, &percentile) ||
	    !is_cve(cve) || !fraction(score, &s) || !fraction(span_trim(percentile), &p)) {
		input_warn(in, "\"" SPAN_FMT "\" is no score", SPAN_ARG(span_head(line, 80)));
		return;
	}
	advdb_add_epss(in->b, cve, s, p);
	in->count++;
}

enum rmg_rc epss_take(struct input *in, struct span csv, struct rmg_err *err)
{
	struct rd r = rd_of(csv);
	struct span line = {0};

	while (rd_more(&r)) {
		line = rd_line(&r);
		if (!span_starts(line, S("#")))
			break;
	}
	if (!span_starts(line, S("cve,epss,percentile")))
		return err_set(err, RMG_E_FORMAT, "not a table of EPSS scores");
	while (rd_more(&r)) {
		line = rd_line(&r);
		if (line.n)
			take_line(in, line);
	}
	return RMG_OK;
}

/* Unpacks into one buffer that doubles. */
static enum rmg_rc unpack(struct span packed, struct span *out, struct rmg_err *err)
{
	VEC(uint8_t) buf = {0};
	struct codec *codec = NULL;
	enum rmg_rc rc = codec_new(CODEC_GZIP, &codec, err);
	size_t n = 1;

	while (rc == RMG_OK && (packed.n || n)) {
		if (buf.n > LIMIT_FEED_JSON_BYTES)
			rc = err_set(err, RMG_E_LIMIT, "unpacks to too many bytes");
		else if (!VEC_RESERVE(&buf, buf.n + MIB(1)))
			rc = err_set(err, RMG_E_NOMEM, "no memory to unpack");
		else
			rc = codec_step(codec, &packed, buf.v + buf.n, buf.cap - buf.n, &n, err);
		if (rc == RMG_OK)
			buf.n += n;
	}
	if (rc == RMG_OK)
		rc = codec_end(codec, err);
	codec_free(codec);
	if (rc != RMG_OK)
		VEC_DONE(&buf);
	*out = span_of(buf.v, buf.n);
	return rc;
}

static enum rmg_rc take_packed(struct input *in, struct span packed, struct rmg_err *err)
{
	struct span csv = {0};
	enum rmg_rc rc = unpack(packed, &csv, err);

	if (rc == RMG_OK)
		rc = epss_take(in, csv, err);
	file_free(&csv);
	return rc;
}

enum rmg_rc epss_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	struct file_map map;
	enum rmg_rc rc = file_map_at(file->dir_fd, file->name, &map, err);

	if (rc != RMG_OK)
		return rc;
	in->id = map.id;
	rc = span_ends(span_cstr(file->name), S(".gz")) ? take_packed(in, map.bytes, err)
							: epss_take(in, map.bytes, err);
	file_unmap(&map);
	return rc;
}
