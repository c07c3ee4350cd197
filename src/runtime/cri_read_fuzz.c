/* SPDX-License-Identifier: Apache-2.0 */
/* cri_read_fuzz.c - any message is refused or gives clean texts that the arena has. The first byte
 * says which reader. */
#include "base/limits.h"
#include "base/utf8.h"
#include "runtime/cri_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 20 };

static void is_text(struct span s)
{
	CHECK(s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s));
}

static void is_container(const struct cri_container *c)
{
	is_text(c->name);
	is_text(c->asked);
	is_text(c->image_ref);
	CHECK(c->began_ms >= 0 && c->n_labels <= EVENT_LABELS);
	for (size_t i = 0; i < c->n_labels; i++)
		is_text(c->labels[i].value);
}

static void pods(struct span m, struct arena *a)
{
	struct cri_pod *list;
	struct span json;
	size_t n;

	if (cri_read_pods(m, a, &list, &n, NULL) == RMG_OK)
		for (size_t i = 0; i < n; i++) {
			CHECK(list[i].id.n && list[i].n_labels <= EVENT_LABELS);
			is_text(list[i].ns);
		}
	if (cri_read_pod_info(m, a, &json, NULL) == RMG_OK)
		CHECK(json.n <= m.n);
}

static void containers(struct span m, struct arena *a)
{
	struct cri_container *list, one;
	size_t n;

	if (cri_read_containers(m, a, &list, &n, NULL) == RMG_OK)
		for (size_t i = 0; i < n; i++)
			is_container(&list[i]);
	if (cri_read_status(m, a, &one, NULL) == RMG_OK)
		is_container(&one);
}

static void images(struct span m, struct arena *a)
{
	struct cri_image *list;
	size_t n;

	if (cri_read_images(m, a, &list, &n, NULL) != RMG_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		CHECK(list[i].id.n);
		for (size_t k = 0; k < list[i].n_tags; k++)
			is_text(list[i].tags[k]);
		for (size_t k = 0; k < list[i].n_digests; k++)
			is_text(list[i].digests[k]);
	}
}

static void event(struct span m, struct arena *a)
{
	struct cri_event e;
	struct span name;

	if (cri_read_version(m, a, &name, NULL) == RMG_OK)
		is_text(name);
	if (cri_read_event(m, a, &e, NULL) != RMG_OK)
		return;
	CHECK(e.what <= CRI_OTHER && (e.what == CRI_OTHER || e.id.n));
	is_text(e.id);
	is_text(e.pod.name);
	if (e.container)
		is_container(e.container);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct span m, struct arena * a) = {
	    pods,
	    containers,
	    images,
	    event,
	};
	struct arena a;

	if (size < 1 || size > MOST_BYTES)
		return 0;
	arena_init(&a, 64 << 20);
	readers[data[0] % COUNT_OF(readers)](span_from(span_of(data, size), 1), &a);
	arena_done(&a);
	return 0;
}
