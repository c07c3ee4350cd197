/* SPDX-License-Identifier: Apache-2.0 */
/* ctrd_read_fuzz.c - any message is refused or gives clean texts that the arena has. The first byte
 * says which reader. */
#include "runtime/ctrd_read.h"

#include "base/limits.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 20 };

static void is_text(struct span s)
{
	CHECK(s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s));
}

static void containers(struct span m, struct arena *a)
{
	struct ctrd_container *list;
	size_t n;

	if (ctrd_read_containers(m, a, &list, &n, NULL) != RMG_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		CHECK(list[i].id.n && list[i].n_labels <= EVENT_LABELS && list[i].created_ms >= 0);
		is_text(list[i].id);
		is_text(list[i].image);
		is_text(list[i].snapshot_key);
		for (size_t k = 0; k < list[i].n_labels; k++)
			is_text(list[i].labels[k].value);
	}
}

static void images(struct span m, struct arena *a)
{
	struct ctrd_image *list;
	size_t n;

	if (ctrd_read_images(m, a, &list, &n, NULL) != RMG_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		CHECK(list[i].name.n && list[i].digest.n);
		is_text(list[i].name);
		is_text(list[i].digest);
	}
}

static void tasks(struct span m, struct arena *a)
{
	struct ctrd_task *list;
	size_t n;

	if (ctrd_read_tasks(m, a, &list, &n, NULL) != RMG_OK)
		return;
	for (size_t i = 0; i < n; i++)
		is_text(list[i].container);
}

static void folders(struct span m, struct arena *a)
{
	struct span *list;
	size_t n;

	if (ctrd_read_folders(m, a, &list, &n, NULL) != RMG_OK)
		return;
	CHECK(n <= LIMIT_LAYERS);
	for (size_t i = 0; i < n; i++)
		CHECK(span_starts(list[i], S("/")) && list[i].n <= LIMIT_PATH_BYTES);
}

static void event(struct span m, struct arena *a)
{
	struct ctrd_event e;

	if (ctrd_read_event(m, a, &e, NULL) != RMG_OK)
		return;
	is_text(e.ns);
	is_text(e.name);
	is_text(e.image);
	is_text(e.exec);
	CHECK(e.at_ms >= 0 && (e.what == CTRD_OTHER || (e.name.n && e.ns.n)));
}

static void rest(struct span m, struct arena *a)
{
	struct span *names, text;
	struct ctrd_blob blob;
	uint64_t offset;
	size_t n;

	if (ctrd_read_namespaces(m, a, &names, &n, NULL) == RMG_OK)
		for (size_t i = 0; i < n; i++)
			is_text(names[i]);
	if (ctrd_read_parent(m, a, &text, NULL) == RMG_OK)
		is_text(text);
	if (ctrd_read_root(m, S("io.containerd.content.v1"), S("content"), a, &text, NULL) ==
	    RMG_OK)
		CHECK(text.n <= LIMIT_PATH_BYTES);
	if (ctrd_read_blob(m, a, &blob, NULL) == RMG_OK)
		for (size_t i = 0; i < blob.n_snapshots; i++)
			is_text(blob.snapshots[i].value);
	if (ctrd_read_piece(m, a, &offset, &text, NULL) == RMG_OK)
		CHECK(text.n <= m.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct span m, struct arena * a) = {
	    containers, images, tasks, folders, event, rest,
	};
	struct arena a;

	if (size < 1 || size > MOST_BYTES)
		return 0;
	arena_init(&a, 64 << 20);
	readers[data[0] % COUNT_OF(readers)](span_from(span_of(data, size), 1), &a);
	arena_done(&a);
	return 0;
}
