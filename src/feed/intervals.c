/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/intervals.h"

#include <stdlib.h>

/* "0" is below everything, also where the order itself would not say so. */
static int cmp(enum version_order order, struct span a, struct span b)
{
	bool a0 = span_is(a, S("0")), b0 = span_is(b, S("0"));

	if (a0 || b0)
		return (int)b0 - (int)a0;
	return version_cmp(order, a, b);
}

/* At one version an end comes before a new beginning, but what was last affected there after it. */
static int rank(enum adv_event_kind kind)
{
	return kind == EV_LAST_AFFECTED ? 2 : kind == EV_INTRODUCED;
}

static int event_cmp(const void *x, const void *y, void *user)
{
	const struct adv_event *a = x, *b = y;
	int by_version = cmp(*(const enum version_order *)user, a->version, b->version);

	return by_version ? by_version : rank(a->kind) - rank(b->kind);
}

static void sort(struct adv_event *events, size_t n, enum version_order order)
{
	for (size_t i = 1; i < n; i++) {
		if (event_cmp(&events[i - 1], &events[i], &order) > 0) {
			qsort_r(events, n, sizeof *events, event_cmp, &order);
			return;
		}
	}
}

/* Takes the limits out; the highest one is the limit ("*": none). */
static size_t take_limit(struct adv_event *events, size_t n, enum version_order order,
			 struct adv_event *limit)
{
	bool unlimited = false, any = false;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (events[i].kind != EV_LIMIT) {
			events[kept++] = events[i];
			continue;
		}
		unlimited |= span_is(events[i].version, S("*"));
		if (!any || cmp(order, limit->version, events[i].version) < 0)
			*limit = events[i];
		any = true;
	}
	limit->kind = any && !unlimited ? EV_LIMIT : EV_INTRODUCED;
	return kept;
}

/* Evaluates sorted events front to back: what does not change the state says nothing. An end while
 * nothing is open belongs to a beginning at the same version: together they hold nothing. */
static size_t evaluate(struct adv_event *events, size_t n, enum version_order order)
{
	bool open = false;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if ((events[i].kind == EV_INTRODUCED) != open) {
			open = !open;
			events[kept++] = events[i];
		} else if (events[i].kind == EV_FIXED && i + 1 < n &&
			   events[i + 1].kind == EV_INTRODUCED &&
			   cmp(order, events[i].version, events[i + 1].version) == 0) {
			i++;
		}
	}
	return kept;
}

static size_t cut_at(struct adv_event *events, size_t n, enum version_order order,
		     const struct adv_event *limit)
{
	for (size_t i = 0; i < n; i++) {
		int over = cmp(order, events[i].version, limit->version);

		if (events[i].kind == EV_INTRODUCED && over >= 0)
			return i;
		if (over > 0 || (over == 0 && events[i].kind == EV_LAST_AFFECTED)) {
			events[i] = *limit;
			return i + 1;
		}
	}
	return n;
}

size_t intervals_of(struct adv_event *events, size_t n, enum version_order order)
{
	struct adv_event limit = {0};
	size_t kept = take_limit(events, n, order, &limit);

	sort(events, kept, order);
	kept = evaluate(events, kept, order);
	if (limit.kind != EV_LIMIT)
		return kept;
	kept = cut_at(events, kept, order, &limit);
	if (kept && events[kept - 1].kind == EV_INTRODUCED) /* there was a limit: there is room */
		events[kept++] = limit;
	return kept;
}

bool intervals_hold(const struct adv_event *events, size_t n, enum version_order order,
		    struct span version)
{
	for (size_t i = 0; i < n; i++) {
		const struct adv_event *end = i + 1 < n ? &events[i + 1] : NULL;
		int over;

		if (events[i].kind != EV_INTRODUCED || cmp(order, version, events[i].version) < 0)
			continue;
		if (end == NULL || end->kind == EV_INTRODUCED)
			return true;
		over = cmp(order, version, end->version);
		if (over < 0 || (over == 0 && end->kind == EV_LAST_AFFECTED))
			return true;
	}
	return false;
}
