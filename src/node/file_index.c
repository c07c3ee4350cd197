/* SPDX-License-Identifier: Apache-2.0 */
#include "node/file_index.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"

enum { COMPONENT_BITS = 20, MOST_COMPONENTS = 1 << COMPONENT_BITS };
#define COMPONENT_MASK ((uint64_t)MOST_COMPONENTS - 1)

struct file_index {
	atomic_uint held;
	struct profile_part *parts;
	uint8_t *watched;   /* bits */
	uint64_t *files;    /* ascending: bits of the path's hash, then the component */
	uint64_t *programs; /* ascending */
	uint64_t *folders;  /* ascending */
	size_t n_parts, n_files, n_programs, n_folders;
};

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t sort(uint64_t *v, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(v, n, sizeof *v, by_key);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || v[kept - 1] != v[i])
			v[kept++] = v[i];
	return kept;
}

static void shrink(uint64_t **v, size_t n)
{
	uint64_t *less = realloc(*v, (n + 1) * sizeof **v);

	if (less)
		*v = less;
}

/* The first that is not below key. */
static size_t find(const uint64_t *v, size_t n, uint64_t key)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (v[mid] < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void add_files(struct file_index *x, const struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_files; i++) {
		const struct owned_file *f = &inv->files[i];
		uint32_t c = f->component;

		if (c >= x->n_parts)
			continue;
		x->parts[c].bytes += f->bytes;
		if (!f->counts)
			continue;
		x->watched[c / 8] |= (uint8_t)(1 << c % 8);
		x->files[x->n_files++] = (f->path & ~COMPONENT_MASK) | c;
		if (f->folder)
			x->folders[x->n_folders++] = f->folder;
	}
}

static void add_programs(struct file_index *x, const struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_executables; i++) {
		struct span path = inv->executables[i].path;

		x->programs[x->n_programs++] = path_hash(path);
		x->folders[x->n_folders++] = path_hash(span_dirname(path));
	}
}

static bool make_room(struct file_index *x, const struct inventory *inv)
{
	x->n_parts = MIN_OF(inv->n_components,
			    (size_t)MIN_OF((uint64_t)MOST_COMPONENTS, LIMIT_PROFILE_KEYS));
	x->parts = calloc(x->n_parts + 1, sizeof *x->parts);
	x->watched = calloc(x->n_parts / 8 + 1, 1);
	x->files = calloc(inv->n_files + 1, sizeof *x->files);
	x->programs = calloc(inv->n_executables + 1, sizeof *x->programs);
	x->folders = calloc(inv->n_files + inv->n_executables + 1, sizeof *x->folders);
	return x->parts && x->watched && x->files && x->programs && x->folders;
}

enum rmg_rc file_index_new(const struct inventory *inv, struct file_index **out,
			   struct rmg_err *err)
{
	struct file_index *x = calloc(1, sizeof *x);

	if (x == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for an image's files");
	atomic_init(&x->held, 1);
	if (!make_room(x, inv)) {
		file_index_let_go(x);
		return err_set(err, RMG_E_NOMEM, "no memory for an image's files");
	}
	for (size_t i = 0; i < x->n_parts; i++)
		x->parts[i].component = hash_span(inv->components[i].purl);
	add_files(x, inv);
	add_programs(x, inv);
	x->n_files = sort(x->files, x->n_files);
	x->n_programs = MIN_OF(sort(x->programs, x->n_programs), (size_t)LIMIT_PROFILE_KEYS);
	x->n_folders = sort(x->folders, x->n_folders);
	shrink(&x->files, x->n_files);
	shrink(&x->folders, x->n_folders);
	*out = x;
	return RMG_OK;
}

struct file_index *file_index_hold(struct file_index *x)
{
	atomic_fetch_add(&x->held, 1);
	return x;
}

void file_index_let_go(struct file_index *x)
{
	if (x == NULL || atomic_fetch_sub(&x->held, 1) != 1)
		return;
	free(x->parts);
	free(x->watched);
	free(x->files);
	free(x->programs);
	free(x->folders);
	free(x);
}

size_t file_index_bytes(const struct file_index *x)
{
	return sizeof *x + x->n_parts * sizeof *x->parts + x->n_parts / 8 +
	       (x->n_files + x->n_programs + x->n_folders) * sizeof(uint64_t);
}

size_t file_index_components(const struct file_index *x)
{
	return x->n_parts;
}

struct profile_part file_index_component(const struct file_index *x, size_t i)
{
	return x->parts[i];
}

bool file_index_is_watched(const struct file_index *x, size_t i)
{
	return x->watched[i / 8] >> i % 8 & 1;
}

size_t file_index_next(const struct file_index *x, uint64_t path, size_t *at)
{
	uint64_t key = path & ~COMPONENT_MASK;
	size_t i = *at ? *at : find(x->files, x->n_files, key);

	if (i >= x->n_files || (x->files[i] & ~COMPONENT_MASK) != key)
		return SIZE_MAX;
	*at = i + 1;
	return x->files[i] & COMPONENT_MASK;
}

size_t file_index_programs(const struct file_index *x)
{
	return x->n_programs;
}

size_t file_index_program(const struct file_index *x, uint64_t path)
{
	size_t i = find(x->programs, x->n_programs, path);

	return i < x->n_programs && x->programs[i] == path ? i : SIZE_MAX;
}

uint64_t file_index_program_key(const struct file_index *x, size_t i)
{
	return x->programs[i];
}

bool file_index_has_folder(const struct file_index *x, uint64_t folder)
{
	size_t i = find(x->folders, x->n_folders, folder);

	return i < x->n_folders && x->folders[i] == folder;
}

bool file_index_source_of(struct span path, char *buf, size_t size, struct span *out)
{
	struct span folder = span_dirname(path), stem = span_basename(path), rest;
	int n;

	if (!span_is(span_basename(folder), S("__pycache__")) || !span_ends(stem, S(".pyc")) ||
	    !span_cut(stem, '.', &stem, &rest))
		return false;
	folder = span_dirname(folder);
	n = snprintf(buf, size, SPAN_FMT "%s" SPAN_FMT ".py", SPAN_ARG(folder), folder.n ? "/" : "",
		     SPAN_ARG(stem));
	if (n < 0 || (size_t)n >= size)
		return false;
	*out = span_of(buf, (size_t)n);
	return true;
}
