/* SPDX-License-Identifier: Apache-2.0 */
/* write_labels.c - labels and annotations on workloads and their pods (kube/mark.h). */
#include "base/rfc3339.h"
#include "kube/mark.h"
#include "serve/writeback_inside.h"

/* What a controller copied from its own object onto a ReplicaSet stays there; it goes when that
 * object has no marks any more, else it would be copied again. */
static bool is_left_behind(struct writeback *b, const struct object *x)
{
	const struct object *owner = x->owner ? objects_find(&b->objects, x->owner) : NULL;

	return owner && owner->marks == 0;
}

static bool wants(struct writeback *b, struct object *x, const struct standing *how, struct task *t)
{
	struct strbuf words = strbuf_of(KUBE_MARK_TEXT), link = strbuf_of(KIB(4));
	struct span kind = span_cstr(b->objects.kinds[x->kind].path);
	struct kube_mark mark = {0};
	char at[RFC3339_BYTES];
	bool wanted;

	if (how && how->verdict != STANDING_CLEAN) {
		form_words(how, &words);
		form_link(b, x, how, &link);
		mark = (struct kube_mark){
		    .verdict = standing_name(how->verdict),
		    .critical = how->counts.by_severity[SEV_CRITICAL],
		    .high = how->counts.by_severity[SEV_HIGH],
		    .exploited = how->counts.kev,
		    .findings = strbuf_cstr(&words),
		    .link = strbuf_cstr(&link),
		    .alone = span_is(kind, S("/apis/apps/v1/deployments")),
		};
	}
	t->sum = kube_mark_sum(&mark);
	wanted = t->sum != x->marks &&
		 (t->sum || !x->owner || b->objects.kinds[x->kind].pods || is_left_behind(b, x));
	if (wanted) {
		object_path(&b->objects, x, &t->path);
		strbuf_puts(&t->path, "?fieldManager=rummage");
		kube_mark_patch(&mark, object_text(x, OBJECT_UID),
				rfc3339_text(env_now_ms(b->env), at), &t->body);
		t->method = "PATCH";
		t->type = "application/merge-patch+json";
	}
	strbuf_done(&words);
	strbuf_done(&link);
	return wanted;
}

/* As the watcher will show it. */
static void wrote(struct writeback *b, struct object *x, const struct task *t)
{
	(void)b;
	if (x)
		x->marks = t->sum;
}

const struct form form_labels = {.name = "labels", .wants = wants, .wrote = wrote, .pods = true};
