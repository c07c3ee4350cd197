/* SPDX-License-Identifier: Apache-2.0 */
/* write_images.c - annotations on OpenShift's Images of what was read (kube/quality.h). */
#include <rummage.h>

#include "base/rfc3339.h"
#include "kube/quality.h"
#include "serve/writeback_inside.h"

static void put_link(const struct writeback *b, struct span digest, struct strbuf *out)
{
	if (b->link[0] == '\0')
		return;
	strbuf_printf(out, "%s/api/v1/images/", b->link);
	strbuf_percent(out, digest, S("-_.:"));
}

static bool wants(struct writeback *b, struct object *x, const struct standing *how, struct task *t)
{
	struct strbuf link = strbuf_of(KIB(4));
	struct quality q = {0}, *said = how && how->n_unread == 0 ? &q : NULL;
	char at[RFC3339_BYTES];

	if (said) {
		put_link(b, object_text(x, OBJECT_NAME), &link);
		q = (struct quality){
		    .version = rmg_version(),
		    .reference = strbuf_cstr(&link),
		    .whole = how->n_incomplete == 0,
		    .deny = how->denied,
		};
		for (unsigned i = 0; i < QUALITY_ROWS; i++)
			q.rows[i] = how->counts.by_severity[SEV_LOW + i];
	}
	t->sum = quality_wanted(x->marks, said);
	if (t->sum != x->marks) {
		object_path(&b->objects, x, &t->path);
		strbuf_puts(&t->path, "?fieldManager=rummage");
		quality_patch(x->marks, said, object_text(x, OBJECT_UID),
			      object_text(x, OBJECT_TEXTS), rfc3339_text(env_now_ms(b->env), at),
			      &t->body);
		t->method = "PATCH";
		t->type = "application/merge-patch+json";
	}
	strbuf_done(&link);
	return t->sum != x->marks;
}

/* As the watcher will show it. */
static void wrote(struct writeback *b, struct object *x, const struct task *t)
{
	(void)b;
	if (x)
		x->marks = t->sum;
}

const struct form form_images = {.name = "images", .wants = wants, .wrote = wrote, .images = true};
