/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "format/yamlr.h"
#include "io/file.h"

enum { DEPTH = 6, SINK_VALUES = 64 };

struct entry {
	const char *path[DEPTH];
	size_t depth;
	const char *value;
	unsigned line;
};

struct reading {
	struct arena *a;
	struct yamlr *y;
	const char *name; /* of the file, for messages */
	const char *path[DEPTH];
	VEC(struct entry) entries;
};

static enum rmg_rc bad(struct reading *r, unsigned line, const char *what, struct rmg_err *err)
{
	return err_set(err, RMG_E_FORMAT, "%s:%u: %s", r->name, line, what);
}

static enum rmg_rc no_memory(struct rmg_err *err)
{
	return err_set(err, RMG_E_NOMEM, "no memory for the settings");
}

static enum rmg_rc add(struct reading *r, size_t depth, const struct yamlr_item *item,
		       struct rmg_err *err)
{
	struct entry *e = VEC_ADD(&r->entries);

	if (e == NULL)
		return no_memory(err);
	memcpy(e->path, r->path, sizeof e->path);
	e->depth = depth;
	e->line = item->line;
	e->value = yamlr_is_null(item) ? "" : arena_cstr(r->a, item->text);
	return e->value ? RMG_OK : no_memory(err);
}

/* A map whose beginning was read; depth is bounded by DEPTH. */
static enum rmg_rc read_map(struct reading *r, size_t depth, struct rmg_err *err)
{
	struct yamlr_item item;
	enum rmg_rc rc;

	while ((rc = yamlr_next(r->y, &item, err)) == RMG_OK && item.kind == YAMLR_SCALAR) {
		if (depth == DEPTH)
			return bad(r, item.line, "too deep", err);
		r->path[depth] = arena_cstr(r->a, item.text);
		if (r->path[depth] == NULL)
			return no_memory(err);
		rc = yamlr_next(r->y, &item, err);
		if (rc == RMG_OK && item.kind == YAMLR_MAP)
			rc = read_map(r, depth + 1, err);
		else if (rc == RMG_OK && item.kind == YAMLR_SCALAR)
			rc = add(r, depth + 1, &item, err);
		else if (rc == RMG_OK)
			rc = bad(r, item.line, "a value or a map is expected here", err);
		if (rc != RMG_OK)
			return rc;
	}
	return rc;
}

static enum rmg_rc read_all(struct reading *r, struct span yaml, struct rmg_err *err)
{
	struct yamlr_item item;
	enum rmg_rc rc = yamlr_open(yaml, &r->y, err);

	if (rc == RMG_OK)
		rc = yamlr_next(r->y, &item, err);
	if (rc == RMG_OK && item.kind == YAMLR_MAP)
		rc = read_map(r, 0, err);
	else if (rc == RMG_OK && item.kind != YAMLR_EOF && !yamlr_is_null(&item))
		rc = bad(r, item.line, "settings are a map", err);
	if (rc != RMG_OK && err && span_find(span_cstr(err->msg), span_cstr(r->name)) != 0)
		err_add(err, "%s", r->name);
	yamlr_close(r->y);
	return rc;
}

static bool at(const struct entry *e, size_t depth, const char *a, const char *b)
{
	return e->depth == depth && strcmp(e->path[0], a) == 0 &&
	       (b == NULL || strcmp(e->path[1], b) == 0);
}

static bool days(const char *value, uint32_t *out)
{
	uint64_t n;

	if (!span_u64(span_cstr(value), 10, 36500, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool yes(const char *value, bool *out)
{
	*out = strcmp(value, "true") == 0;
	return *out || strcmp(value, "false") == 0;
}

const struct config_sink *config_sink_of(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_sinks; i++)
		if (strcmp(c->sinks[i].name, name) == 0)
			return &c->sinks[i];
	return NULL;
}

static struct config_sink *sink_of(struct config *c, const char *name)
{
	const struct config_sink *have = config_sink_of(c, name);

	if (have)
		return &c->sinks[have - c->sinks];
	c->sinks[c->n_sinks] = (struct config_sink){.name = name};
	return &c->sinks[c->n_sinks++];
}

static enum rmg_rc from_file(struct arena *a, const char *path, const char **out,
			     struct rmg_err *err)
{
	struct strbuf line = strbuf_of(FILE_SECRET_BYTES);
	enum rmg_rc rc = file_first_line(path, &line, err);

	*out =
	    rc == RMG_OK && strbuf_rc(&line) == RMG_OK ? arena_cstr(a, strbuf_span(&line)) : NULL;
	strbuf_done(&line);
	return rc == RMG_OK && *out == NULL ? no_memory(err) : rc;
}

static enum rmg_rc set_sink(struct config *c, struct reading *r, const struct entry *e,
			    struct rmg_err *err)
{
	struct config_sink *s = sink_of(c, e->path[1]);
	const char *name = e->path[2], *value = e->value;
	size_t n = strlen(name);
	enum rmg_rc rc = RMG_OK;

	if (strcmp(name, "kind") == 0) {
		if (s->kind)
			return bad(r, e->line, "it has a kind already", err);
		s->kind = sink_kind_of(value);
		return s->kind ? RMG_OK : bad(r, e->line, "no sink is of this kind", err);
	}
	if (n > 5 && strcmp(name + n - 5, "_file") == 0) {
		name = arena_cstr(r->a, span_of(name, n - 5));
		rc = from_file(r->a, value, &value, err);
	}
	if (s->values == NULL)
		s->values = ARENA_ARRAY(r->a, r->entries.n, struct config_value);
	if (name == NULL || s->values == NULL)
		return no_memory(err);
	/* One of the two would not hold, and who wrote it would not know. */
	if (s->n_values == SINK_VALUES || config_sink_value(s, name))
		return bad(r, e->line, "a second setting of this name, or too many of them", err);
	if (rc == RMG_OK)
		s->values[s->n_values++] = (struct config_value){name, value};
	else
		err_add(err, "%s:%u", r->name, e->line);
	return rc;
}

static enum rmg_rc set_role(struct config *c, struct reading *r, const struct entry *e,
			    struct rmg_err *err)
{
	struct oidc_role *roles = (struct oidc_role *)(uintptr_t)c->oidc.roles;

	if (roles == NULL)
		roles = ARENA_ARRAY(r->a, r->entries.n, struct oidc_role);
	if (roles == NULL)
		return no_memory(err);
	roles[c->oidc.n_roles++] = (struct oidc_role){e->path[2], e->value};
	c->oidc.roles = roles;
	return RMG_OK;
}

static bool set_oidc(struct config *c, const struct entry *e)
{
	const struct {
		const char *name;
		const char **to;
	} rows[] = {
	    {"issuer", &c->oidc.issuer}, {"audience", &c->oidc.audience}, {"jwks", &c->oidc.jwks},
	    {"claim", &c->oidc.claim},   {"ca_file", &c->oidc.ca_file},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (strcmp(e->path[1], rows[i].name) == 0) {
			*rows[i].to = e->value;
			return true;
		}
	}
	return false;
}

/* A secret that is empty would let everybody in. */
static enum rmg_rc set_hook(struct config *c, struct reading *r, const struct entry *e,
			    struct rmg_err *err)
{
	enum rmg_rc rc = from_file(r->a, e->value, &c->hook_secret, err);

	if (rc != RMG_OK)
		err_add(err, "%s:%u", r->name, e->line);
	else if (*c->hook_secret == '\0')
		return bad(r, e->line, "the file has no secret in its first line", err);
	return rc;
}

static bool count(const char *value, uint64_t max, uint64_t *out)
{
	return span_u64(span_cstr(value), 10, max, out) && *out;
}

static bool set_period(struct config *c, const struct entry *e, bool *good)
{
	static const char *const names[TAG_STATES] = {"running_seconds", "dormant_seconds",
						      "base_seconds", "cached_seconds"};
	uint64_t n = 0;

	if (at(e, 2, "registries", "crawl_seconds")) {
		*good = count(e->value, UINT64_C(36500) * 86400, &n);
		c->tags.crawl_ms = (int64_t)n * 1000;
		return true;
	}
	for (unsigned s = 0; s < TAG_STATES; s++) {
		if (!at(e, 2, "registries", names[s]))
			continue;
		*good = count(e->value, UINT64_C(36500) * 86400, &n);
		c->tags.period_ms[s] = (int64_t)n * 1000;
		return true;
	}
	return false;
}

/* How often registries are asked what tags mean. */
static bool set_registries(struct config *c, struct reading *r, const struct entry *e, bool *good)
{
	struct hub_tag_host *hosts = (struct hub_tag_host *)(uintptr_t)c->tags.hosts;
	uint64_t n = 0;

	if (at(e, 2, "registries", "per_minute")) {
		*good = count(e->value, 60000, &n);
		c->tags.per_minute = (unsigned)n;
		return true;
	}
	if (!at(e, 4, "registries", "hosts") || strcmp(e->path[3], "per_minute") != 0)
		return set_period(c, e, good);
	if (hosts == NULL)
		hosts = ARENA_ARRAY(r->a, r->entries.n, struct hub_tag_host);
	*good = hosts && strlen(e->path[2]) < sizeof hosts->name && count(e->value, 60000, &n);
	if (*good) {
		struct hub_tag_host *to = &hosts[c->tags.n_hosts++];

		snprintf(to->name, sizeof to->name, "%s", e->path[2]);
		to->per_minute = (unsigned)n;
		c->tags.hosts = hosts;
	}
	return true;
}

static bool set_plain(struct config *c, const struct entry *e, bool *good)
{
	if (at(e, 1, "address", NULL))
		c->address = e->value;
	else if (at(e, 1, "open_metrics", NULL))
		*good = yes(e->value, &c->open_metrics);
	else if (at(e, 2, "retention", "ended_uses_days"))
		*good = days(e->value, &c->ended_uses_days);
	else if (at(e, 2, "retention", "changes_days"))
		*good = days(e->value, &c->changes_days);
	else if (at(e, 2, "retention", "sent_messages_days"))
		*good = days(e->value, &c->sent_messages_days);
	else if (at(e, 2, "oidc", NULL))
		return set_oidc(c, e);
	else
		return false;
	return true;
}

static enum rmg_rc set(struct config *c, struct reading *r, const struct entry *e,
		       struct rmg_err *err)
{
	bool good = true;

	if (at(e, 3, "sinks", NULL))
		return set_sink(c, r, e, err);
	if (at(e, 3, "oidc", "roles"))
		return set_role(c, r, e, err);
	if (at(e, 2, "hooks", "secret_file"))
		return set_hook(c, r, e, err);
	if (!set_registries(c, r, e, &good) && !set_plain(c, e, &good))
		return bad(r, e->line, "nothing is called so", err);
	return good ? RMG_OK : bad(r, e->line, "this value is not understood", err);
}

static bool known_setting(const struct sink_kind *kind, const char *name)
{
	for (const struct sink_setting *s = kind->settings; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return true;
	return false;
}

static enum rmg_rc check_sink(const struct reading *r, const struct config_sink *s,
			      struct rmg_err *err)
{
	if (s->kind == NULL)
		return err_set(err, RMG_E_FORMAT, "%s: sink \"%s\" has no kind", r->name, s->name);
	for (size_t i = 0; i < s->n_values; i++)
		if (!known_setting(s->kind, s->values[i].name))
			return err_set(err, RMG_E_FORMAT, "%s: sink \"%s\": %s knows no \"%s\"",
				       r->name, s->name, s->kind->name, s->values[i].name);
	for (const struct sink_setting *k = s->kind->settings; k->name; k++)
		if (k->required && config_sink_value(s, k->name) == NULL)
			return err_set(err, RMG_E_FORMAT, "%s: sink \"%s\" lacks \"%s\": %s",
				       r->name, s->name, k->name, k->what);
	return RMG_OK;
}

static enum rmg_rc fill(struct config *c, struct reading *r, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	size_t n_each = 0;

	c->sinks = ARENA_ARRAY(&c->arena, r->entries.n + 1, struct config_sink);
	if (c->sinks == NULL)
		return no_memory(err);
	VEC_EACH (e, &r->entries) {
		rc = set(c, r, e, err);
		if (rc != RMG_OK)
			return rc;
	}
	if (c->n_sinks > CONFIG_SINKS)
		return err_set(err, RMG_E_LIMIT, "%s: at most %d sinks", r->name, CONFIG_SINKS);
	c->sink_names = ARENA_ARRAY(&c->arena, c->n_sinks + 1, const char *);
	c->sinks_each = ARENA_ARRAY(&c->arena, c->n_sinks + 1, const char *);
	if (c->sink_names == NULL || c->sinks_each == NULL)
		return no_memory(err);
	for (size_t i = 0; rc == RMG_OK && i < c->n_sinks; i++) {
		c->sink_names[i] = c->sinks[i].name;
		rc = check_sink(r, &c->sinks[i], err);
		if (rc == RMG_OK && c->sinks[i].kind->each)
			c->sinks_each[n_each++] = c->sinks[i].name;
	}
	return rc;
}

enum rmg_rc config_parse(struct span yaml, const char *name, struct config **out,
			 struct rmg_err *err)
{
	struct config *c = calloc(1, sizeof *c);
	struct reading r = {.name = name};
	enum rmg_rc rc;

	if (c == NULL)
		return no_memory(err);
	arena_init(&c->arena, MIB(16));
	c->holders = 1;
	c->tags = HUB_TAG_OPTS;
	c->changes_days = c->sent_messages_days = 30;
	r.a = &c->arena;
	rc = read_all(&r, yaml, err);
	if (rc == RMG_OK)
		rc = fill(c, &r, err);
	VEC_DONE(&r.entries);
	if (rc != RMG_OK) {
		config_free(c);
		return rc;
	}
	*out = c;
	return RMG_OK;
}

enum rmg_rc config_read(const char *file, struct config **out, struct rmg_err *err)
{
	struct span text = {0};
	struct config *c = NULL;
	enum rmg_rc rc = RMG_OK;

	if (file)
		rc = file_read(file, LIMIT_SETTINGS_BYTES, &text, err);
	if (rc == RMG_OK)
		rc = config_parse(text, file ? file : "settings", &c, err);
	if (file)
		file_free(&text);
	for (size_t i = 0; rc == RMG_OK && i < c->n_sinks; i++) {
		rc = config_sink_check(&c->sinks[i], err);
		if (rc != RMG_OK)
			err_add(err, "%s: sink \"%s\"", file, c->sinks[i].name);
	}
	if (rc == RMG_OK)
		*out = c;
	else
		config_free(c);
	return rc;
}

struct config *config_hold(struct config *c)
{
	c->holders++;
	return c;
}

void config_free(struct config *c)
{
	if (c == NULL || --c->holders)
		return;
	arena_done(&c->arena);
	free(c);
}

const char *config_sink_value(const struct config_sink *s, const char *name)
{
	for (size_t i = s->n_values; i-- > 0;)
		if (strcmp(s->values[i].name, name) == 0)
			return s->values[i].value;
	return NULL;
}

static const char *value_of(void *user, const char *name)
{
	return config_sink_value(user, name);
}

enum rmg_rc config_sink_check(const struct config_sink *s, struct rmg_err *err)
{
	const struct sink_values values = {.value = value_of, .user = (void *)(uintptr_t)s};
	struct sink *sink = NULL;
	enum rmg_rc rc = s->kind->open(&values, &sink, err);

	if (rc == RMG_OK)
		s->kind->close(sink);
	return rc;
}

static bool text_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool config_sink_same(const struct config_sink *a, const struct config_sink *b)
{
	if (a->kind != b->kind || a->n_values != b->n_values)
		return false;
	for (size_t i = 0; i < a->n_values; i++)
		if (!text_same(config_sink_value(b, a->values[i].name),
			       config_sink_value(a, a->values[i].name)))
			return false;
	return true;
}

bool config_provider_same(const struct config *a, const struct config *b)
{
	const struct oidc_opts *x = &a->oidc, *y = &b->oidc;

	if (!text_same(x->issuer, y->issuer) || !text_same(x->audience, y->audience) ||
	    !text_same(x->jwks, y->jwks) || !text_same(x->claim, y->claim) ||
	    !text_same(x->ca_file, y->ca_file) || x->n_roles != y->n_roles)
		return false;
	for (size_t i = 0; i < x->n_roles; i++)
		if (strcmp(x->roles[i].value, y->roles[i].value) != 0 ||
		    strcmp(x->roles[i].role, y->roles[i].role) != 0)
			return false;
	return true;
}
