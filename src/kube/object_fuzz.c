/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever an object says: no bad read, texts are clean, and no count is above its array. */
#include "kube/object.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "kube/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean(struct span s)
{
	if (!utf8_is_clean(s))
		__builtin_trap();
}

static void look(json *object, struct span kind)
{
	struct kube_image images[4];
	struct kube_want want;
	struct kube_meta m;
	size_t n;

	kube_meta_read(object, &m);
	clean(m.name);
	clean(m.owner.name);
	(void)kube_mark_seen(m.labels, m.annotations);
	if (kind.n)
		m.kind = kind;
	kube_want_read(object, &m, &want);
	clean(want.schedule);
	n = kube_images(kube_pod_spec(object, m.kind), images, COUNT_OF(images));
	for (size_t i = 0; i < MIN_OF(n, COUNT_OF(images)); i++) {
		clean(images[i].ref);
		if (images[i].ref.n == 0)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = {0};
	struct event_label labels[3];
	struct kube_run runs[3];
	struct kube_meta m;
	size_t n;

	if (size > KIB(64) || json_parse(&doc, span_of(data, size), KIB(64), NULL) != RMG_OK)
		return 0;
	look(doc.root, S(""));
	look(doc.root, S("CronJob"));
	look(doc.root, S("Pod"));
	kube_meta_read(doc.root, &m);
	n = kube_labels(m.labels, labels, COUNT_OF(labels));
	for (size_t i = 0; i < n; i++)
		clean(labels[i].value);
	n = kube_runs(doc.root, runs, COUNT_OF(runs));
	if (n > COUNT_OF(runs))
		__builtin_trap();
	for (size_t i = 0; i < n; i++) {
		clean(runs[i].id);
		clean(runs[i].digest);
	}
	json_done(&doc);
	return 0;
}
