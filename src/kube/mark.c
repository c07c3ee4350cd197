/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/mark.h"

#include <stdio.h>

#include "base/hash.h"
#include "format/jsonw.h"
#include "kube/object.h"

enum { LABELS = 4, ANNOTATIONS = 2, NUMBER = 16 };

static const char *const labels[LABELS] = {"rummage/verdict", "rummage/critical", "rummage/high",
					   "rummage/exploited"};
static const char *const annotations[ANNOTATIONS] = {"rummage/findings", "rummage/link"};
static const char at_key[] = "rummage/at";

/* The values of what is to be there, in their order; "" where one is not. */
struct values {
	char numbers[LABELS][NUMBER];
	struct span labels[LABELS], annotations[ANNOTATIONS];
};

static void put_number(struct values *v, size_t i, uint32_t n)
{
	if (n == 0)
		return;
	snprintf(v->numbers[i], NUMBER, "%u", n);
	v->labels[i] = span_cstr(v->numbers[i]);
}

static void values_of(const struct kube_mark *m, struct values *v)
{
	*v = (struct values){0};
	if (m->verdict == NULL)
		return;
	v->labels[0] = span_cstr(m->verdict);
	put_number(v, 1, m->critical);
	put_number(v, 2, m->high);
	put_number(v, 3, m->exploited);
	if (m->alone)
		return;
	v->annotations[0] = span_head(span_cstr(m->findings ? m->findings : ""), KUBE_MARK_TEXT);
	v->annotations[1] = span_cstr(m->link ? m->link : "");
}

static uint64_t sum_of(const struct span *l, const struct span *a)
{
	uint64_t h = 1;

	for (size_t i = 0; i < LABELS; i++)
		h = hash_mix(h * 3 + hash_span(l[i]));
	for (size_t i = 0; i < ANNOTATIONS; i++)
		h = hash_mix(h * 3 + hash_span(a[i]));
	return h ? h : 1;
}

uint64_t kube_mark_sum(const struct kube_mark *m)
{
	struct values v;

	if (m->verdict == NULL)
		return 0;
	values_of(m, &v);
	return sum_of(v.labels, v.annotations);
}

uint64_t kube_mark_seen(json *has_labels, json *has_annotations)
{
	struct span l[LABELS], a[ANNOTATIONS];
	bool any = json_get(has_annotations, at_key) != NULL;

	for (size_t i = 0; i < LABELS; i++) {
		any |= json_get(has_labels, labels[i]) != NULL;
		l[i] = kube_label(has_labels, labels[i]);
	}
	for (size_t i = 0; i < ANNOTATIONS; i++) {
		any |= json_get(has_annotations, annotations[i]) != NULL;
		a[i] = kube_label(has_annotations, annotations[i]);
	}
	return any ? sum_of(l, a) : 0;
}

void kube_mark_patch(const struct kube_mark *m, struct span uid, const char *at, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	struct values v;

	values_of(m, &v);
	jsonw_object(&w);
	jsonw_key(&w, "metadata");
	jsonw_object(&w);
	jsonw_put(&w, "uid", uid);
	jsonw_key(&w, "labels");
	jsonw_object(&w);
	for (size_t i = 0; i < LABELS; i++)
		jsonw_put(&w, labels[i], v.labels[i]);
	jsonw_object_end(&w);
	jsonw_key(&w, "annotations");
	jsonw_object(&w);
	for (size_t i = 0; i < ANNOTATIONS; i++)
		jsonw_put(&w, annotations[i], v.annotations[i]);
	jsonw_put(&w, at_key, m->verdict && !m->alone ? span_cstr(at) : (struct span){0});
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}
