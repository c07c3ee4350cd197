/* SPDX-License-Identifier: Apache-2.0 */
/* What is told says what its objects do, wherever it is that the events before it are handed over.
 */
#include "watch/kube_told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "watch/event_json.h"
#include "watch/kube_openshift.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define THIRD64 "1111111111111111111111111111111111111111111111111111111111111111"

enum { MOST_BATCH = 6 };

struct world {
	struct cluster c;
	struct watch_opts opts;
	struct strbuf heard;
};

/* A line an event: its type, ref, container, revision, labels, and the kind of its change. */
static enum rmg_rc hear(void *user, const struct event *e, size_t n, struct rmg_err *err)
{
	struct world *w = user;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		strbuf_printf(&w->heard, "%s " SPAN_FMT " " SPAN_FMT " " SPAN_FMT,
			      event_type_name(e[i].type), SPAN_ARG(e[i].image.ref),
			      SPAN_ARG(e[i].container), SPAN_ARG(e[i].revision));
		for (size_t k = 0; k < e[i].n_labels; k++)
			strbuf_printf(&w->heard, " " SPAN_FMT "=" SPAN_FMT,
				      SPAN_ARG(e[i].labels[k].key), SPAN_ARG(e[i].labels[k].value));
		if (e[i].change.kind.n)
			strbuf_printf(&w->heard, " (" SPAN_FMT ")", SPAN_ARG(e[i].change.kind));
		strbuf_putc(&w->heard, '\n');
	}
	return RMG_OK;
}

static struct world *world_new(size_t batch)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	w->heard = strbuf_of(KIB(64));
	w->opts = (struct watch_opts){.kind = "kubernetes", .events = hear, .user = w};
	w->c.opts = &w->opts;
	batch_init(&w->c.batch, &w->opts);
	w->c.batch.cap = batch;
	w->c.n = 1;
	return w;
}

static void world_free(struct world *w)
{
	map_done(&w->c.kinds[0].told);
	openshift_streams_clear(&w->c.streams);
	kube_lives_done(&w->c.kinds[0].lives);
	kube_owners_done(&w->c.owners);
	batch_done(&w->c.batch);
	strbuf_done(&w->heard);
	free(w);
}

/* What is heard of an object does not depend on how much is handed over at once. */
static void tells(enum kube_part role, enum kube_change change, const char *object,
		  const char *want)
{
	for (size_t batch = 2; batch <= MOST_BATCH; batch++) {
		struct world *w = world_new(batch);
		struct json_doc doc = {0};

		w->c.kinds[0].role = role;
		assert_int_equal(kube_owners_revise(&w->c.owners, S("shop/web-55d6"), 7), RMG_OK);
		assert_int_equal(json_parse(&doc, span_cstr(object), KIB(64), NULL), RMG_OK);
		assert_int_equal(kube_told(&w->c, 0, change, doc.root, NULL), RMG_OK);
		assert_int_equal(batch_flush(&w->c.batch, NULL), RMG_OK);
		assert_string_equal(strbuf_cstr(&w->heard), want);
		json_done(&doc);
		world_free(w);
	}
}

static void streams(void **state)
{
	(void)state;
	tells(STREAM, KUBE_LISTED,
	      "{\"metadata\":{\"uid\":\"u1\",\"name\":\"web\",\"namespace\":\"shop\"},\"status\":{"
	      "\"dockerImageRepository\":\"registry.svc:5000/shop/web\","
	      "\"publicDockerImageRepository\":\"registry.apps.example.com/shop/web\","
	      "\"tags\":[{\"tag\":\"latest\",\"items\":["
	      "{\"created\":\"2026-03-01T00:00:00Z\",\"image\":\"sha256:" OTHER64 "\"},"
	      "{\"created\":\"2026-02-01T00:00:00Z\",\"image\":\"sha256:" HEX64 "\"},"
	      "{\"created\":\"2026-01-01T00:00:00Z\",\"image\":\"sha256:" THIRD64 "\"}]}]}}",
	      "tag.resolved registry.svc:5000/shop/web:latest   (was)\n"
	      "tag.resolved registry.svc:5000/shop/web:latest   (was)\n"
	      "tag.resolved registry.svc:5000/shop/web:latest  \n"
	      "tag.resolved registry.apps.example.com/shop/web:latest   (was)\n"
	      "tag.resolved registry.apps.example.com/shop/web:latest   (was)\n"
	      "tag.resolved registry.apps.example.com/shop/web:latest  \n");
}

#define ITEMS "\"items\":[{\"image\":\"sha256:" HEX64 "\"}]"
#define STREAM_OF(tags)                                                                            \
	"{\"metadata\":{\"uid\":\"u1\",\"name\":\"web\",\"namespace\":\"shop\"},\"status\":{"      \
	"\"dockerImageRepository\":\"r:5000/shop/web\",\"tags\":[" tags "]}}"
#define TAG_OF(name) "{\"tag\":\"" name "\"," ITEMS "}"

/* What it is told to be, and what is heard of that. */
static void becomes(struct world *w, enum kube_change change, const char *object, const char *want)
{
	struct json_doc doc = {0};

	strbuf_clear(&w->heard);
	assert_int_equal(json_parse(&doc, span_cstr(object), KIB(64), NULL), RMG_OK);
	assert_int_equal(kube_told(&w->c, 0, change, doc.root, NULL), RMG_OK);
	assert_int_equal(batch_flush(&w->c.batch, NULL), RMG_OK);
	assert_string_equal(strbuf_cstr(&w->heard), want);
	json_done(&doc);
}

/* A tag that a stream has no more has vanished, each once; so have all of one that is deleted. */
static void tags_of_streams_go(void **state)
{
	struct world *w = world_new(4);

	(void)state;
	w->c.kinds[0].role = STREAM;
	becomes(w, KUBE_LISTED, STREAM_OF(TAG_OF("a") "," TAG_OF("b") "," TAG_OF("c")),
		"tag.resolved r:5000/shop/web:a  \ntag.resolved r:5000/shop/web:b  \n"
		"tag.resolved r:5000/shop/web:c  \n");
	becomes(w, KUBE_CHANGED, STREAM_OF(TAG_OF("c") "," TAG_OF("a")),
		"tag.resolved r:5000/shop/web:b   (vanished)\n");
	becomes(w, KUBE_CHANGED, STREAM_OF(TAG_OF("c") "," TAG_OF("a")), "");
	becomes(w, KUBE_CHANGED, STREAM_OF(TAG_OF("c") ",{\"tag\":\"a\",\"items\":[]}"),
		"tag.resolved r:5000/shop/web:a   (vanished)\n");
	becomes(w, KUBE_CHANGED, STREAM_OF(TAG_OF("c") "," TAG_OF("a")),
		"tag.resolved r:5000/shop/web:a  \n");
	becomes(w, KUBE_DELETED, STREAM_OF(TAG_OF("c") "," TAG_OF("a")),
		"tag.resolved r:5000/shop/web:c   (vanished)\n"
		"tag.resolved r:5000/shop/web:a   (vanished)\n");
	becomes(w, KUBE_LISTED, STREAM_OF(TAG_OF("a")), "tag.resolved r:5000/shop/web:a  \n");
	world_free(w);
}

static void images(void **state)
{
	(void)state;
	tells(IMAGE, KUBE_LISTED,
	      "{\"metadata\":{\"uid\":\"u2\",\"name\":\"sha256:" HEX64 "\",\"annotations\":{"
	      "\"openshift.io/image.managed\":\"true\","
	      "\"images.openshift.io/deny-execution\":\"true\","
	      "\"quality.images.openshift.io/vulnerability.other\":\"{\\\"name\\\":\\\"O\\\"}\"}},"
	      "\"dockerImageReference\":\"registry.svc:5000/shop/web@sha256:" HEX64 "\"}",
	      "image.seen registry.svc:5000/shop/web@sha256:" HEX64 "  \n"
	      "image.said registry.svc:5000/shop/web@sha256:" HEX64 "   "
	      "deny=images.openshift.io/deny-execution "
	      "vulnerability/other={\"name\":\"O\",\"summary\":[]}\n");
}

static void pods(void **state)
{
	(void)state;
	tells(POD, KUBE_LISTED,
	      "{\"metadata\":{\"uid\":\"u3\",\"name\":\"web-0\",\"namespace\":\"shop\","
	      "\"labels\":{\"controller-revision-hash\":\"web-55d6\"},\"ownerReferences\":["
	      "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"name\":\"web\","
	      "\"uid\":\"s1\",\"controller\":true}]},"
	      "\"spec\":{\"nodeName\":\"n1\",\"containers\":["
	      "{\"name\":\"a\",\"image\":\"quay.io/shop/a:1\"},"
	      "{\"name\":\"b\",\"image\":\"quay.io/shop/b:1\"}],\"volumes\":["
	      "{\"name\":\"first\",\"image\":{\"reference\":\"quay.io/shop/first:1\"}},"
	      "{\"name\":\"second\",\"image\":{\"reference\":\"quay.io/shop/second:1\"}}]},"
	      "\"status\":{\"phase\":\"Running\",\"containerStatuses\":["
	      "{\"name\":\"a\",\"containerID\":\"containerd://" HEX64 "\","
	      "\"imageID\":\"sha256:" THIRD64 "\",\"state\":{\"running\":{}}},"
	      "{\"name\":\"b\",\"containerID\":\"containerd://" OTHER64 "\","
	      "\"imageID\":\"sha256:" THIRD64 "\",\"state\":{\"running\":{}}}]}}",
	      "use.began quay.io/shop/a:1 " HEX64 " 7\n"
	      "use.began quay.io/shop/b:1 " OTHER64 " 7\n"
	      "use.began quay.io/shop/first:1 u3/volume/first 7\n"
	      "use.began quay.io/shop/second:1 u3/volume/second 7\n");
}

/* What has no room is an error, not an event that says less. */
static void no_room(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	w->c.batch.arena.cap_bytes = 1;
	assert_null(arena_bytes(&w->c.batch.arena, 2));
	(void)kube_next(&w->c, 0, EVENT_SNAPSHOT_BEGAN, 0);
	assert_int_equal(kube_room(&w->c, NULL), RMG_E_LIMIT);
	assert_string_equal(strbuf_cstr(&w->heard), "");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(streams), cmocka_unit_test(tags_of_streams_go),
	    cmocka_unit_test(images),  cmocka_unit_test(pods),
	    cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
