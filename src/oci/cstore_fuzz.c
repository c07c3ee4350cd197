/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says what the rest is: images, layers, containers, settings. */
#include "oci/cstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void images(struct span in, struct arena *a)
{
	struct cstore_image *v = NULL;
	const struct cstore_image *found = NULL;
	struct strbuf name = strbuf_of(1 << 20);
	size_t n = 0;

	if (cstore_images(in, a, &v, &n, NULL) != RMG_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		CHECK(cstore_id_valid(v[i].id) && span_chr(v[i].id, '/') == SIZE_MAX);
		for (size_t k = 0; k < v[i].n_data; k++) {
			strbuf_clear(&name);
			cstore_data_file(v[i].data[k], &name);
			CHECK(name.n && name.p[0] != '.');
		}
		if (i < 4 && v[i].n_names &&
		    cstore_find(v, n, v[i].names[0], a, &found, NULL) == RMG_OK)
			CHECK(found >= v && found < v + n);
	}
	strbuf_done(&name);
}

static void others(struct span in, struct arena *a, bool layers)
{
	struct cstore_container *c = NULL;
	struct cstore_layer *l = NULL;
	size_t n = 0;
	enum rmg_rc rc =
	    layers ? cstore_layers(in, a, &l, &n, NULL) : cstore_containers(in, a, &c, &n, NULL);

	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		CHECK(cstore_id_valid(layers ? l[i].id : c[i].id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(span_of(data, size), 1);
	struct cstore_conf conf = {0};
	struct arena a;

	if (size < 1 || size > 1 << 16)
		return 0;
	arena_init(&a, 1 << 24);
	if (data[0] == 'I')
		images(in, &a);
	else if (data[0] == 'L' || data[0] == 'C')
		others(in, &a, data[0] == 'L');
	else
		cstore_conf(in, &a, &conf);
	for (size_t i = 0; i < conf.n_stores; i++)
		CHECK(conf.stores[i].n != 0 || arena_rc(&a) != RMG_OK);
	arena_done(&a);
	return 0;
}
