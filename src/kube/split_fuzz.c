/* SPDX-License-Identifier: Apache-2.0 */
/* The same bytes in one piece and byte by byte give the same objects; of a list that is JSON they
 * are those that the JSON reader sees. */
#include "kube/split.h"

#include "base/limits.h"
#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(void *user, struct span object)
{
	struct strbuf *out = user;

	strbuf_put(out, object);
	strbuf_putc(out, '\n');
	return true;
}

static void cut(bool list, struct span bytes, size_t step, struct strbuf *out)
{
	struct split p;

	split_init(&p, KIB(32));
	split_begin(&p, list);
	for (; bytes.n; bytes = span_from(bytes, step))
		if (!split_feed(&p, span_head(bytes, step), take, out))
			break;
	strbuf_put(out, split_rest(&p));
	split_done(&p);
}

static void compare(bool list, struct span bytes)
{
	struct strbuf a = strbuf_of(MIB(1)), b = strbuf_of(MIB(1));

	cut(list, bytes, bytes.n, &a);
	cut(list, bytes, 1, &b);
	if (!span_is(strbuf_span(&a), strbuf_span(&b)))
		__builtin_trap();
	strbuf_done(&a);
	strbuf_done(&b);
}

static bool count(void *user, struct span object)
{
	struct json_doc doc = {0};

	/* Each is JSON where the whole is. */
	if (json_parse(&doc, object, KIB(64), NULL) != RMG_OK)
		__builtin_trap();
	json_done(&doc);
	++*(size_t *)user;
	return true;
}

static void hold(struct span bytes, json *list)
{
	size_t n = 0, want = 0, keys = 0;
	struct split p;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		keys += span_is(it.key, S("items"));
	for (struct json_iter it = json_iter(json_get(list, "items")); json_next(&it);)
		want += json_is_object(it.value) || json_is_array(it.value);
	split_init(&p, KIB(64));
	split_begin(&p, true);
	if (split_feed(&p, bytes, count, &n) && keys == 1 &&
	    json_is_array(json_get(list, "items")) && n != want && p.passed_over == 0)
		__builtin_trap();
	split_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	struct json_doc doc = {0};

	if (size == 0 || size > KIB(32))
		return 0;
	compare(true, bytes);
	compare(false, bytes);
	if (json_parse(&doc, bytes, KIB(32), NULL) == RMG_OK && json_is_object(doc.root) &&
	    !span_has(bytes, S("\\")))
		hold(bytes, doc.root);
	json_done(&doc);
	return 0;
}
