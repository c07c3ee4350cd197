/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.h - one file of a publisher, brought up to date in the folder of feeds.
 *
 * FILE.http beside a file remembers its address, ETag and Last-Modified: what has not changed is
 * not sent again. A transfer that breaks off is resumed, in this run and by the next one, from
 * FILE.part (Range with If-Range, where the publisher gave a strong ETag). A file appears under its
 * name only when it is whole and looks like what it should be; until then, and after any failure,
 * the old one stays. */
#ifndef FEED_FETCH_H
#define FEED_FETCH_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "io/http.h"

enum { FETCH_TRIES = 4 };

struct fetch {
	struct http *http;
	const struct rmg_db_opts *opts;
	const char *feed, *url; /* its base address, without a slash at the end */
	const char *dir;        /* of all feeds */
	uint32_t files;         /* numbers lines of progress */
	bool changed;           /* some file is new */
};

/* Whether a file's content can be what it should be. */
typedef enum rmg_rc fetch_check_fn(struct span content, struct rmg_err *err);
fetch_check_fn fetch_check_record, fetch_check_tracker, fetch_check_secdb, fetch_check_kev,
    fetch_check_zip, fetch_check_text, fetch_check_gzip;

/* GET url/path into dir/file (folders are made); *changed: there is a new one. RMG_E_NOTFOUND: the
 * publisher has no such file. changed may be NULL. */
MUST enum rmg_rc fetch_file(struct fetch *f, const char *path, const char *file,
			    fetch_check_fn *check, bool *changed, struct rmg_err *err);

/* "FEED=URL" of the options, else the publisher's; copied without a slash at the end. false: there
 * is none. */
MUST bool feed_url(const struct rmg_db_opts *opts, const char *name, const char *url, char *buf,
		   size_t n);

#define X(name, url) MUST enum rmg_rc name##_fetch(struct fetch *f, struct rmg_err *err);
#include "feed/feed.def"
#undef X

#endif
