/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_fuzz.c - one cataloger, named by -DCATALOGER=catalog_x, fed with hostile bytes under a
 * path made of each of its globs. It must give the same for the same bytes, in clean text. */
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "catalog/golden.h"

#define MAX_BYTES (256 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "usr/<star><star>/x-?.y" becomes "usr/x-x.y". */
static size_t path_of_glob(const char *glob, char *out, size_t max)
{
	size_t n = 0;

	for (; *glob && n < max; glob++) {
		if (strncmp(glob, "**/", 3) == 0)
			glob += 2;
		else if (*glob == '[' && glob[1] && strchr(glob, ']') != NULL) {
			out[n++] = glob[1];
			glob = strchr(glob, ']');
		} else
			out[n++] = *glob == '*' || *glob == '?' ? 'x' : *glob;
	}
	return n;
}

static void check_clean(const struct facts *f)
{
	for (size_t i = 0; i < f->n_pkgs; i++) {
		const struct pkg *p = &f->pkgs[i].pkg;

		CHECK(p->type.n && p->name.n);
		CHECK(utf8_is_clean(p->ns) && utf8_is_clean(p->name) && utf8_is_clean(p->version));
		CHECK(utf8_is_clean(p->arch) && utf8_is_clean(p->license) &&
		      utf8_is_clean(p->vendor));
	}
	for (size_t i = 0; i < f->n_notes; i++)
		CHECK(f->notes[i].code.n && utf8_is_clean(f->notes[i].text));
}

static void run(struct span path, struct span bytes, struct strbuf *out)
{
	struct cat_file file = {
	    .path = path,
	    .size = bytes.n,
	    .mode = 0755,
	    .head = span_head(bytes, LIMIT_HEAD_BYTES),
	};
	struct facts_builder *b;
	struct arena scratch;
	struct facts *f;

	arena_init(&scratch, MIB(64));
	if (facts_builder_new(&b) != RMG_OK)
		return;
	(void)catalog_wants(&CATALOGER, &file);
	catalog_run(&CATALOGER, &file, bytes, b, &scratch);
	if (facts_done(b, &f) == RMG_OK) {
		check_clean(f);
		golden_dump(f, out);
	}
	facts_builder_free(b);
	arena_done(&scratch);
}

static void run_twice(struct span path, struct span bytes)
{
	struct strbuf first = strbuf_of(MIB(256)), second = strbuf_of(MIB(256));

	run(path, bytes, &first);
	run(path, bytes, &second);
	CHECK(span_is(strbuf_span(&first), strbuf_span(&second)));
	strbuf_done(&first);
	strbuf_done(&second);
}

/* What a file is called decides how it is read; in which folder it lies hardly ever does. */
static bool is_new_name(size_t i)
{
	struct span name = span_basename(span_cstr(CATALOGER.globs[i]));

	for (size_t k = 0; k < i; k++)
		if (span_is(span_basename(span_cstr(CATALOGER.globs[k])), name))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const *globs = CATALOGER.globs;
	char path[256];

	if (size > MAX_BYTES)
		return 0;
	if (globs == NULL)
		run_twice(S("usr/bin/x"), span_of(data, size));
	for (size_t i = 0; globs != NULL && globs[i] != NULL; i++)
		if (is_new_name(i))
			run_twice(span_of(path, path_of_glob(globs[i], path, sizeof(path))),
				  span_of(data, size));
	return 0;
}
