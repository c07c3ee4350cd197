/* SPDX-License-Identifier: Apache-2.0 */
/* osv_dir.c - OSV records as the publisher's bucket lays them: osv/ECOSYSTEM/ID.json and
 * osv/ECOSYSTEM/all.zip, or both: of two copies of one record the newer one counts, wherever it
 * lies. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "feed/input.h"
#include "format/zip.h"

static void take(struct input *in, struct span bytes, const char *name)
{
	struct rmg_err why = {0};

	in->file = name;
	if (json_parse(&in->doc, bytes, LIMIT_JSON_BYTES, &why) == RMG_OK)
		osv_record(in, in->doc.root);
	else
		input_warn(in, "%s", why.msg);
	in->file = NULL;
}

static enum rmg_rc read_zip(struct input *in, const char *path, struct rmg_err *err)
{
	struct zip_work work = zip_work(LIMIT_FEED_FILE_BYTES);
	struct zip_iter it;
	struct zip_entry entry;
	struct file_map map;
	struct zip zip;
	enum rmg_rc rc = file_map(path, &map, err);

	if (rc != RMG_OK)
		return rc;
	rc = zip_open(map.bytes, &zip, err);
	if (rc == RMG_OK) {
		for (it = zip_iter(&zip); rc == RMG_OK && zip_next(&it, &entry);) {
			struct zip_data data = {0};
			char name[256];

			snprintf(name, sizeof name, SPAN_FMT, SPAN_ARG(entry.name));
			if (span_ends(entry.name, S(".json")))
				rc = zip_read(&zip, &entry, &work, &data, err);
			if (rc == RMG_OK && data.s.n)
				take(in, data.s, name);
			zip_data_done(&data);
			if (rc == RMG_OK)
				rc = input_stop(in, err);
		}
		if (rc == RMG_OK)
			rc = zip_end(&it, err);
	}
	zip_work_done(&work);
	file_unmap(&map);
	if (rc != RMG_OK)
		err_add(err, "%s", path);
	return rc;
}

static bool is_record(const char *name)
{
	return span_ends(span_cstr(name), S(".json")) && name[0] != '.';
}

/* What cannot be read of one record is that record's loss; that memory ran out is not. */
static enum rmg_rc read_record(struct input *in, int fd, const char *name, struct rmg_err *err)
{
	struct rmg_err why = {0};
	struct span bytes;
	enum rmg_rc rc = file_read_at(fd, name, LIMIT_JSON_BYTES, &in->buf, &bytes, &why);

	if (rc == RMG_OK) {
		take(in, bytes, name);
		return input_stop(in, err);
	}
	if (rc == RMG_E_NOMEM)
		return err_set(err, rc, "no memory for %s", name);
	input_warn(in, "%s", why.msg);
	return RMG_OK;
}

static enum rmg_rc read_records(struct input *in, const char *path, bool *any, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	DIR *dir = opendir(path);
	int fd;

	if (dir == NULL)
		return err_os(err, RMG_E_IO, "%s", path);
	fd = dirfd(dir);
	for (struct dirent *e; rc == RMG_OK && (e = readdir(dir)) != NULL;) {
		if (!is_record(e->d_name))
			continue;
		*any = true;
		rc = read_record(in, fd, e->d_name, err);
	}
	closedir(dir);
	input_saw(in, path);
	return rc;
}

static bool wanted(const struct input *in, const char *ecosystem)
{
	const char *const *list = in->opts ? in->opts->ecosystems : NULL;

	if (list == NULL)
		return true;
	for (; *list; list++)
		if (strcmp(*list, ecosystem) == 0)
			return true;
	return false;
}

static enum rmg_rc read_ecosystem(struct input *in, const char *dir, const char *name, bool *any,
				  struct rmg_err *err)
{
	char *path = file_join(dir, name), *zip = path ? file_join(path, "all.zip") : NULL;
	enum rmg_rc rc = RMG_OK;

	if (zip == NULL) {
		rc = err_set(err, RMG_E_NOMEM, "no memory for a path");
	} else if (file_exists(zip)) {
		*any = true;
		input_saw(in, zip);
		rc = read_zip(in, zip, err);
	}
	if (rc == RMG_OK)
		rc = read_records(in, path, any, err);
	free(zip);
	free(path);
	return rc;
}

static bool is_folder(int fd, const char *name)
{
	struct stat st;

	return name[0] != '.' && fstatat(fd, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

enum rmg_rc osv_read(struct input *in, struct rmg_err *err)
{
	char *path = file_join(in->dir, "osv");
	enum rmg_rc rc = RMG_OK;
	bool any = false;
	DIR *dir = path ? opendir(path) : NULL;

	if (dir == NULL) {
		free(path);
		return err_os(err, errno == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO, "osv");
	}
	for (struct dirent *e; rc == RMG_OK && (e = readdir(dir)) != NULL;)
		if (is_folder(dirfd(dir), e->d_name) && wanted(in, e->d_name))
			rc = read_ecosystem(in, path, e->d_name, &any, err);
	closedir(dir);
	free(path);
	if (rc == RMG_OK && !any)
		return err_set(err, RMG_E_NOTFOUND, "osv holds no record");
	return rc;
}
