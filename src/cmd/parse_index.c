/* SPDX-License-Identifier: Apache-2.0 */
/* parse_index.c - JOB_INDEX: the members of a tar, so that the parent can read them by offset
 * without having parsed one byte of it. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "cmd/parse_jobs.h"
#include "format/tar.h"

struct index {
	struct tar *tar;
	struct strbuf out;
	uint64_t members;
};

static void add(struct index *x, const struct tar_entry *e)
{
	bool link = e->type == TAR_SYMLINK || e->type == TAR_HARDLINK;
	struct wire_member m = {.size = link ? e->link.n : e->size,
				.type = e->type,
				.path_bytes = (uint32_t)e->path.n,
				.offset = tar_bytes(x->tar)};

	/* A damaged entry, or one with holes, is nothing that can be read in place. */
	if (e->rc != RMG_OK || e->sparse)
		m.type = TAR_OTHER;
	strbuf_put(&x->out, span_of(&m, sizeof m));
	strbuf_put(&x->out, e->path);
	if (link && m.type != TAR_OTHER)
		strbuf_put(&x->out, e->link);
	x->members++;
	tar_skip(x->tar);
}

/* The content of an entry begins where its header ends: the reader has taken just that. */
static enum rmg_rc walk(struct index *x, struct span in, struct rmg_err *err)
{
	struct tar_item item = {.event = TAR_ENTRY};

	while (item.event != TAR_MORE) {
		enum rmg_rc rc = tar_next(x->tar, &in, &item, err);

		if (rc != RMG_OK)
			return rc;
		if (item.event == TAR_ENTRY)
			add(x, item.entry);
	}
	if (x->members > LIMIT_LAYER_ENTRIES)
		return err_set(err, RMG_E_LIMIT, "the archive has too many members");
	return RMG_OK;
}

void parse_index(struct worker *w)
{
	struct index x = {.out = strbuf_of(w->job.max_bytes)};
	struct rmg_err err = {0};
	enum rmg_rc rc = tar_new(&x.tar, &err);
	struct span in;

	while (worker_next(w, &in))
		if (rc == RMG_OK)
			rc = walk(&x, in, &err);
	if (rc == RMG_OK)
		rc = tar_end(x.tar, &err);
	if (rc == RMG_OK && strbuf_rc(&x.out) != RMG_OK)
		rc = err_set(&err, strbuf_rc(&x.out),
			     "the list of the archive's members is too long");
	worker_answer(w, rc, rc == RMG_OK ? strbuf_span(&x.out) : span_cstr(err.msg));
}
