/* SPDX-License-Identifier: Apache-2.0 */
#include "format/json.h"

#include <stdlib.h>

static bool pool_for(struct json_doc *d, size_t n)
{
	size_t need = yyjson_read_max_memory_usage(n, 0);

	if (need == 0 || need <= d->pool_bytes)
		return need != 0;
	free(d->pool);
	d->pool = malloc(need);
	d->pool_bytes = d->pool ? need : 0;
	return d->pool != NULL;
}

/* Behind the quote that ends the string which begins at p. A quote is one where the backslashes
 * before it pair up; each run of them is counted once. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *quote, *from = p;

	while ((quote = memchr(from, '"', (size_t)(end - from))) != NULL) {
		const uint8_t *at = quote;

		while (at > from && at[-1] == '\\')
			at--;
		from = quote + 1;
		if ((quote - at) % 2 == 0)
			return from;
	}
	return end;
}

static bool brackets_too_deep(struct span s)
{
	const uint8_t *p = s.p, *end = s.p + s.n;
	int depth = 0;

	while (p < end) {
		uint8_t c = *p++;

		if (c == '"')
			p = string_end(p, end);
		else if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		if (depth > JSON_DEPTH)
			return true;
	}
	return false;
}

/* yyjson does not recurse, but who walks the document does. What has few values, as most records of
 * feeds, is not deep; else brackets are counted. */
static bool too_deep(yyjson_doc *doc, struct span bytes)
{
	return (doc == NULL || yyjson_doc_get_val_count(doc) > JSON_DEPTH) &&
	       brackets_too_deep(bytes);
}

static enum rmg_rc parse(struct json_doc *d, struct span bytes, size_t max_bytes,
			 struct rmg_err *err)
{
	yyjson_alc alc;
	yyjson_read_err why;

	d->doc = NULL;
	d->root = NULL;
	if (span_starts(bytes, S("\xef\xbb\xbf")))
		bytes = span_from(bytes, 3);
	if (bytes.n > max_bytes)
		return err_set(err, RMG_E_LIMIT, "JSON of %zu bytes; at most %zu are read", bytes.n,
			       max_bytes);
	if (bytes.n == 0)
		return err_set(err, RMG_E_FORMAT, "JSON is empty");
	if (!pool_for(d, bytes.n))
		return err_set(err, RMG_E_NOMEM, "no memory for JSON of %zu bytes", bytes.n);
	yyjson_alc_pool_init(&alc, d->pool, d->pool_bytes);
	/* Without the in-place flag yyjson copies and does not write to its input. */
	d->doc = yyjson_read_opts((char *)(uintptr_t)bytes.p, bytes.n, 0, &alc, &why);
	if (too_deep(d->doc, bytes))
		return err_set(err, RMG_E_LIMIT, "JSON nests deeper than %d", JSON_DEPTH);
	if (d->doc == NULL)
		return err_set(err, RMG_E_FORMAT, "JSON at byte %zu: %s", why.pos, why.msg);
	d->root = yyjson_doc_get_root(d->doc);
	return RMG_OK;
}

enum rmg_rc json_parse(struct json_doc *d, struct span bytes, size_t max_bytes, struct rmg_err *err)
{
	enum rmg_rc rc = parse(d, bytes, max_bytes, err);

	if (rc != RMG_OK)
		json_done(d);
	return rc;
}

void json_done(struct json_doc *d)
{
	free(d->pool);
	*d = (struct json_doc){0};
}

json *json_get_span(json *object, struct span key)
{
	return yyjson_obj_getn(object, (const char *)key.p, key.n);
}

json *json_at(json *array, size_t i)
{
	return yyjson_arr_get(array, i);
}

struct span json_str(json *v)
{
	return yyjson_is_str(v) ? span_of(yyjson_get_str(v), yyjson_get_len(v)) : (struct span){0};
}

bool json_get_bool(json *object, const char *key)
{
	return yyjson_get_bool(json_get(object, key));
}

double json_num(json *v)
{
	return yyjson_is_num(v) ? yyjson_get_num(v) : 0;
}

bool json_get_u64(json *object, const char *key, uint64_t *out)
{
	json *v = json_get(object, key);

	if (!yyjson_is_uint(v) || yyjson_get_uint(v) > INT64_MAX)
		return false;
	*out = yyjson_get_uint(v);
	return true;
}

bool json_is_object(json *v)
{
	return yyjson_is_obj(v);
}

bool json_is_array(json *v)
{
	return yyjson_is_arr(v);
}

bool json_is_str(json *v)
{
	return yyjson_is_str(v);
}

size_t json_len(json *v)
{
	return yyjson_is_obj(v) ? yyjson_obj_size(v) : yyjson_arr_size(v);
}

struct json_iter json_iter(json *container)
{
	struct json_iter it = {.object = yyjson_is_obj(container), .left = json_len(container)};

	if (it.left)
		it.at = unsafe_yyjson_get_first(container);
	return it;
}

bool json_next(struct json_iter *it)
{
	if (it->left == 0)
		return false;
	it->left--;
	if (it->object) {
		it->key = json_str(it->at);
		it->value = it->at + 1;
	} else {
		it->value = it->at;
	}
	it->at = unsafe_yyjson_get_next(it->value);
	return true;
}
