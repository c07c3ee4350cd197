/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/sink_inside.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "io/pem.h"

enum { VALUE_BYTES = 8192 };

static const struct sink_kind *const kinds[] = {
#define X(name) &sink_##name,
#include "alert/sink.def"
#undef X
};

const struct sink_kind *sink_kind_at(size_t i)
{
	return i < COUNT_OF(kinds) ? kinds[i] : NULL;
}

const struct sink_kind *sink_kind_of(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

enum rmg_rc sink_check_both(const struct sink *s, const char *one, const char *other,
			    struct rmg_err *err)
{
	if ((sink_get(s, one) == NULL) == (sink_get(s, other) == NULL))
		return RMG_OK;
	return err_set(err, RMG_E_ARG, "\"%s\" and \"%s\" need each other", one, other);
}

/* What a connection would find out too late. Not every kind has these; none has them for something
 * else. */
static enum rmg_rc check_files(const struct sink *s, struct rmg_err *err)
{
	const char *ca = sink_get(s, "ca"), *cert = sink_get(s, "client_cert"),
		   *key = sink_get(s, "client_key");
	enum rmg_rc rc = ca ? pem_certificates(ca, err) : RMG_OK;

	if (rc != RMG_OK) {
		err_add(err, "\"ca\"");
		return rc;
	}
	rc = sink_check_both(s, "client_cert", "client_key", err);
	if (rc != RMG_OK || cert == NULL)
		return rc;
	rc = pem_pair(cert, key, err);
	if (rc != RMG_OK)
		err_add(err, "\"client_cert\", \"client_key\"");
	return rc;
}

enum rmg_rc sink_check_url(const struct sink *s, struct rmg_err *err)
{
	const char *url = sink_get(s, "url");
	struct rmg_err why = {0};
	enum rmg_rc rc = url ? http_url_check(url, &why) : RMG_OK;

	return rc == RMG_OK ? rc : err_set(err, rc, "\"url\" %s", why.msg);
}

bool sink_repeat_s(const struct sink_kind *kind, const char *value, uint32_t *out)
{
	uint64_t s = kind->repeat_s;

	if (kind->repeat_s && value && *value && !span_u64(span_cstr(value), 10, 86400, &s))
		return false;
	*out = (uint32_t)s;
	return true;
}

static enum rmg_rc check(const struct sink_kind *kind, const struct sink *s, struct rmg_err *err)
{
	uint32_t repeat_s;

	if (!sink_repeat_s(kind, sink_get(s, "repeat"), &repeat_s))
		return err_set(err, RMG_E_ARG, "\"repeat\" is no number of seconds up to a day");
	for (const struct sink_setting *row = kind->settings; row->name; row++) {
		const char *value = sink_get(s, row->name);

		if (value == NULL && row->required)
			return err_set(err, RMG_E_ARG, "a sink of kind %s needs \"%s\": %s",
				       kind->name, row->name, row->what);
		if (value && strlen(value) > VALUE_BYTES)
			return err_set(err, RMG_E_ARG, "\"%s\" is longer than %d bytes", row->name,
				       VALUE_BYTES);
		if (value && !utf8_is_clean(span_cstr(value)))
			return err_set(err, RMG_E_ARG, "\"%s\" holds a control byte or no UTF-8",
				       row->name);
	}
	return RMG_OK;
}

enum rmg_rc sink_open(const struct sink_kind *kind, const struct sink_values *v, struct sink **out,
		      struct rmg_err *err)
{
	struct sink *s = calloc(1, sizeof *s);
	enum rmg_rc rc;

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a sink");
	s->kind = kind;
	s->values = *v;
	s->body = strbuf_of(SINK_BODY_BYTES);
	rc = check(kind, s, err);
	if (rc == RMG_OK)
		rc = check_files(s, err);
	if (rc != RMG_OK)
		sink_close(s);
	else
		*out = s;
	return rc;
}

void sink_close(struct sink *s)
{
	if (s == NULL)
		return;
	http_free(s->http);
	strbuf_done(&s->body);
	free(s->part_id);
	free(s);
}

const char *sink_get(const struct sink *s, const char *name)
{
	const char *value = s->values.value(s->values.user, name);

	return value && *value ? value : NULL;
}

const char *sink_get_or(const struct sink *s, const char *name, const char *otherwise)
{
	const char *value = sink_get(s, name);

	return value ? value : otherwise;
}

const char *sink_ca_file(const struct sink *s)
{
	return sink_get_or(s, "ca", s->values.ca_file);
}

void sink_begin(struct sink *s)
{
	s->late = false;
	s->ends_ms = clock_tick_ms() + SINK_SEND_S * INT64_C(1000);
	strbuf_clear(&s->body);
}

bool sink_stops(void *sink)
{
	struct sink *s = sink;

	s->late = clock_tick_ms() >= s->ends_ms;
	return s->late || (s->values.stop && s->values.stop(s->values.user));
}

enum rmg_rc sink_stopped(const struct sink *s, struct sink_retry *retry, struct rmg_err *err)
{
	retry->again = true;
	if (s->late)
		return err_set(err, RMG_E_NET, "no whole answer within %d seconds", SINK_SEND_S);
	return err_set(err, RMG_E_STOPPED, "stopped");
}

enum rmg_rc sink_body_rc(const struct sink *s, struct rmg_err *err)
{
	enum rmg_rc rc = strbuf_rc(&s->body);

	return rc == RMG_OK ? RMG_OK : err_set(err, rc, "no memory for a message to a sink");
}

/* How far an earlier try at this message came. */
static size_t part_of(struct sink *s, const struct message *m)
{
	if (s->part_id && span_is(span_cstr(s->part_id), m->id))
		return s->part;
	free(s->part_id);
	s->part_id = span_dup(m->id);
	s->part = 0;
	return 0;
}

/* A message without items is one; so is what is beyond its list. */
static struct message_item rest_of(const struct message *m, struct strbuf *text)
{
	struct message_item item = {.key = m->id, .title = m->title, .severity = m->severity};

	if (m->n_items == 0)
		return item;
	strbuf_printf(text, "%llu more alerts: " SPAN_FMT, (unsigned long long)m->items_left_out,
		      SPAN_ARG(m->title));
	item.title = strbuf_span(text);
	return item;
}

enum rmg_rc sink_each(struct sink *s, const struct message *m, sink_item_fn *fn,
		      struct sink_retry *retry, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(8 * MESSAGE_TEXT_BYTES);
	struct message_item rest = rest_of(m, &text);
	size_t n = m->n_items + (m->n_items == 0 || m->items_left_out ? 1 : 0);
	enum rmg_rc rc = RMG_OK;

	for (size_t i = part_of(s, m); rc == RMG_OK && i < n; i++) {
		const struct message_item *item = i < m->n_items ? &m->items[i] : &rest;

		strbuf_clear(&s->body);
		rc = sink_stops(s) ? sink_stopped(s, retry, err) : fn(s, m, item, retry, err);
		if (rc == RMG_OK)
			s->part = i + 1;
		else if (n > 1)
			err_add(err, "alert %zu of %zu", i + 1, n);
	}
	strbuf_done(&text);
	return rc;
}
