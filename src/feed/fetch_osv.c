/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_osv.c - the bucket of OSV records: ecosystems.txt names its folders; ECO/all.zip holds a
 * folder's records, ECO/modified_id.csv tells ("time,id" a line) what changed when, ECO/ID.json is
 * one record.
 *
 * An ecosystem begins with its zip. Later only records that changed since are fetched, one by one;
 * when they are many, or have become many, the zip comes again and they go. ECO/since is the newest
 * time that is covered, and how many records have it: an import gives one time to many, not all at
 * once. */
#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rd.h"
#include "base/strbuf.h"
#include "feed/fetch.h"
#include "io/file.h"
#include "vuln/ecosystem.h"

enum {
	PATH_MAX_BYTES = 1024,
	SINGLES_AT_ONCE = 300,
	SINGLES_KEPT = 3000,
	ID_BYTES = 128,
	NAME_BYTES = 512,
	TIME_BYTES = 40
};

struct folder {
	struct fetch *f;
	char name[128], escaped[384];               /* "Red Hat", "Red%20Hat" */
	char since[TIME_BYTES], newest[TIME_BYTES]; /* RFC 3339 */
	uint64_t n_since, n_newest;                 /* records of that very time */
	VEC(struct span) ids;                       /* that changed since; of text */
	struct span text;                           /* modified_id.csv */
	size_t singles;                             /* records that lie beside the zip */
};

static bool is_record(struct span name)
{
	return span_ends(name, S(".json"));
}

/* What a file name may be made of: the list is the publisher's, the disk is ours. */
static bool is_safe_id(struct span id)
{
	if (id.n == 0 || id.n > ID_BYTES || !is_alnum(id.p[0]))
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!is_alnum(id.p[i]) && memchr("-_.:+", id.p[i], 5) == NULL)
			return false;
	return true;
}

static bool folder_of(struct folder *d, struct fetch *f, struct span name)
{
	char *to = d->escaped;

	if (name.n == 0 || name.n >= sizeof d->name || !is_alnum(name.p[0]))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (!is_alnum(name.p[i]) && memchr("-_. ", name.p[i], 4) == NULL)
			return false;
		if (name.p[i] != ' ') {
			*to++ = (char)name.p[i];
			continue;
		}
		memcpy(to, "%20", 3);
		to += 3;
	}
	*to = '\0';
	snprintf(d->name, sizeof d->name, SPAN_FMT, SPAN_ARG(name));
	d->f = f;
	return true;
}

static void path_of(const struct folder *d, const char *file, char *buf, size_t n)
{
	snprintf(buf, n, "%s/osv/%s/%s", d->f->dir, d->name, file);
}

static enum rmg_rc fetch_one(struct folder *d, const char *file, fetch_check_fn *check,
			     bool *changed, struct rmg_err *err)
{
	char path[NAME_BYTES + 16], to[NAME_BYTES];

	snprintf(path, sizeof path, "%s/%s", d->escaped, file);
	snprintf(to, sizeof to, "osv/%s/%s", d->name, file);
	return fetch_file(d->f, path, to, check, changed, err);
}

/* Counts the records that lie beside the zip, or removes them. */
static void each_single(struct folder *d, bool remove)
{
	char path[PATH_MAX_BYTES];
	DIR *dir;

	path_of(d, "", path, sizeof path);
	dir = opendir(path);
	d->singles = 0;
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		struct span name = span_cstr(e->d_name);
		bool note = span_ends(name, S(".json.http"));

		d->singles += is_record(name);
		if (remove && (note || is_record(name)))
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

static void read_since(struct folder *d)
{
	char path[PATH_MAX_BYTES];
	struct span text, time, count;

	path_of(d, "since", path, sizeof path);
	if (file_read(path, KIB(1), &text, NULL) != RMG_OK)
		return;
	if (span_cut(span_trim(text), ' ', &time, &count) && time.n < sizeof d->since &&
	    span_u64(count, 10, UINT32_MAX, &d->n_since))
		snprintf(d->since, sizeof d->since, SPAN_FMT, SPAN_ARG(time));
	file_free(&text);
}

static enum rmg_rc write_since(struct folder *d, struct rmg_err *err)
{
	char path[PATH_MAX_BYTES], text[80];

	if (d->newest[0] == '\0')
		return RMG_OK;
	path_of(d, "since", path, sizeof path);
	snprintf(text, sizeof text, "%s %" PRIu64, d->newest, d->n_newest);
	return file_write(path, span_cstr(text), err);
}

static bool next_change(struct rd *r, struct span *time, struct span *id)
{
	while (rd_more(r))
		if (span_cut(rd_line(r), ',', time, id) && time->n < TIME_BYTES)
			return true;
	return false;
}

/* The newest time of the list, how many have it, and how many have the time that we had. */
static uint64_t find_newest(struct folder *d)
{
	struct span newest = span_cstr(d->since), time, id;
	struct rd r = rd_of(d->text);
	uint64_t again = 0;

	while (next_change(&r, &time, &id)) {
		again += span_is(time, span_cstr(d->since));
		if (span_cmp(time, newest) > 0) {
			newest = time;
			d->n_newest = 0;
		}
		d->n_newest += span_is(time, newest);
	}
	snprintf(d->newest, sizeof d->newest, SPAN_FMT, SPAN_ARG(newest));
	return again;
}

/* Which records changed since. */
static enum rmg_rc read_changes(struct folder *d, struct rmg_err *err)
{
	char path[PATH_MAX_BYTES];
	struct span time, id;
	struct rd r;
	enum rmg_rc rc;
	int least;

	path_of(d, "modified_id.csv", path, sizeof path);
	rc = file_read(path, LIMIT_FEED_JSON_BYTES, &d->text, err);
	if (rc != RMG_OK)
		return rc;
	least = find_newest(d) > d->n_since ? 0 : 1;
	r = rd_of(d->text);
	while (next_change(&r, &time, &id))
		if (span_cmp(time, span_cstr(d->since)) >= least && !VEC_PUSH(&d->ids, id))
			return err_set(err, RMG_E_NOMEM, "no memory for %s", path);
	return RMG_OK;
}

static enum rmg_rc fetch_singles(struct folder *d, struct rmg_err *err)
{
	for (size_t i = 0; i < d->ids.n; i++) {
		char file[ID_BYTES + 8];
		enum rmg_rc rc;

		if (!is_safe_id(d->ids.v[i]))
			return err_set(err, RMG_E_FORMAT,
				       "osv: \"" SPAN_FMT "\" in the list of %s is not an id",
				       SPAN_ARG(span_head(d->ids.v[i], 40)), d->name);
		snprintf(file, sizeof file, SPAN_FMT ".json", SPAN_ARG(d->ids.v[i]));
		rc = fetch_one(d, file, fetch_check_record, NULL, err);
		/* It may have gone again in the meantime. */
		if (rc != RMG_OK && rc != RMG_E_NOTFOUND)
			return rc;
	}
	return RMG_OK;
}

static enum rmg_rc fetch_zip(struct folder *d, struct rmg_err *err)
{
	bool changed = false;
	enum rmg_rc rc = fetch_one(d, "all.zip", fetch_check_zip, &changed, err);

	if (rc == RMG_OK && changed)
		each_single(d, true);
	return rc;
}

/* A mirror without lists of changes has the zip's validators at least. */
static enum rmg_rc fetch_folder(struct folder *d, struct rmg_err *err)
{
	char zip[PATH_MAX_BYTES];
	bool whole;
	enum rmg_rc rc;

	path_of(d, "all.zip", zip, sizeof zip);
	read_since(d);
	rc = fetch_one(d, "modified_id.csv", fetch_check_text, NULL, err);
	if (rc == RMG_E_NOTFOUND)
		return fetch_zip(d, err);
	if (rc == RMG_OK)
		rc = read_changes(d, err);
	if (rc != RMG_OK)
		return rc;
	each_single(d, false);
	whole = !file_exists(zip) || d->since[0] == '\0' || d->ids.n > SINGLES_AT_ONCE ||
		d->singles + d->ids.n > SINGLES_KEPT;
	rc = whole ? fetch_zip(d, err) : fetch_singles(d, err);
	return rc == RMG_OK ? write_since(d, err) : rc;
}

static bool wanted(const struct fetch *f, struct span ecosystem)
{
	const char *const *list = f->opts->ecosystems;
	enum version_order order;

	/* "Debian:12" is inside of "Debian". */
	if (span_chr(ecosystem, ':') != SIZE_MAX || !ecosystem_order(ecosystem, &order))
		return false;
	for (; list && *list; list++)
		if (span_is(span_cstr(*list), ecosystem))
			return true;
	return f->opts->ecosystems == NULL;
}

static enum rmg_rc fetch_list(struct fetch *f, struct span list, struct rmg_err *err)
{
	struct span line;

	while (span_next(&list, '\n', &line)) {
		struct folder d = {0};
		enum rmg_rc rc;

		line = span_trim(line);
		if (!wanted(f, line) || !folder_of(&d, f, line))
			continue;
		rc = fetch_folder(&d, err);
		file_free(&d.text);
		VEC_DONE(&d.ids);
		if (rc != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

enum rmg_rc osv_fetch(struct fetch *f, struct rmg_err *err)
{
	char path[PATH_MAX_BYTES];
	struct span list;
	enum rmg_rc rc =
	    fetch_file(f, "ecosystems.txt", "osv/ecosystems.txt", fetch_check_text, NULL, err);

	if (rc != RMG_OK)
		return rc;
	snprintf(path, sizeof path, "%s/osv/ecosystems.txt", f->dir);
	rc = file_read(path, LIMIT_MANIFEST_BYTES, &list, err);
	if (rc != RMG_OK)
		return rc;
	rc = fetch_list(f, list, err);
	file_free(&list);
	return rc;
}
