/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/settings.h"

#include <unistd.h>

#include "base/env.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "format/yamlr.h"
#include "io/file.h"

#define SYSTEM_FILE "/etc/rummage/rummage.yaml"

enum { SETTINGS_MAX = 256 };

struct file {
	struct options *o;
	enum verb_id verb;
	struct yamlr *yaml;
	enum opt_level level;
	bool seen[SETTINGS_MAX]; /* by the row of opt_specs */
};

/* The row of a setting: this verb's where it has one, else another verb's (to check the key). */
static const struct opt_spec *spec_of(enum verb_id verb, struct span section, struct span key)
{
	const struct opt_spec *found = NULL;

	for (size_t i = 0; i < opt_n_specs; i++) {
		const struct opt_spec *s = &opt_specs[i];

		if (s->section == NULL || !span_is(section, span_cstr(s->section)) ||
		    !span_is(key, span_cstr(s->key)))
			continue;
		if (opt_is_of(s, verb))
			return s;
		found = s;
	}
	return found;
}

static bool is_section(struct span name)
{
	for (size_t i = 0; i < opt_n_specs; i++) {
		if (opt_specs[i].section && span_is(name, span_cstr(opt_specs[i].section)))
			return true;
	}
	return false;
}

static enum rmg_rc at_line(struct rmg_err *err, unsigned line, const char *what, struct span word)
{
	return err_set(err, RMG_E_FORMAT, "line %u: %s \"" SPAN_FMT "\"", line, what,
		       SPAN_ARG(span_head(word, 60)));
}

/* Values of other verbs are checked all the same, into a struct that is thrown away. */
static enum rmg_rc set_value(const struct file *f, const struct opt_spec *spec, struct span value,
			     struct rmg_err *err)
{
	struct options other = {0};
	struct options *o = opt_is_of(spec, f->verb) ? f->o : &other;
	char *text;
	enum rmg_rc rc;

	arena_init(&other.arena, LIMIT_SETTINGS_BYTES);
	text = arena_cstr(&f->o->arena, value);
	if (text == NULL)
		rc = err_set(err, RMG_E_NOMEM, "no memory for settings");
	else if (span_chr(value, '\0') < value.n)
		rc = err_set(err, RMG_E_FORMAT, "a NUL in a value");
	else
		rc = opt_set(o, spec, text, f->level, err);
	arena_done(&other.arena);
	return rc;
}

static enum rmg_rc load_list(struct file *f, const struct opt_spec *spec, struct rmg_err *err)
{
	struct yamlr_item item;
	enum rmg_rc rc = yamlr_next(f->yaml, &item, err);

	while (rc == RMG_OK && item.kind != YAMLR_ENDED) {
		if (item.kind != YAMLR_SCALAR)
			return err_set(err, RMG_E_FORMAT, "line %u: a text was expected",
				       item.line);
		rc = set_value(f, spec, item.text, err);
		if (rc == RMG_OK)
			rc = yamlr_next(f->yaml, &item, err);
	}
	return rc;
}

static enum rmg_rc load_key(struct file *f, struct span section, const struct yamlr_item *key,
			    struct rmg_err *err)
{
	const struct opt_spec *spec = spec_of(f->verb, section, key->text);
	unsigned line = key->line;
	struct yamlr_item value;
	enum rmg_rc rc;

	if (spec == NULL)
		return at_line(err, line, "unknown key", key->text);
	/* One of the two would not hold, and who wrote it would not know. */
	CHECK(spec - opt_specs < SETTINGS_MAX);
	if (f->seen[spec - opt_specs])
		return at_line(err, line, "a second key", key->text);
	f->seen[spec - opt_specs] = true;
	rc = yamlr_next(f->yaml, &value, err);
	if (rc != RMG_OK)
		return rc;
	if (yamlr_is_null(&value))
		return RMG_OK;
	if (value.kind == YAMLR_LIST && spec->kind == OPT_LIST)
		return load_list(f, spec, err);
	if (value.kind != YAMLR_SCALAR)
		return err_set(err, RMG_E_FORMAT, "line %u: %s.%s is a single value", line,
			       spec->section, spec->key);
	rc = set_value(f, spec, value.text, err);
	if (rc != RMG_OK)
		err_add(err, "line %u", line);
	return rc;
}

static enum rmg_rc load_section(struct file *f, const struct yamlr_item *name, struct rmg_err *err)
{
	struct yamlr_item item;
	char copy[32];
	struct span section;
	enum rmg_rc rc;

	if (!is_section(name->text))
		return at_line(err, name->line, "unknown section", name->text);
	CHECK(name->text.n < sizeof copy);
	memcpy(copy, name->text.p, name->text.n);
	section = span_of(copy, name->text.n);
	rc = yamlr_next(f->yaml, &item, err);
	if (rc != RMG_OK || yamlr_is_null(&item))
		return rc;
	if (item.kind != YAMLR_MAP)
		return err_set(err, RMG_E_FORMAT, "line %u: a section is a map of keys", item.line);
	while ((rc = yamlr_next(f->yaml, &item, err)) == RMG_OK && item.kind != YAMLR_ENDED) {
		rc = load_key(f, section, &item, err);
		if (rc != RMG_OK)
			return rc;
	}
	return rc;
}

static enum rmg_rc load_sections(struct file *f, struct rmg_err *err)
{
	struct yamlr_item item;
	enum rmg_rc rc = yamlr_next(f->yaml, &item, err);

	if (rc != RMG_OK || item.kind == YAMLR_EOF || yamlr_is_null(&item))
		return rc;
	if (item.kind != YAMLR_MAP)
		return err_set(err, RMG_E_FORMAT, "line %u: settings are a map of sections",
			       item.line);
	while ((rc = yamlr_next(f->yaml, &item, err)) == RMG_OK && item.kind != YAMLR_ENDED) {
		rc = load_section(f, &item, err);
		if (rc != RMG_OK)
			return rc;
	}
	return rc == RMG_OK ? yamlr_next(f->yaml, &item, err) : rc;
}

enum rmg_rc settings_parse(struct options *o, enum verb_id verb, struct span text, const char *name,
			   enum opt_level level, struct rmg_err *err)
{
	struct file f = {.o = o, .verb = verb, .level = level};
	enum rmg_rc rc = yamlr_open(text, &f.yaml, err);

	if (rc == RMG_OK)
		rc = load_sections(&f, err);
	if (rc != RMG_OK)
		err_add(err, "%s", name);
	yamlr_close(f.yaml);
	return rc;
}

static enum rmg_rc load_file(struct options *o, enum verb_id verb, const char *path,
			     enum opt_level level, struct rmg_err *err)
{
	struct span text;
	enum rmg_rc rc = file_read(path, LIMIT_SETTINGS_BYTES, &text, err);

	if (rc != RMG_OK)
		return rc;
	rc = settings_parse(o, verb, text, path, level, err);
	file_free(&text);
	return rc;
}

/* A file that need not be there. */
static enum rmg_rc load_if_there(struct options *o, enum verb_id verb, const char *path,
				 enum opt_level level, struct rmg_err *err)
{
	if (access(path, F_OK) != 0)
		return RMG_OK;
	return load_file(o, verb, path, level, err);
}

static bool user_file(struct strbuf *path)
{
	const char *config = env_get("XDG_CONFIG_HOME"), *home = env_get("HOME");

	if (config && config[0] == '/')
		strbuf_printf(path, "%s/rummage/rummage.yaml", config);
	else if (home && home[0] == '/')
		strbuf_printf(path, "%s/.config/rummage/rummage.yaml", home);
	return path->n && strbuf_rc(path) == RMG_OK;
}

/* RUMMAGE_SCAN_FAIL_ON names section "scan" and key "fail-on". */
static struct span env_name(struct span s, char *buf, size_t n)
{
	size_t len = MIN_OF(s.n, n);

	for (size_t i = 0; i < len; i++)
		buf[i] = s.p[i] == '_' ? '-' : (char)to_lower(s.p[i]);
	return span_of(buf, len);
}

static enum rmg_rc set_variable(const struct file *f, const struct opt_spec *spec,
				struct span value, struct rmg_err *err)
{
	struct span item;
	enum rmg_rc rc = RMG_OK;

	if (spec->kind != OPT_LIST)
		return set_value(f, spec, value, err);
	while (rc == RMG_OK && span_next(&value, ',', &item))
		rc = set_value(f, spec, span_trim(item), err);
	return rc;
}

/* Variables of other names are not ours to judge: RUMMAGE_WORKER, or a CI's own. */
static enum rmg_rc load_variable(const struct file *f, struct span variable, struct rmg_err *err)
{
	struct span name, value, section, key;
	char lower[2][64];
	const struct opt_spec *spec;
	enum rmg_rc rc;

	if (!span_starts(variable, S("RUMMAGE_")) ||
	    !span_cut(span_from(variable, 8), '=', &name, &value) ||
	    !span_cut(name, '_', &section, &key) || value.n == 0)
		return RMG_OK;
	section = env_name(section, lower[0], sizeof lower[0]);
	key = env_name(key, lower[1], sizeof lower[1]);
	if (!is_section(section))
		return RMG_OK;
	spec = spec_of(f->verb, section, key);
	if (spec == NULL)
		return err_set(err, RMG_E_ARG,
			       "RUMMAGE_" SPAN_FMT " in the environment is no setting",
			       SPAN_ARG(span_head(name, 60)));
	rc = set_variable(f, spec, value, err);
	if (rc != RMG_OK)
		err_add(err, "RUMMAGE_" SPAN_FMT, SPAN_ARG(name));
	return rc;
}

enum rmg_rc settings_environment(struct options *o, enum verb_id verb, char *const *environment,
				 struct rmg_err *err)
{
	struct file f = {.o = o, .verb = verb, .level = LEVEL_ENVIRONMENT};
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; environment[i] && rc == RMG_OK; i++)
		rc = load_variable(&f, span_cstr(environment[i]), err);
	return rc;
}

enum rmg_rc settings_load(struct options *o, enum verb_id verb, const char *config,
			  struct rmg_err *err)
{
	struct strbuf user = strbuf_of(LIMIT_PATH_BYTES);
	enum rmg_rc rc = load_if_there(o, verb, SYSTEM_FILE, LEVEL_SYSTEM, err);

	if (rc == RMG_OK && user_file(&user))
		rc = load_if_there(o, verb, strbuf_cstr(&user), LEVEL_USER, err);
	strbuf_done(&user);
	if (rc == RMG_OK && config)
		rc = load_file(o, verb, config, LEVEL_CONFIG, err);
	if (rc == RMG_OK)
		rc = settings_environment(o, verb, environ, err);
	return rc;
}
