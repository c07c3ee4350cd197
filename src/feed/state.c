/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/state.h"

#include <time.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "io/file.h"

static const char file_name[] = "fetched.tsv";

enum rmg_rc feed_state_read(struct feed_state *s, const char *dir, struct rmg_err *err)
{
	char *path = file_join(dir, file_name);
	enum rmg_rc rc;

	if (path == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a path");
	if (!file_exists(path))
		rc = RMG_OK;
	else
		rc = file_read(path, LIMIT_HEAD_BYTES, &s->text, err);
	free(path);
	return rc;
}

bool feed_state_find(const struct feed_state *s, const char *feed, struct span *time)
{
	struct span rest = s->text, line, name, value;

	while (span_next(&rest, '\n', &line)) {
		if (span_cut(line, '\t', &name, &value) && span_is(name, span_cstr(feed))) {
			*time = value;
			return true;
		}
	}
	return false;
}

void feed_state_done(struct feed_state *s)
{
	file_free(&s->text);
}

static bool is_among(struct span name, const char *const *feeds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(name, span_cstr(feeds[i])))
			return true;
	return false;
}

enum rmg_rc feed_state_write(const struct feed_state *s, const char *dir, const char *const *feeds,
			     size_t n, const char *time, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_HEAD_BYTES);
	struct span rest = s->text, line, name, value;
	char *path = file_join(dir, file_name);
	enum rmg_rc rc;

	while (span_next(&rest, '\n', &line))
		if (span_cut(line, '\t', &name, &value) && !is_among(name, feeds, n))
			strbuf_printf(&text, SPAN_FMT "\n", SPAN_ARG(line));
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&text, "%s\t%s\n", feeds[i], time);
	rc = path ? strbuf_rc(&text) : RMG_E_NOMEM;
	if (rc != RMG_OK)
		err_set(err, rc, "%s cannot be written", file_name);
	else
		rc = file_write(path, strbuf_span(&text), err);
	strbuf_done(&text);
	free(path);
	return rc;
}

void feed_time(int64_t seconds, char *buf)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(buf, FEED_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		buf[0] = '\0';
}
