/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/profile_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/rfc3339.h"
#include "oci/digest.h"

enum { KEY_DIGITS = 16 };

static const char *key_text(uint64_t key, char buf[static KEY_DIGITS + 1])
{
	(void)snprintf(buf, KEY_DIGITS + 1, "%016" PRIx64, key);
	return buf;
}

static bool key_of(struct span text, uint64_t *out)
{
	return text.n == KEY_DIGITS && span_u64(text, 16, UINT64_MAX, out);
}

void profile_keys_write(struct jsonw *w, const char *name, const uint64_t *keys, size_t n)
{
	char text[KEY_DIGITS + 1];

	jsonw_key(w, name);
	jsonw_array(w);
	for (size_t i = 0; i < n; i++)
		jsonw_cstr(w, key_text(keys[i], text));
	jsonw_array_end(w);
}

static void write_watched(struct jsonw *w, const struct profile *p)
{
	char text[KEY_DIGITS + 1];

	jsonw_key(w, "watched");
	jsonw_array(w);
	for (size_t i = 0; i < p->n_watched; i++) {
		jsonw_object(w);
		jsonw_put_cstr(w, "component", key_text(p->watched[i].component, text));
		jsonw_put_u64(w, "bytes", p->watched[i].bytes);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void profile_write(const struct profile *p, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	char time[RFC3339_BYTES];

	jsonw_object(&w);
	jsonw_put(&w, "image", p->image);
	if (p->to_ms) {
		jsonw_put_cstr(&w, "from", rfc3339_text(p->from_ms, time));
		jsonw_put_cstr(&w, "to", rfc3339_text(p->to_ms, time));
	}
	jsonw_put_u64(&w, "containers", p->containers);
	if (p->asks)
		jsonw_put_bool(&w, "asks", true);
	write_watched(&w, p);
	profile_keys_write(&w, "used", p->used, p->n_used);
	profile_keys_write(&w, "executed", p->executed, p->n_executed);
	jsonw_object_end(&w);
}

bool profile_keys_read(json *array, struct arena *a, const uint64_t **out, size_t *n)
{
	size_t len = json_is_array(array) ? json_len(array) : 0, at = 0;
	uint64_t *keys;

	if (len > LIMIT_PROFILE_KEYS || (array && !json_is_array(array)))
		return false;
	keys = ARENA_ARRAY(a, len, uint64_t);
	if (keys == NULL)
		return false;
	for (struct json_iter it = json_iter(array); at < len && json_next(&it);)
		if (!key_of(json_str(it.value), &keys[at++]))
			return false;
	*out = keys;
	*n = at;
	return true;
}

static bool read_watched(json *array, struct arena *a, struct profile *out)
{
	size_t len = json_is_array(array) ? json_len(array) : 0, at = 0;
	struct profile_part *parts;

	if (len > LIMIT_PROFILE_KEYS || (array && !json_is_array(array)))
		return false;
	parts = ARENA_ARRAY(a, len, struct profile_part);
	if (parts == NULL)
		return false;
	for (struct json_iter it = json_iter(array); at < len && json_next(&it); at++)
		if (!key_of(json_get_str(it.value, "component"), &parts[at].component) ||
		    !json_get_u64(it.value, "bytes", &parts[at].bytes))
			return false;
	out->watched = parts;
	out->n_watched = at;
	return true;
}

static bool read_times(json *root, struct profile *out)
{
	struct span from = json_get_str(root, "from"), to = json_get_str(root, "to");

	if (from.n == 0 && to.n == 0)
		return true;
	return rfc3339_parse(from, &out->from_ms) && rfc3339_parse(to, &out->to_ms) &&
	       out->from_ms > 0 && out->from_ms <= out->to_ms;
}

static enum rmg_rc read(json *root, struct arena *a, struct profile *out, struct rmg_err *err)
{
	struct span image = json_get_str(root, "image");
	json *containers = json_get(root, "containers");

	if (!digest_valid(image))
		return err_set(err, RMG_E_FORMAT, "\"image\" is no digest");
	if (!read_times(root, out))
		return err_set(err, RMG_E_FORMAT, "\"from\" and \"to\" are no times in this order");
	if (containers && !json_get_u64(root, "containers", &out->containers))
		return err_set(err, RMG_E_FORMAT, "\"containers\" is no number");
	if (out->containers > UINT32_MAX)
		return err_set(err, RMG_E_LIMIT, "too many containers");
	out->asks = json_get_bool(root, "asks");
	if (!read_watched(json_get(root, "watched"), a, out) ||
	    !profile_keys_read(json_get(root, "used"), a, &out->used, &out->n_used) ||
	    !profile_keys_read(json_get(root, "executed"), a, &out->executed, &out->n_executed))
		return err_set(err, RMG_E_FORMAT,
			       "keys are 16 hexadecimal digits, %llu of a kind at most",
			       (unsigned long long)LIMIT_PROFILE_KEYS);
	out->image = arena_dup(a, image);
	return arena_rc(a) == RMG_OK ? RMG_OK : err_set(err, arena_rc(a), "a profile too large");
}

enum rmg_rc profile_parse(struct span text, size_t max_bytes, struct arena *a, struct profile *out,
			  struct rmg_err *err)
{
	struct profile p = {0};
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, text, max_bytes, err);

	if (rc != RMG_OK)
		return rc;
	if (json_is_object(doc.root))
		rc = read(doc.root, a, &p, err);
	else
		rc = err_set(err, RMG_E_FORMAT, "a profile is an object");
	json_done(&doc);
	if (rc == RMG_OK)
		*out = p;
	return rc;
}
