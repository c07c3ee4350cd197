/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/input.h"

#include <stdarg.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "vuln/match.h"

void input_init(struct input *in, struct advdb_builder *b, const struct rmg_db_opts *opts,
		const char *feed)
{
	*in = (struct input){.b = b, .opts = opts, .feed = feed};
	arena_init(&in->scratch, LIMIT_FEED_JSON_BYTES);
	arena_init(&in->names, LIMIT_MANIFEST_BYTES);
}

void input_done(struct input *in)
{
	json_done(&in->doc);
	free(in->buf.p);
	arena_done(&in->scratch);
	arena_done(&in->names);
	VEC_DONE(&in->aliases);
	VEC_DONE(&in->symbols);
	VEC_DONE(&in->versions);
	VEC_DONE(&in->cvss);
	VEC_DONE(&in->events);
	VEC_DONE(&in->skipped);
}

void input_warn(struct input *in, const char *fmt, ...)
{
	char text[512];
	int n;
	va_list args;

	if (in->warnings++ >= INPUT_WARNINGS || in->opts == NULL || in->opts->warn == NULL)
		return;
	n = snprintf(text, sizeof text, "%s: %s%s", in->feed, in->file ? in->file : "",
		     in->file ? ": " : "");
	if (n < 0 || (size_t)n >= sizeof text)
		n = 0;
	va_start(args, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
	va_end(args);
	utf8_clean_cstr(text, sizeof text);
	in->opts->warn(in->opts->user, text);
}

void input_end(struct input *in)
{
	char text[128];

	if (in->warnings <= INPUT_WARNINGS || in->opts == NULL || in->opts->warn == NULL)
		return;
	snprintf(text, sizeof text, "%s: %llu further warnings", in->feed,
		 (unsigned long long)(in->warnings - INPUT_WARNINGS));
	in->opts->warn(in->opts->user, text);
}

void input_refuse(struct input *in, const char *fmt, ...)
{
	char text[sizeof in->refused.msg];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	in->refused.rc = err_set(&in->refused, RMG_E_FORMAT, "%s", text);
}

enum rmg_rc input_verdict(const struct input *in, struct rmg_err *err)
{
	if (in->refused.rc != RMG_OK && err)
		*err = in->refused;
	return in->refused.rc;
}

enum rmg_rc input_json(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	struct file_map map;
	enum rmg_rc rc = file_map_at(file->dir_fd, file->name, &map, err);

	if (rc != RMG_OK)
		return rc;
	in->id = map.id;
	rc = json_parse(&in->doc, map.bytes, LIMIT_FEED_JSON_BYTES, err);
	file_unmap(&map); /* the document has copied its strings */
	return rc;
}

enum rmg_rc input_stop(const struct input *in, struct rmg_err *err)
{
	if (in->opts && in->opts->stop && in->opts->stop(in->opts->user))
		return err_set(err, RMG_E_STOPPED, "stopped");
	return RMG_OK;
}

bool is_cve(struct span id)
{
	if (id.n < 13 || !span_starts(id, S("CVE-")) || id.p[8] != '-')
		return false;
	for (size_t i = 4; i < id.n; i++)
		if (i != 8 && !is_digit(id.p[i]))
			return false;
	return true;
}

bool severity_word(struct span word, enum adv_severity *out)
{
	static const struct {
		const char *word;
		enum adv_severity is;
	} words[] = {
	    {"critical", SEV_CRITICAL},
	    {"high", SEV_HIGH},
	    {"important", SEV_HIGH},
	    {"medium", SEV_MEDIUM},
	    {"moderate", SEV_MEDIUM},
	    {"low", SEV_LOW},
	    {"minor", SEV_LOW},
	    {"negligible", SEV_NEGLIGIBLE},
	    {"unimportant", SEV_NEGLIGIBLE},
	    {"none", SEV_NEGLIGIBLE},
	};

	for (size_t i = 0; word.n && i < COUNT_OF(words); i++) {
		if (span_is_icase(word, span_cstr(words[i].word))) {
			*out = words[i].is;
			return true;
		}
	}
	return false;
}

void rule_until(struct input *in, struct span ecosystem, struct span package, struct adv_rule *rule,
		struct span fixed)
{
	struct adv_event events[] = {
	    {EV_INTRODUCED, S("0")},
	    {EV_FIXED, fixed},
	};

	rule->n_events = fixed.n ? 2 : 1;
	advdb_add_rule(in->b, ecosystem_key(ecosystem),
		       ecosystem_name(ecosystem, package, &in->scratch), rule, events, NULL);
}
