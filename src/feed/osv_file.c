/* SPDX-License-Identifier: Apache-2.0 */
/* osv_file.c - OSV records as the publisher's bucket lays them: osv/ECOSYSTEM/ID.json and
 * osv/ECOSYSTEM/all.zip. Of two copies of one record the newer one counts, wherever it lies. */
#include "base/limits.h"
#include "feed/input.h"
#include "format/zip.h"

static enum rmg_rc take(struct input *in, struct span bytes, struct rmg_err *err)
{
	enum rmg_rc rc = json_parse(&in->doc, bytes, LIMIT_JSON_BYTES, err);

	if (rc != RMG_OK)
		return rc;
	osv_record(in, in->doc.root);
	return input_verdict(in, err);
}

/* What cannot be read of one record among many is that record's loss. */
static enum rmg_rc take_entry(struct input *in, struct span bytes, struct span name,
			      struct rmg_err *err)
{
	const char *zip = in->file;
	struct rmg_err why = {0};
	char text[256];

	snprintf(text, sizeof text, SPAN_FMT, SPAN_ARG(name));
	in->file = text;
	if (take(in, bytes, &why) != RMG_OK)
		input_warn(in, "%s", why.msg);
	in->refused = (struct rmg_err){0};
	in->file = zip;
	return why.rc == RMG_E_NOMEM ? err_set(err, RMG_E_NOMEM, "no memory for %s", text)
				     : input_stop(in, err);
}

static enum rmg_rc read_entries(struct input *in, struct span bytes, struct rmg_err *err)
{
	struct zip_work work = zip_work(LIMIT_FEED_FILE_BYTES);
	struct zip_iter it;
	struct zip_entry entry;
	struct zip zip;
	enum rmg_rc rc = zip_open(bytes, &zip, err);

	if (rc != RMG_OK)
		return rc;
	for (it = zip_iter(&zip); rc == RMG_OK && zip_next(&it, &entry);) {
		struct zip_data data = {0};

		if (!span_ends(entry.name, S(".json")))
			continue;
		rc = zip_read(&zip, &entry, &work, &data, err);
		if (rc == RMG_OK)
			rc = take_entry(in, data.s, entry.name, err);
		zip_data_done(&data);
	}
	if (rc == RMG_OK)
		rc = zip_end(&it, err);
	zip_work_done(&work);
	return rc;
}

static enum rmg_rc read_zip(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	struct file_map map;
	enum rmg_rc rc = file_map_at(file->dir_fd, file->name, &map, err);

	if (rc != RMG_OK)
		return rc;
	in->id = map.id;
	rc = read_entries(in, map.bytes, err);
	file_unmap(&map);
	return rc;
}

enum rmg_rc osv_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	struct span bytes;
	enum rmg_rc rc;

	if (span_ends(span_cstr(file->name), S(".zip")))
		return read_zip(in, file, err);
	rc = file_read_at(file->dir_fd, file->name, LIMIT_JSON_BYTES, &in->buf, &bytes, err);
	in->id = in->buf.id;
	return rc == RMG_OK ? take(in, bytes, err) : rc;
}
