/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_check.c - whether what a publisher sent is what was asked for. It is read to its end: a
 * copy that the build would refuse must not take the place of a good one. */
#include "base/limits.h"
#include "feed/fetch.h"
#include "format/codec.h"
#include "format/json.h"
#include "format/zip.h"

/* Whether it is a JSON object in which shape(), where there is one, finds what it looks for. */
static enum rmg_rc check_json(struct span content, bool (*shape)(json *root), const char *what,
			      struct rmg_err *err)
{
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, content, LIMIT_FEED_JSON_BYTES, err);

	if (rc == RMG_OK && (!json_is_object(doc.root) || json_len(doc.root) == 0))
		rc = err_set(err, RMG_E_FORMAT, "not a JSON object");
	else if (rc == RMG_OK && !shape(doc.root))
		rc = err_set(err, RMG_E_FORMAT, "%s", what);
	json_done(&doc);
	return rc;
}

static bool is_record(json *root)
{
	return json_get_str(root, "id").n != 0;
}

enum rmg_rc fetch_check_record(struct span content, struct rmg_err *err)
{
	return check_json(content, is_record, "not an OSV record: it has no id", err);
}

static bool is_tracker(json *root)
{
	struct json_iter it = json_iter(root);

	return json_next(&it) && json_is_object(it.value);
}

enum rmg_rc fetch_check_tracker(struct span content, struct rmg_err *err)
{
	return check_json(content, is_tracker, "not the tracker's JSON", err);
}

static bool is_secdb(json *root)
{
	return json_is_array(json_get(root, "packages"));
}

enum rmg_rc fetch_check_secdb(struct span content, struct rmg_err *err)
{
	return check_json(content, is_secdb, "no list of packages", err);
}

static bool is_kev(json *root)
{
	return json_is_array(json_get(root, "vulnerabilities"));
}

enum rmg_rc fetch_check_kev(struct span content, struct rmg_err *err)
{
	return check_json(content, is_kev, "no list of vulnerabilities", err);
}

enum rmg_rc fetch_check_zip(struct span content, struct rmg_err *err)
{
	struct zip_work work = zip_work(LIMIT_FEED_FILE_BYTES);
	struct zip_entry entry;
	struct zip_iter it;
	struct zip zip;
	enum rmg_rc rc = zip_open(content, &zip, err);

	if (rc != RMG_OK)
		return rc;
	for (it = zip_iter(&zip); rc == RMG_OK && zip_next(&it, &entry);) {
		struct zip_data data = {0};

		rc = zip_read(&zip, &entry, &work, &data, err);
		zip_data_done(&data);
	}
	if (rc == RMG_OK)
		rc = zip_end(&it, err);
	zip_work_done(&work);
	return rc;
}

enum rmg_rc fetch_check_text(struct span content, struct rmg_err *err)
{
	if (content.n == 0 || content.p[0] == '<')
		return err_set(err, RMG_E_FORMAT, "not a list");
	return RMG_OK;
}

enum rmg_rc fetch_check_gzip(struct span content, struct rmg_err *err)
{
	struct codec *codec = NULL;
	uint8_t buf[KIB(8)];
	size_t n = 1;
	enum rmg_rc rc;

	if (codec_detect(content) != CODEC_GZIP)
		return err_set(err, RMG_E_FORMAT, "not compressed by gzip");
	rc = codec_new(CODEC_GZIP, &codec, err);
	while (rc == RMG_OK && (content.n || n)) {
		rc = codec_step(codec, &content, buf, sizeof buf, &n, err);
		if (rc == RMG_OK && codec_out_bytes(codec) > LIMIT_FEED_JSON_BYTES)
			rc = err_set(err, RMG_E_LIMIT, "unpacks to too many bytes");
	}
	if (rc == RMG_OK)
		rc = codec_end(codec, err);
	codec_free(codec);
	return rc;
}
