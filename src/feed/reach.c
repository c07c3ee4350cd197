/* SPDX-License-Identifier: Apache-2.0 */
/* reach.c - whether publishers answer, before anything is fetched of them. */
#include <stdio.h>

#include "feed/feed.h"
#include "feed/fetch.h"

enum { ANSWER_S = 10, CONNECT_S = 5, URL_BYTES = 2048 };

static const struct publisher {
	const char *name, *url;
} publishers[] = {
#define X(name, url) {#name, url},
#include "feed/feed.def"
#undef X
};

/* One that each of them has had for years. */
static const char *file_of(const char *feed)
{
	static const char *const files[][2] = {
	    {"osv", "ecosystems.txt"},
	    {"debian", "json"},
	    {"alpine", "edge/main.json"},
	    {"kev", "known_exploited_vulnerabilities.json"},
	    {"epss", "epss_scores-current.csv.gz"},
	};

	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (strcmp(files[i][0], feed) == 0)
			return files[i][1];
	return "security.json";
}

static void reach(struct http *http, const char *feed, const char *base, feed_reach_fn *fn,
		  void *user)
{
	char url[URL_BYTES];
	struct http_request req = {.method = "HEAD", .url = url};
	struct http_response resp = {0};
	struct rmg_err why = {0};
	enum rmg_rc rc;

	snprintf(url, sizeof url, "%s/%s", base, file_of(feed));
	rc = http_do(http, &req, &resp, &why);
	fn(user, feed, base, rc == RMG_OK ? resp.status : 0, &why);
}

enum rmg_rc feed_reach(const struct rmg_db_opts *opts, feed_reach_fn *fn, void *user,
		       struct rmg_err *err)
{
	struct http_opts how = {.ca_file = opts->ca_cert,
				.connect_s = CONNECT_S,
				.stall_s = ANSWER_S,
				.stop = opts->stop,
				.user = opts->user};
	struct http *http = NULL;
	enum rmg_rc rc = feed_check_names(opts, err);

	if (rc == RMG_OK)
		rc = http_new(&how, &http, err);
	for (size_t i = 0; rc == RMG_OK && i < COUNT_OF(publishers); i++) {
		char base[URL_BYTES / 2];

		if (feed_url(opts, publishers[i].name, publishers[i].url, base, sizeof base))
			reach(http, publishers[i].name, base, fn, user);
	}
	http_free(http);
	return rc;
}
