/* SPDX-License-Identifier: Apache-2.0 */
#include "format/field.h"

/* "0", "0.", "0.000": what is so weighted is not wanted (12.4.2). */
static bool is_zero(struct span weight)
{
	if (weight.n == 0 || weight.p[0] != '0')
		return false;
	for (size_t i = 1; i < weight.n; i++)
		if (weight.p[i] != (i == 1 ? '.' : '0'))
			return false;
	return true;
}

/* Whether an item's parameters, what stands behind its first ';', leave it wanted. */
static bool wanted(struct span parameters)
{
	struct span one, name, value;

	while (span_next(&parameters, ';', &one))
		if (span_cut(one, '=', &name, &value) && span_is_icase(span_trim(name), S("q")) &&
		    is_zero(span_trim(value)))
			return false;
	return true;
}

bool field_accepts(struct span value, struct span coding)
{
	struct span item, name, parameters;
	bool any = false;

	while (span_next(&value, ',', &item)) {
		if (!span_cut(item, ';', &name, &parameters)) {
			name = item;
			parameters = (struct span){0};
		}
		name = span_trim(name);
		if (span_starts_icase(name, S("x-"))) /* x-gzip is gzip (8.4.1.3) */
			name = span_from(name, 2);
		if (span_is_icase(name, coding))
			return wanted(parameters);
		if (span_is(name, S("*")))
			any = wanted(parameters);
	}
	return any;
}

static struct span without_weakness(struct span tag)
{
	return span_starts(tag, S("W/")) ? span_from(tag, 2) : tag;
}

/* Takes the next "tag" (with its quotes, without W/) off a list; a comma may stand inside one. */
static bool next_tag(struct span *list, struct span *tag)
{
	size_t end;

	while (list->n && (is_space(list->p[0]) || list->p[0] == ','))
		*list = span_from(*list, 1);
	*list = without_weakness(*list);
	if (list->n == 0 || list->p[0] != '"')
		return false;
	end = span_chr(span_from(*list, 1), '"');
	if (end == SIZE_MAX)
		return false;
	*tag = span_head(*list, end + 2);
	*list = span_from(*list, end + 2);
	return true;
}

bool field_has_tag(struct span value, struct span tag)
{
	struct span have;

	if (span_is(span_trim(value), S("*")))
		return true;
	while (next_tag(&value, &have))
		if (span_is(have, without_weakness(tag)))
			return true;
	return false;
}
