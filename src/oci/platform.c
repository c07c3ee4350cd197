/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/platform.h"

/* Names that other tools use, and what OCI (Go) calls the same. */
static const struct {
	const char *name, *arch, *variant;
} aliases[] = {
    {"x86_64", "amd64", ""},    {"x86-64", "amd64", ""},
    {"aarch64", "arm64", ""},   {"i386", "386", ""},
    {"i486", "386", ""},        {"i586", "386", ""},
    {"i686", "386", ""},        {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},     {"armv5l", "arm", "v5"},
    {"armv6l", "arm", "v6"},    {"armv7l", "arm", "v7"},
    {"armv8l", "arm", "v8"},    {"powerpc64le", "ppc64le", ""},
    {"ppc64el", "ppc64le", ""}, {"mips64el", "mips64le", ""},
    {"mipsel", "mipsle", ""},   {"loongarch64", "loong64", ""},
};

static bool is(struct span s, const char *name)
{
	return span_is(s, span_cstr(name));
}

/* "7" and "v7" are one variant. */
static struct span variant_normal(struct span v)
{
	static const char *const names[] = {"v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"};

	if (v.n == 1 && v.p[0] >= '1' && v.p[0] <= '9')
		return span_cstr(names[v.p[0] - '1']);
	return v;
}

struct platform platform_normal(struct platform p)
{
	p.variant = variant_normal(p.variant);
	if (is(p.os, "macos"))
		p.os = S("darwin");
	for (size_t i = 0; i < COUNT_OF(aliases); i++) {
		if (!is(p.arch, aliases[i].name))
			continue;
		p.arch = span_cstr(aliases[i].arch);
		if (p.variant.n == 0)
			p.variant = span_cstr(aliases[i].variant);
		break;
	}
	if ((is(p.arch, "arm64") && is(p.variant, "v8")) ||
	    (is(p.arch, "amd64") && is(p.variant, "v1")))
		p.variant = S("");
	if (is(p.arch, "arm") && p.variant.n == 0)
		p.variant = S("v7");
	return p;
}

static bool word_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && span_chr(S("._-"), s.p[i]) == SIZE_MAX)
			return false;
	return s.n != 0 && s.n <= 30;
}

enum rmg_rc platform_parse(struct span text, struct platform *out, struct rmg_err *err)
{
	struct span rest = text, part[3] = {0};
	size_t n = 0;

	while (n < 3 && span_next(&rest, '/', &part[n]))
		n++;
	if (n == 1) { /* an architecture alone */
		part[1] = part[0];
		part[0] = S("linux");
	}
	if (n == 0 || rest.n || text.p[text.n - 1] == '/' || !word_valid(part[0]) ||
	    !word_valid(part[1]) || (n == 3 && !word_valid(part[2])))
		return err_set(err, RMG_E_ARG,
			       "'" SPAN_FMT "' is no platform: OS/ARCH[/VARIANT], as linux/arm64",
			       SPAN_ARG(text));
	*out = platform_normal((struct platform){part[0], part[1], part[2]});
	return RMG_OK;
}

struct platform platform_host(void)
{
#if defined(__x86_64__)
	return (struct platform){S("linux"), S("amd64"), S("")};
#elif defined(__aarch64__)
	return (struct platform){S("linux"), S("arm64"), S("")};
#elif defined(__arm__)
	return (struct platform){S("linux"), S("arm"), S("v7")};
#elif defined(__i386__)
	return (struct platform){S("linux"), S("386"), S("")};
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (struct platform){S("linux"), S("ppc64le"), S("")};
#elif defined(__s390x__)
	return (struct platform){S("linux"), S("s390x"), S("")};
#elif defined(__riscv)
	return (struct platform){S("linux"), S("riscv64"), S("")};
#elif defined(__loongarch64)
	return (struct platform){S("linux"), S("loong64"), S("")};
#else
#error "name this machine's architecture as OCI does"
#endif
}

/* A variant as a number that orders what runs on what: v7 code runs on v8. 0: none is said. */
static int variant_level(struct platform p)
{
	uint64_t level;

	if (p.variant.n < 2 || p.variant.p[0] != 'v' ||
	    !span_u64(span_head(span_from(p.variant, 1), 1), 10, 9, &level))
		return is(p.arch, "arm64") ? 8 : is(p.arch, "amd64") ? 1 : 0;
	return (int)level;
}

int platform_rank(struct platform want, struct platform have)
{
	int distance;

	want = platform_normal(want);
	have = platform_normal(have);
	if (!span_is(want.os, have.os) || !span_is(want.arch, have.arch))
		return -1;
	if (span_is(want.variant, have.variant))
		return 0;
	distance = variant_level(want) - variant_level(have);
	return distance > 0 ? distance : -1;
}

const char *platform_text(struct platform p, char buf[PLATFORM_TEXT])
{
	struct span parts[] = {span_head(p.os, 30), span_head(p.arch, 30),
			       span_head(p.variant, 30)};
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(parts) && parts[i].n; i++) {
		if (n)
			buf[n++] = '/';
		memcpy(buf + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	buf[n] = '\0';
	return buf;
}
