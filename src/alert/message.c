/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/message.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/jsonw.h"

#define SCHEMA "rummage/message/1"

/* Where each text stands: read and written by the same rows. */
struct field {
	const char *key;
	size_t at;
};
#define ROW(type, key, field)                                                                      \
	{                                                                                          \
		key, offsetof(struct type, field)                                                  \
	}

static const struct field message_fields[] = {
    ROW(message, "id", id),     ROW(message, "title", title),
    ROW(message, "at", at),     ROW(message, "severity", severity),
    ROW(message, "link", link), ROW(message, "audit", audit),
};

static const struct field item_fields[] = {
    ROW(message_item, "key", key),           ROW(message_item, "rule", rule),
    ROW(message_item, "title", title),       ROW(message_item, "text", text),
    ROW(message_item, "severity", severity), ROW(message_item, "advisory", advisory),
    ROW(message_item, "summary", summary),   ROW(message_item, "url", url),
    ROW(message_item, "fixed", fixed),       ROW(message_item, "component", component),
    ROW(message_item, "image", image),       ROW(message_item, "digest", digest),
    ROW(message_item, "before", before),     ROW(message_item, "after", after),
    ROW(message_item, "opened", opened),
};

static const struct field use_fields[] = {
    ROW(message_use, "cluster", cluster),     ROW(message_use, "node", node),
    ROW(message_use, "namespace", ns),        ROW(message_use, "workload", workload),
    ROW(message_use, "container", container), ROW(message_use, "name", name),
    ROW(message_use, "since", since),
};

static const char *const kind_names[] = {
    [MESSAGE_FIRED] = "fired",       [MESSAGE_REOPENED] = "reopened",
    [MESSAGE_WORSENED] = "worsened", [MESSAGE_ESCALATED] = "escalated",
    [MESSAGE_RESOLVED] = "resolved", [MESSAGE_TEST] = "test",
    [MESSAGE_FIRING] = "firing",
};

const char *message_kind_name(enum message_kind k)
{
	return (size_t)k < COUNT_OF(kind_names) ? kind_names[k] : "unknown";
}

/* Reading. */

static struct span clean_text(struct arena *a, struct span raw, bool lines)
{
	char *text = arena_cstr(a, raw);

	if (text == NULL || raw.n == 0)
		return (struct span){0};
	for (size_t i = 0; i < raw.n; i++) {
		if (text[i] == '\0')
			text[i] = '?';
	}
	utf8_clean_cstr(text, raw.n + 1);
	for (size_t i = 0; lines && i < raw.n; i++) {
		if (raw.p[i] == '\n')
			text[i] = '\n';
	}
	return span_of(text, raw.n);
}

static void read_fields(struct arena *a, json *v, const struct field *fields, size_t n, void *to)
{
	for (size_t i = 0; i < n; i++) {
		struct span text = json_get_str(v, fields[i].key);
		bool lines = strcmp(fields[i].key, "text") == 0;

		*(struct span *)(void *)((char *)to + fields[i].at) = clean_text(a, text, lines);
	}
}

static enum rmg_rc read_uses(struct arena *a, json *v, struct message_item *item,
			     struct rmg_err *err)
{
	size_t n = json_len(v);

	if (v == NULL)
		return RMG_OK;
	if (!json_is_array(v) || n > MESSAGE_USES)
		return err_set(err, RMG_E_FORMAT, "a message's uses are a list of %d at most",
			       MESSAGE_USES);
	item->uses = ARENA_ARRAY(a, n, struct message_use);
	for (struct json_iter it = json_iter(v); item->uses && json_next(&it);) {
		struct message_use *use = &item->uses[item->uses_listed++];

		read_fields(a, it.value, use_fields, COUNT_OF(use_fields), use);
		use->dormant = json_get_bool(it.value, "dormant");
	}
	return RMG_OK;
}

static enum rmg_rc read_item(struct arena *a, json *v, struct message_item *item,
			     struct rmg_err *err)
{
	double epss = json_num(json_get(v, "epss"));
	uint64_t days = 0;

	if (!json_is_object(v))
		return err_set(err, RMG_E_FORMAT, "a message's item is not an object");
	read_fields(a, v, item_fields, COUNT_OF(item_fields), item);
	item->kev = json_get_bool(v, "kev");
	item->fixable = json_get_bool(v, "fixable");
	item->is_new = json_get_bool(v, "new");
	item->epss = epss >= 0 && epss <= 1 ? epss : 0;
	if (json_get_u64(v, "days", &days))
		item->days = (uint32_t)MIN_OF(days, (uint64_t)UINT32_MAX);
	if (!json_get_u64(v, "alert", &item->alert))
		item->alert = 0;
	if (!json_get_u64(v, "uses_total", &item->n_uses))
		item->n_uses = 0;
	return read_uses(a, json_get(v, "uses"), item, err);
}

static enum rmg_rc read_items(struct message *m, json *v, struct rmg_err *err)
{
	size_t n = json_len(v);

	if (!json_is_array(v) || n > MESSAGE_ITEMS)
		return err_set(err, RMG_E_FORMAT, "a message's items are a list of %d at most",
			       MESSAGE_ITEMS);
	m->items = ARENA_ARRAY(&m->arena, n, struct message_item);
	for (struct json_iter it = json_iter(v); m->items && json_next(&it);) {
		enum rmg_rc rc = read_item(&m->arena, it.value, &m->items[m->n_items++], err);

		if (rc != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

static bool read_kind(struct span name, enum message_kind *out)
{
	for (size_t i = 0; i < COUNT_OF(kind_names); i++) {
		if (span_is(name, span_cstr(kind_names[i]))) {
			*out = (enum message_kind)i;
			return true;
		}
	}
	return false;
}

static enum rmg_rc read_message(struct message *m, json *root, struct rmg_err *err)
{
	enum rmg_rc rc;

	if (!span_is(json_get_str(root, "schema"), S(SCHEMA)))
		return err_set(err, RMG_E_FORMAT, "not a message of schema " SCHEMA);
	if (!read_kind(json_get_str(root, "kind"), &m->kind))
		return err_set(err, RMG_E_FORMAT, "a message of a kind that is not known");
	read_fields(&m->arena, root, message_fields, COUNT_OF(message_fields), m);
	if (m->id.n == 0)
		return err_set(err, RMG_E_FORMAT, "a message without an id");
	if (!json_get_u64(root, "items_left_out", &m->items_left_out))
		m->items_left_out = 0;
	rc = read_items(m, json_get(root, "items"), err);
	if (rc == RMG_OK && arena_rc(&m->arena) != RMG_OK)
		return err_set(err, arena_rc(&m->arena), "no memory for a message");
	return rc;
}

enum rmg_rc message_parse(struct span text, struct message **out, struct rmg_err *err)
{
	struct message *m = calloc(1, sizeof *m);
	struct json_doc doc = {0};
	enum rmg_rc rc;

	if (m == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a message");
	arena_init(&m->arena, 4 * LIMIT_MESSAGE_BYTES);
	rc = json_parse(&doc, text, LIMIT_MESSAGE_BYTES, err);
	if (rc == RMG_OK)
		rc = read_message(m, doc.root, err);
	json_done(&doc);
	if (rc != RMG_OK)
		message_free(m);
	else
		*out = m;
	return rc;
}

void message_free(struct message *m)
{
	if (m == NULL)
		return;
	arena_done(&m->arena);
	free(m);
}

/* Writing. */

/* At most max bytes, no character cut in two. */
static struct span cut(struct span s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && (s.p[max] & 0xc0) == 0x80)
		max--;
	return span_head(s, max);
}

static void write_fields(struct jsonw *w, const void *from, const struct field *fields, size_t n,
			 size_t max)
{
	for (size_t i = 0; i < n; i++) {
		const struct span *text = (const void *)((const char *)from + fields[i].at);

		if (text->n == 0)
			continue;
		jsonw_key(w, fields[i].key);
		jsonw_str(w, cut(*text, max));
	}
}

static void write_uses(struct jsonw *w, const struct message_item *item, size_t n)
{
	jsonw_key(w, "uses");
	jsonw_array(w);
	for (size_t i = 0; i < n; i++) {
		jsonw_object(w);
		write_fields(w, &item->uses[i], use_fields, COUNT_OF(use_fields),
			     MESSAGE_NAME_BYTES);
		jsonw_put_bool(w, "dormant", item->uses[i].dormant);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_item(struct jsonw *w, const struct message_item *item, size_t uses)
{
	jsonw_object(w);
	jsonw_put_u64(w, "alert", item->alert);
	write_fields(w, item, item_fields, COUNT_OF(item_fields), MESSAGE_TEXT_BYTES);
	jsonw_put_bool(w, "kev", item->kev);
	jsonw_put_bool(w, "fixable", item->fixable);
	jsonw_put_bool(w, "new", item->is_new);
	jsonw_key(w, "epss");
	jsonw_real(w, item->epss, 5);
	jsonw_put_u64(w, "days", item->days);
	jsonw_put_u64(w, "uses_total", item->n_uses);
	write_uses(w, item, uses);
	jsonw_object_end(w);
}

void message_write(const struct message *m, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	size_t n = MIN_OF(m->n_items, (size_t)MESSAGE_ITEMS), left = MESSAGE_USES_ALL;

	jsonw_object(&w);
	jsonw_put_cstr(&w, "schema", SCHEMA);
	jsonw_put_cstr(&w, "kind", message_kind_name(m->kind));
	write_fields(&w, m, message_fields, COUNT_OF(message_fields), MESSAGE_TEXT_BYTES);
	jsonw_put_u64(&w, "items_left_out", m->items_left_out + (m->n_items - n));
	jsonw_key(&w, "items");
	jsonw_array(&w);
	for (size_t i = 0; i < n; i++) {
		size_t uses = MIN_OF(m->items[i].uses_listed, (size_t)MESSAGE_USES);

		uses = MIN_OF(uses, left / (n - i)); /* what one leaves is the others' */
		left -= uses;
		write_item(&w, &m->items[i], uses);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

/* As text. */

static void put_line(struct strbuf *out, const char *label, struct span s)
{
	if (s.n)
		strbuf_printf(out, "   %s" SPAN_FMT "\n", label, SPAN_ARG(s));
}

static void put_use(struct strbuf *out, const struct message_use *use)
{
	const struct span parts[] = {use->cluster, use->node, use->ns, use->workload,
				     use->name.n ? use->name : use->container};
	const char *between = "";

	strbuf_puts(out, "     ");
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (parts[i].n == 0)
			continue;
		strbuf_printf(out, "%s" SPAN_FMT, between, SPAN_ARG(parts[i]));
		between = " / ";
	}
	if (use->dormant)
		strbuf_puts(out, ", dormant");
	else if (use->since.n)
		strbuf_printf(out, ", since " SPAN_FMT, SPAN_ARG(use->since));
	strbuf_putc(out, '\n');
}

static void put_uses(struct strbuf *out, const struct message_item *item)
{
	if (item->n_uses == 0 && item->uses_listed == 0)
		return;
	strbuf_printf(out, "   %llu use%s:\n", (unsigned long long)item->n_uses,
		      item->n_uses == 1 ? "" : "s");
	for (size_t i = 0; i < item->uses_listed; i++)
		put_use(out, &item->uses[i]);
	if (item->n_uses > item->uses_listed)
		strbuf_printf(out, "     and %llu more\n",
			      (unsigned long long)(item->n_uses - item->uses_listed));
}

void message_marks(const struct message_item *item, struct strbuf *out)
{
	strbuf_put(out, item->severity);
	if (item->is_new)
		strbuf_puts(out, ", new");
	if (item->kev)
		strbuf_puts(out, ", known to be exploited");
	if (item->epss > 0)
		strbuf_printf(out, ", EPSS %.3f", item->epss);
	if (item->fixed.n)
		strbuf_printf(out, ", fixed in " SPAN_FMT, SPAN_ARG(item->fixed));
	else if (item->fixable)
		strbuf_puts(out, ", fixable");
	if (item->days)
		strbuf_printf(out, ", in use for %u days", item->days);
}

static void put_item(struct strbuf *out, const struct message_item *item)
{
	struct span text = item->text, line;

	strbuf_printf(out, "\n * " SPAN_FMT "\n", SPAN_ARG(item->title));
	if (item->severity.n) {
		strbuf_puts(out, "   ");
		message_marks(item, out);
		strbuf_putc(out, '\n');
	}
	while (span_next(&text, '\n', &line))
		put_line(out, "", line);
	if (!span_is(item->summary, item->text))
		put_line(out, "", item->summary);
	if (item->before.n || item->after.n)
		strbuf_printf(out, "   was " SPAN_FMT ", is " SPAN_FMT "\n", SPAN_ARG(item->before),
			      SPAN_ARG(item->after));
	put_line(out, "component ", item->component);
	put_line(out, "image ", item->image);
	put_line(out, "digest ", item->digest);
	put_line(out, "rule ", item->rule);
	put_uses(out, item);
	put_line(out, "", item->url);
}

void message_text(const struct message *m, struct strbuf *out)
{
	strbuf_printf(out, SPAN_FMT "\n", SPAN_ARG(m->title));
	for (size_t i = 0; i < m->n_items; i++)
		put_item(out, &m->items[i]);
	if (m->items_left_out)
		strbuf_printf(out, "\nand %llu more alerts\n",
			      (unsigned long long)m->items_left_out);
	if (m->link.n)
		strbuf_printf(out, "\n" SPAN_FMT "\n", SPAN_ARG(m->link));
}
