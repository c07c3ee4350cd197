/* SPDX-License-Identifier: Apache-2.0 */
#include "format/mountinfo.h"

#include "base/limits.h"
#include "base/vec.h"

static bool number(struct span s, uint64_t *out)
{
	return span_u64(s, 10, UINT32_MAX, out);
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS...] - FS SOURCE SUPER" */
static bool read_row(struct span line, struct mount_row *out)
{
	struct span id, parent, device, major, minor, tag, super = {0};
	struct mount_row row;

	if (!span_next(&line, ' ', &id) || !number(id, &row.id) ||
	    !span_next(&line, ' ', &parent) || !number(parent, &row.parent) ||
	    !span_next(&line, ' ', &device) || !span_cut(device, ':', &major, &minor) ||
	    !number(major, &row.major) || !number(minor, &row.minor) ||
	    !span_next(&line, ' ', &row.root) || !span_next(&line, ' ', &row.point) ||
	    !span_next(&line, ' ', &row.options))
		return false;
	do
		if (!span_next(&line, ' ', &tag))
			return false;
	while (!span_is(tag, S("-")));
	if (!span_next(&line, ' ', &row.fs) || !span_next(&line, ' ', &row.source))
		return false;
	(void)span_next(&line, ' ', &super);
	row.super = super;
	*out = row;
	return true;
}

bool mount_next(struct span *text, struct mount_row *out)
{
	struct span line;

	while (span_next(text, '\n', &line))
		if (read_row(line, out))
			return true;
	return false;
}

bool mount_at(struct span text, struct span point, struct mount_row *out)
{
	struct mount_row row;
	bool found = false;

	while (mount_next(&text, &row))
		if (span_is(row.point, point)) {
			*out = row;
			found = true;
		}
	return found;
}

bool mount_of(struct span text, uint64_t id, struct mount_row *out)
{
	struct mount_row row;

	while (mount_next(&text, &row))
		if (row.id == id) {
			*out = row;
			return true;
		}
	return false;
}

bool mount_has(struct span options, struct span option)
{
	struct span one;

	while (span_next(&options, ',', &one))
		if (span_is(one, option))
			return true;
	return false;
}

/* "\040" at p, of three octal digits. */
static bool octal(struct span s, size_t at, uint8_t *out)
{
	uint64_t value;

	if (s.n - at < 4 || !span_u64(span_of(s.p + at + 1, 3), 8, UINT8_MAX, &value))
		return false;
	*out = (uint8_t)value;
	return true;
}

static struct span without_octal(struct arena *a, struct span s)
{
	uint8_t *buf = arena_bytes(a, s.n);
	size_t n = 0;

	for (size_t i = 0; buf && i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == '\\' && octal(s, i, &c))
			i += 3;
		if (c == '\0')
			return (struct span){0};
		buf[n++] = c;
	}
	return buf ? span_of(buf, n) : (struct span){0};
}

struct span mount_path(struct arena *a, struct span escaped)
{
	return without_octal(a, escaped);
}

/* Overlay's own escape, inside of the kernel's: a backslash takes the next byte as it is. Takes one
 * folder off *s, up to a colon. */
static struct span next_dir(struct arena *a, struct span *s)
{
	uint8_t *buf = arena_bytes(a, s->n);
	size_t n = 0, i = 0;

	for (; buf && i < s->n && s->p[i] != ':'; i++) {
		if (s->p[i] == '\\' && i + 1 < s->n)
			i++;
		buf[n++] = s->p[i];
	}
	*s = span_from(*s, i + (i < s->n));
	return buf ? span_of(buf, n) : (struct span){0};
}

/* A vector (base/vec.h) that functions can name. */
struct dirs {
	struct span *v;
	size_t n, cap;
};

static bool add_dir(struct dirs *to, struct span dir)
{
	return dir.n && to->n < LIMIT_LAYERS && VEC_PUSH(to, dir);
}

/* "a:b:c", then perhaps "::d" of data. */
static bool add_list(struct arena *a, struct span list, struct dirs *to)
{
	while (list.n) {
		if (list.p[0] == ':')
			return to->n != 0; /* data alone */
		if (!add_dir(to, next_dir(a, &list)))
			return false;
	}
	return true;
}

static bool add_option(struct arena *a, struct span option, struct dirs *lower, struct span *upper)
{
	struct span key, value;

	if (!span_cut(option, '=', &key, &value))
		return true;
	value = without_octal(a, value);
	if (span_is(key, S("lowerdir")))
		return add_list(a, value, lower);
	if (span_is(key, S("lowerdir+")))
		return add_dir(lower, value);
	if (span_is(key, S("upperdir")))
		*upper = next_dir(a, &value);
	return true;
}

static bool keep(struct arena *a, const struct dirs *lower, struct span upper,
		 struct overlay_dirs *out)
{
	struct span *kept = ARENA_ARRAY(a, lower->n + 1, struct span);

	if (kept == NULL || arena_rc(a) != RMG_OK || lower->n == 0)
		return false;
	memcpy(kept, lower->v, lower->n * sizeof *kept);
	*out = (struct overlay_dirs){.lower = kept, .n_lower = lower->n, .upper = upper};
	return true;
}

bool overlay_dirs(struct arena *a, struct span super, struct overlay_dirs *out)
{
	struct span option, upper = {0};
	struct dirs lower = {0};
	bool good = true;

	while (good && span_next(&super, ',', &option))
		good = add_option(a, option, &lower, &upper);
	good = good && keep(a, &lower, upper, out);
	VEC_DONE(&lower);
	return good;
}
