/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/ecosystem.h"

#include "model/purl.h"

enum name_rule { NAME_AS_IS, NAME_LOWER, NAME_PYPI, NAME_URL };
enum kind { KIND_OS, KIND_LANGUAGE };

struct row {
	struct span family;
	enum version_order order;
	enum name_rule rule;
	struct span type;
	enum kind kind;
};

#define LITERAL(s)                                                                                 \
	{                                                                                          \
		(const uint8_t *)("" s), sizeof(s) - 1                                             \
	}

/* clang-format off */
static const struct row rows[] = {
#define X(family, order, rule, type, kind) \
	{ LITERAL(family), ORDER_##order, rule, LITERAL(type), kind },
#include "vuln/ecosystem.def"
#undef X
};
/* clang-format on */

static const struct row *row_of(struct span ecosystem)
{
	struct span family = span_head(ecosystem, span_chr(ecosystem, ':'));

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is(rows[i].family, family))
			return &rows[i];
	return NULL;
}

bool ecosystem_order(struct span ecosystem, enum version_order *out)
{
	const struct row *row = row_of(ecosystem);

	if (row == NULL)
		return false;
	*out = row->order;
	return true;
}

bool ecosystem_is_os(struct span ecosystem)
{
	const struct row *row = row_of(ecosystem);

	return row && row->kind == KIND_OS;
}

struct span ecosystem_key(struct span ecosystem)
{
	const struct row *row = row_of(ecosystem);

	return row && row->kind == KIND_LANGUAGE ? row->family : ecosystem;
}

static bool has_upper(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

static struct span lower(struct span name, struct arena *a)
{
	uint8_t *p;

	if (!has_upper(name))
		return name;
	p = arena_bytes(a, name.n);
	if (p == NULL)
		return (struct span){0};
	for (size_t i = 0; i < name.n; i++)
		p[i] = to_lower(name.p[i]);
	return span_of(p, name.n);
}

static struct span bare_url(struct span name)
{
	size_t scheme = span_find(name, S("://"));

	if (scheme != SIZE_MAX)
		name = span_from(name, scheme + 3);
	return span_ends(name, S(".git")) ? span_head(name, name.n - 4) : name;
}

struct span ecosystem_name(struct span ecosystem, struct span name, struct arena *a)
{
	const struct row *row = row_of(ecosystem);

	switch (row ? row->rule : NAME_AS_IS) {
	case NAME_LOWER:
		return lower(name, a);
	case NAME_PYPI:
		return purl_pypi_name(name, a);
	case NAME_URL:
		return lower(bare_url(name), a);
	case NAME_AS_IS:
		break;
	}
	return name;
}

bool ecosystem_of_type(struct span type, size_t i, struct span *out)
{
	for (size_t r = 0; r < COUNT_OF(rows); r++) {
		if (rows[r].kind != KIND_LANGUAGE || !span_is(rows[r].type, type) || i-- != 0)
			continue;
		*out = rows[r].family;
		return true;
	}
	return false;
}
