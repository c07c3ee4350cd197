/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_feeds.c - which files each publisher has, and where they go: the layout that the readers
 * read. */
#include "feed/fetch.h"
#include "io/file.h"

/* Alpine's releases have no list that a program could read: they are asked for one by one, and the
 * first missing one above this ends it. */
enum { ALPINE_FIRST = 2, ALPINE_KNOWN = 23, ALPINE_LAST = 99 };

enum rmg_rc debian_fetch(struct fetch *f, struct rmg_err *err)
{
	return fetch_file(f, "json", "debian/tracker.json", fetch_check_tracker, NULL, err);
}

static enum rmg_rc alpine_one(struct fetch *f, const char *release, const char *repository,
			      struct rmg_err *err)
{
	char path[64], file[96];

	snprintf(path, sizeof path, "%s/%s.json", release, repository);
	snprintf(file, sizeof file, "alpine-secdb/%s", path);
	return fetch_file(f, path, file, fetch_check_secdb, NULL, err);
}

/* "main", then "community", which the oldest releases do not have. */
static enum rmg_rc alpine_release(struct fetch *f, const char *release, struct rmg_err *err)
{
	enum rmg_rc rc = alpine_one(f, release, "main", err);

	if (rc != RMG_OK)
		return rc;
	rc = alpine_one(f, release, "community", err);
	return rc == RMG_E_NOTFOUND ? RMG_OK : rc;
}

enum rmg_rc alpine_fetch(struct fetch *f, struct rmg_err *err)
{
	unsigned found = 0;

	for (unsigned i = ALPINE_FIRST; i <= ALPINE_LAST; i++) {
		char release[16];
		enum rmg_rc rc;

		snprintf(release, sizeof release, "v3.%u", i);
		rc = alpine_release(f, release, err);
		if (rc == RMG_E_NOTFOUND && i > ALPINE_KNOWN)
			break;
		if (rc != RMG_OK && rc != RMG_E_NOTFOUND)
			return rc;
		found += rc == RMG_OK;
	}
	if (found == 0)
		return RMG_E_NOTFOUND;
	return alpine_release(f, "edge", err) == RMG_E_STOPPED ? RMG_E_STOPPED : RMG_OK;
}

enum rmg_rc wolfi_fetch(struct fetch *f, struct rmg_err *err)
{
	return fetch_file(f, "security.json", "wolfi/security.json", fetch_check_secdb, NULL, err);
}

enum rmg_rc chainguard_fetch(struct fetch *f, struct rmg_err *err)
{
	return fetch_file(f, "security.json", "chainguard/security.json", fetch_check_secdb, NULL,
			  err);
}

enum rmg_rc kev_fetch(struct fetch *f, struct rmg_err *err)
{
	return fetch_file(f, "known_exploited_vulnerabilities.json", "kev.json", fetch_check_kev,
			  NULL, err);
}

enum rmg_rc epss_fetch(struct fetch *f, struct rmg_err *err)
{
	return fetch_file(f, "epss_scores-current.csv.gz", "epss.csv.gz", fetch_check_gzip, NULL,
			  err);
}

/* Its files come by hand only. */
enum rmg_rc severity_fetch(struct fetch *f, struct rmg_err *err)
{
	(void)f;
	(void)err;
	return RMG_OK;
}
