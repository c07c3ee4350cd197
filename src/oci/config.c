/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/manifest_json.h"

enum { STEPS_MAX = 10000, STRINGS_MAX = 10000 };

static bool is_null(json *v)
{
	return v == NULL || yyjson_is_null(v);
}

enum rmg_rc oci_json_strings(json *list, size_t max, struct arena *arena, struct span **out,
			     size_t *n, struct rmg_err *err)
{
	struct json_iter it = json_iter(list);
	struct span *v;

	if (is_null(list))
		return RMG_OK;
	if (!json_is_array(list))
		return err_set(err, RMG_E_FORMAT, "not a list where one is due");
	if (json_len(list) > max)
		return err_set(err, RMG_E_LIMIT, "a list of %zu strings, %zu are read at most",
			       json_len(list), max);
	v = ARENA_ARRAY(arena, json_len(list), struct span);
	for (size_t i = 0; v && json_next(&it); i++)
		v[i] = arena_dup(arena, json_str(it.value));
	*out = v;
	*n = v ? json_len(list) : 0;
	return RMG_OK;
}

/* The members of an object, at most OCI_PAIRS_MAX. */
static enum rmg_rc object_of(json *object, struct rmg_err *err)
{
	if (!json_is_object(object))
		return err_set(err, RMG_E_FORMAT, "not an object where one is due");
	if (json_len(object) > OCI_PAIRS_MAX)
		return err_set(err, RMG_E_LIMIT, "an object of %zu members", json_len(object));
	return RMG_OK;
}

enum rmg_rc oci_json_pairs(json *object, struct arena *arena, struct oci_pair **out, size_t *n,
			   struct rmg_err *err)
{
	struct json_iter it = json_iter(object);
	struct oci_pair *v;
	enum rmg_rc rc = is_null(object) ? RMG_OK : object_of(object, err);

	if (rc != RMG_OK || is_null(object))
		return rc;
	v = ARENA_ARRAY(arena, json_len(object), struct oci_pair);
	*n = 0;
	while (v && json_next(&it)) {
		if (!json_is_str(it.value))
			continue;
		v[*n].key = arena_dup(arena, it.key);
		v[(*n)++].value = arena_dup(arena, json_str(it.value));
	}
	*out = v;
	return RMG_OK;
}

enum rmg_rc oci_json_keys(json *object, struct arena *arena, struct span **out, size_t *n,
			  struct rmg_err *err)
{
	struct json_iter it = json_iter(object);
	struct span *v;
	enum rmg_rc rc = is_null(object) ? RMG_OK : object_of(object, err);

	if (rc != RMG_OK || is_null(object))
		return rc;
	v = ARENA_ARRAY(arena, json_len(object), struct span);
	*n = 0;
	while (v && json_next(&it))
		v[(*n)++] = arena_dup(arena, it.key);
	*out = v;
	return RMG_OK;
}

static enum rmg_rc read_steps(json *list, struct arena *arena, struct oci_config *out,
			      struct rmg_err *err)
{
	struct json_iter it = json_iter(list);
	size_t n = json_len(list);

	if (is_null(list))
		return RMG_OK;
	if (!json_is_array(list) || n > STEPS_MAX)
		return err_set(err, RMG_E_FORMAT, "the history is no list, or longer than %d",
			       STEPS_MAX);
	out->steps = ARENA_ARRAY(arena, n, struct oci_step);
	for (size_t i = 0; out->steps && json_next(&it); i++) {
		out->steps[i] = (struct oci_step){
		    .created = arena_dup(arena, json_get_str(it.value, "created")),
		    .created_by = arena_dup(arena, json_get_str(it.value, "created_by")),
		    .comment = arena_dup(arena, json_get_str(it.value, "comment")),
		    .author = arena_dup(arena, json_get_str(it.value, "author")),
		    .empty_layer = json_get_bool(it.value, "empty_layer"),
		};
		out->n_steps = i + 1;
	}
	return RMG_OK;
}

/* What a container of the image would be started with. */
static enum rmg_rc read_run(json *run, struct arena *arena, struct oci_config *out,
			    struct rmg_err *err)
{
	enum rmg_rc rc;

	out->user = arena_dup(arena, json_get_str(run, "User"));
	out->working_dir = arena_dup(arena, json_get_str(run, "WorkingDir"));
	out->stop_signal = arena_dup(arena, json_get_str(run, "StopSignal"));
	rc =
	    oci_json_strings(json_get(run, "Env"), STRINGS_MAX, arena, &out->env, &out->n_env, err);
	if (rc == RMG_OK)
		rc = oci_json_strings(json_get(run, "Entrypoint"), STRINGS_MAX, arena,
				      &out->entrypoint, &out->n_entrypoint, err);
	if (rc == RMG_OK)
		rc = oci_json_strings(json_get(run, "Cmd"), STRINGS_MAX, arena, &out->cmd,
				      &out->n_cmd, err);
	if (rc == RMG_OK)
		rc = oci_json_keys(json_get(run, "ExposedPorts"), arena, &out->ports, &out->n_ports,
				   err);
	if (rc == RMG_OK)
		rc = oci_json_keys(json_get(run, "Volumes"), arena, &out->volumes, &out->n_volumes,
				   err);
	if (rc == RMG_OK)
		rc = oci_json_pairs(json_get(run, "Labels"), arena, &out->labels, &out->n_labels,
				    err);
	return rc;
}

static enum rmg_rc read_config(json *root, struct arena *arena, struct oci_config *out,
			       struct rmg_err *err)
{
	json *rootfs = json_get(root, "rootfs");
	enum rmg_rc rc;

	if (!json_is_object(root))
		return err_set(err, RMG_E_FORMAT, "the configuration is no object");
	out->platform = platform_normal((struct platform){
	    .os = arena_dup(arena, json_get_str(root, "os")),
	    .arch = arena_dup(arena, json_get_str(root, "architecture")),
	    .variant = arena_dup(arena, json_get_str(root, "variant")),
	});
	out->created = arena_dup(arena, json_get_str(root, "created"));
	out->author = arena_dup(arena, json_get_str(root, "author"));
	rc = oci_json_strings(json_get(rootfs, "diff_ids"), LIMIT_LAYERS, arena, &out->diff_ids,
			      &out->n_diff_ids, err);
	for (size_t i = 0; rc == RMG_OK && i < out->n_diff_ids; i++)
		if (!digest_valid(out->diff_ids[i]))
			rc = err_set(err, RMG_E_FORMAT, "diff_id %zu is no digest", i);
	if (rc == RMG_OK)
		rc = read_steps(json_get(root, "history"), arena, out, err);
	if (rc == RMG_OK)
		rc = read_run(json_get(root, "config"), arena, out, err);
	return rc;
}

enum rmg_rc oci_config_parse(struct span bytes, struct arena *arena, struct oci_config *out,
			     struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct oci_config c = {0};
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_MANIFEST_BYTES, err);

	if (rc == RMG_OK)
		rc = read_config(doc.root, arena, &c, err);
	json_done(&doc);
	if (rc == RMG_OK && arena_rc(arena) != RMG_OK)
		rc = err_set(err, arena_rc(arena), "no memory for a configuration");
	if (rc == RMG_OK)
		*out = c;
	else
		err_add(err, "configuration");
	return rc;
}

void oci_config_steps(const struct oci_config *c, size_t n, const struct oci_step **out)
{
	size_t at = 0;

	for (size_t i = 0; i < c->n_steps; i++)
		at += !c->steps[i].empty_layer;
	/* A history of another length tells nothing: squashed, or made by hand. */
	for (size_t i = 0; i < n; i++)
		out[i] = NULL;
	if (at != n)
		return;
	at = 0;
	for (size_t i = 0; i < c->n_steps; i++)
		if (!c->steps[i].empty_layer)
			out[at++] = &c->steps[i];
}
