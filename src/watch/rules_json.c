/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/rules_json.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "model/how.h"

enum { MOST_PATTERNS = 1000 };

/* Writing. */

static void write_hows(struct jsonw *w, uint32_t hows)
{
	jsonw_key(w, "how");
	jsonw_array(w);
	for (unsigned h = 0; h < HOW_COUNT; h++)
		if (hows >> h & 1)
			jsonw_cstr(w, how_name((enum event_how)h));
	jsonw_array_end(w);
}

static void write_labels(struct jsonw *w, const struct where *where)
{
	jsonw_key(w, "labels");
	jsonw_object(w);
	for (size_t i = 0; i < where->n_labels; i++) {
		jsonw_key_span(w, where->labels[i].key);
		jsonw_str(w, where->labels[i].value);
	}
	jsonw_object_end(w);
}

void exec_rules_write(const struct exec_rule *v, size_t n, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_key(&w, "exec");
	jsonw_array(&w);
	for (size_t i = 0; i < n; i++) {
		const struct where *where = &v[i].where;

		jsonw_object(&w);
		write_hows(&w, v[i].how);
		jsonw_put_bool(&w, "enforce", v[i].enforce);
		jsonw_put_array(&w, "namespaces", where->namespaces, where->n_namespaces);
		jsonw_put_array(&w, "workloads", where->workloads, where->n_workloads);
		write_labels(&w, where);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

/* Reading. */

struct reading {
	struct arena *a;
	struct rmg_err *err;
};

static enum rmg_rc bad(struct reading *r, const char *what)
{
	return err_set(r->err, RMG_E_FORMAT, "rules about programs: %s", what);
}

static bool is_text(struct span s)
{
	return s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s);
}

/* A word that a newer hub knows is nothing that could be found here. */
static enum rmg_rc read_hows(struct reading *r, json *v, uint32_t *out)
{
	if (!json_is_array(v))
		return bad(r, "\"how\" is no array");
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		uint32_t bit;

		if (!json_is_str(it.value))
			return bad(r, "\"how\" has what is no word");
		if (how_of(json_str(it.value), &bit))
			*out |= bit;
	}
	return RMG_OK;
}

static enum rmg_rc read_patterns(struct reading *r, json *v, struct span **out, size_t *n)
{
	struct span *list;

	if (v == NULL)
		return RMG_OK;
	if (!json_is_array(v) || json_len(v) > MOST_PATTERNS)
		return bad(r, "names of places that are no array");
	list = ARENA_ARRAY(r->a, json_len(v) + 1, struct span);
	for (struct json_iter it = json_iter(v); list && json_next(&it);) {
		if (!json_is_str(it.value) || !is_text(json_str(it.value)))
			return bad(r, "the name of a place is no clean text");
		list[(*n)++] = arena_dup(r->a, json_str(it.value));
	}
	*out = list;
	return RMG_OK;
}

static enum rmg_rc read_labels(struct reading *r, json *v, struct where *w)
{
	if (v == NULL)
		return RMG_OK;
	if (!json_is_object(v) || json_len(v) > EVENT_LABELS)
		return bad(r, "\"labels\" is no object of at most 64 members");
	w->labels = ARENA_ARRAY(r->a, json_len(v) + 1, struct event_label);
	for (struct json_iter it = json_iter(v); w->labels && json_next(&it);) {
		if (!json_is_str(it.value) || !is_text(it.key) || !is_text(json_str(it.value)))
			return bad(r, "a label is no clean text");
		w->labels[w->n_labels++] = (struct event_label){
		    arena_dup(r->a, it.key), arena_dup(r->a, json_str(it.value))};
	}
	return RMG_OK;
}

/* A condition that a newer hub has would be left out: such a rule refuses nothing here. */
static bool is_known(json *rule)
{
	static const char *const members[] = {"how", "enforce", "namespaces", "workloads",
					      "labels"};
	bool known = true;

	for (struct json_iter it = json_iter(rule); known && json_next(&it);) {
		known = false;
		for (size_t i = 0; !known && i < COUNT_OF(members); i++)
			known = span_is(it.key, span_cstr(members[i]));
	}
	return known;
}

static enum rmg_rc read_rule(struct reading *r, json *v, struct exec_rule *out)
{
	struct where *w = &out->where;
	enum rmg_rc rc;

	if (!json_is_object(v))
		return bad(r, "a rule is no object");
	out->enforce = json_get_bool(v, "enforce") && is_known(v);
	rc = read_hows(r, json_get(v, "how"), &out->how);
	if (rc == RMG_OK)
		rc = read_patterns(r, json_get(v, "namespaces"), &w->namespaces, &w->n_namespaces);
	if (rc == RMG_OK)
		rc = read_patterns(r, json_get(v, "workloads"), &w->workloads, &w->n_workloads);
	return rc == RMG_OK ? read_labels(r, json_get(v, "labels"), w) : rc;
}

static enum rmg_rc read_rules(struct reading *r, json *list, struct exec_rule **out, size_t *n)
{
	struct exec_rule *v;
	enum rmg_rc rc = RMG_OK;
	size_t i = 0;

	if (!json_is_array(list) || json_len(list) > LIMIT_POLICY_RULES)
		return bad(r, "\"exec\" is no list of rules");
	v = ARENA_ARRAY(r->a, json_len(list) + 1, struct exec_rule);
	for (struct json_iter it = json_iter(list); v && rc == RMG_OK && json_next(&it);) {
		v[i] = (struct exec_rule){0};
		rc = read_rule(r, it.value, &v[i++]);
	}
	if (rc == RMG_OK && arena_rc(r->a) != RMG_OK)
		return err_set(r->err, arena_rc(r->a), "no room for rules about programs");
	if (rc == RMG_OK) {
		*out = v;
		*n = i;
	}
	return rc;
}

enum rmg_rc exec_rules_parse(struct span text, struct arena *a, struct exec_rule **out, size_t *n,
			     struct rmg_err *err)
{
	struct reading r = {a, err};
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, text, LIMIT_RULES_BYTES, err);

	if (rc == RMG_OK)
		rc = read_rules(&r, json_get(doc.root, "exec"), out, n);
	json_done(&doc);
	return rc;
}
