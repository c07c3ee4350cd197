/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/vercmp.h"

#include "vuln/ver.h"

static const struct {
	const char *name;
	int (*cmp)(struct span a, struct span b);
} orders[ORDER_COUNT] = {
#define X(name, fn) [ORDER_##name] = {#name, fn},
#include "vuln/vercmp.def"
#undef X
};

bool version_order_of(struct span name, enum version_order *out)
{
	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		if (!span_is(name, span_cstr(orders[i].name)))
			continue;
		*out = (enum version_order)i;
		return true;
	}
	return false;
}

const char *version_order_name(enum version_order order)
{
	return order < ORDER_COUNT ? orders[order].name : "";
}

int version_cmp(enum version_order order, struct span a, struct span b)
{
	return orders[order].cmp(a, b);
}

static struct span strip_zeros(struct span s)
{
	while (s.n && s.p[0] == '0')
		s = span_from(s, 1);
	return s;
}

int ver_number_cmp(struct span a, struct span b)
{
	a = strip_zeros(a);
	b = strip_zeros(b);
	if (a.n != b.n)
		return a.n > b.n ? 1 : -1;
	return ver_sign(span_cmp(a, b));
}

int ver_dotted_cmp(struct span a, struct span b)
{
	while (a.n || b.n) {
		struct span x = {0}, y = {0};
		int order;

		(void)span_next(&a, '.', &x);
		(void)span_next(&b, '.', &y);
		order = ver_number_cmp(x, y);
		if (order)
			return order;
	}
	return 0;
}

int ver_icase_cmp(struct span a, struct span b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		uint8_t x = to_lower(a.p[i]), y = to_lower(b.p[i]);

		if (x != y)
			return x > y ? 1 : -1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

bool ver_all_digits(struct span s)
{
	struct span rest = s;

	return ver_digits(&rest).n != 0 && rest.n == 0;
}

struct ver_evr ver_evr_of(struct span s)
{
	struct ver_evr v = {.epoch = S("0"), .version = s};
	struct span rest = s, digits = ver_digits(&rest);

	if (rest.n && rest.p[0] == ':') {
		if (digits.n)
			v.epoch = digits;
		v.version = span_from(rest, 1);
	}
	v.has_release = span_rcut(v.version, '-', &v.version, &v.release);
	return v;
}
