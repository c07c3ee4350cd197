/* SPDX-License-Identifier: Apache-2.0 */
/* refresh.c - times what the hub does when one record of its feeds changes: the record is read, the
 * database laid out anew, and what differs listed. The folder gets a record of ours, osv/Bench.
 *
 * usage: refresh DIR      prints one JSON object; milliseconds of the clock and of the processor */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "feed/folder.h"
#include "io/file.h"
#include "vuln/advdb.h"

enum { ROUNDS = 9 };

struct took {
	double wall[ROUNDS], cpu[ROUNDS];
};

static double now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *name, struct took *took)
{
	qsort(took->wall, ROUNDS, sizeof *took->wall, by_value);
	qsort(took->cpu, ROUNDS, sizeof *took->cpu, by_value);
	printf("\"%s_ms\":%.1f,\"%s_cpu_ms\":%.1f,", name, took->wall[ROUNDS / 2], name,
	       took->cpu[ROUNDS / 2]);
}

static void begin(struct took *took, int i)
{
	took->wall[i] = -now_ms(CLOCK_MONOTONIC);
	took->cpu[i] = -now_ms(CLOCK_PROCESS_CPUTIME_ID);
}

static void end(struct took *took, int i)
{
	took->wall[i] += now_ms(CLOCK_MONOTONIC);
	took->cpu[i] += now_ms(CLOCK_PROCESS_CPUTIME_ID);
}

static const char record[] = "osv/Bench/one.json";

static enum rmg_rc write_record(const char *dir, int round, struct rmg_err *err)
{
	char path[4096], text[512];

	snprintf(path, sizeof path, "%s/osv/Bench", dir);
	if (file_mkdirs(path, err) != RMG_OK)
		return RMG_E_IO;
	snprintf(path, sizeof path, "%s/%s", dir, record);
	snprintf(
	    text, sizeof text,
	    "{\"id\":\"BENCH-1\",\"modified\":\"2026-01-01T00:00:00Z\",\"affected\":[{\"package\":"
	    "{\"ecosystem\":\"npm\",\"name\":\"bench\"},\"ranges\":[{\"type\":\"SEMVER\","
	    "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1.0.%d\"}]}]}]}",
	    round);
	return file_write(path, span_cstr(text), err);
}

static bool count(void *user, const struct adv_key *was, const struct adv_key *is)
{
	unsigned *n = user;

	(void)was;
	(void)is;
	++*n;
	return true;
}

/* One change: *bytes is the database before and after. */
static enum rmg_rc change(struct feed_folder *f, bool told, struct span *bytes, unsigned *differ,
			  struct rmg_err *err)
{
	const char *path = record;
	struct feed_refresh said;
	struct span fresh;
	struct advdb was, is;
	enum rmg_rc rc = feed_folder_refresh(f, told ? &path : NULL, 1, &said, err);

	if (rc == RMG_OK && said.failed)
		rc = said.first.rc;
	if (rc == RMG_OK)
		rc = feed_folder_database(f, &fresh, NULL, err);
	if (rc != RMG_OK)
		return rc;
	if (bytes->n && advdb_of(*bytes, &was, err) == RMG_OK &&
	    advdb_of(fresh, &is, err) == RMG_OK)
		advdb_diff(&was, &is, count, differ);
	file_free(bytes);
	*bytes = fresh;
	return RMG_OK;
}

static enum rmg_rc run(const char *dir, struct rmg_err *err)
{
	struct took first = {0}, told = {0}, found = {0};
	struct feed_folder *f = NULL;
	struct span bytes = {0};
	unsigned differ = 0;
	enum rmg_rc rc = feed_folder_open(dir, NULL, &f, err);

	begin(&first, ROUNDS / 2);
	if (rc == RMG_OK)
		rc = write_record(dir, 1000, err);
	if (rc == RMG_OK)
		rc = change(f, false, &bytes, &differ, err);
	end(&first, ROUNDS / 2);
	for (int i = 0; rc == RMG_OK && i < 2 * ROUNDS; i++) {
		struct took *took = i < ROUNDS ? &told : &found;

		rc = write_record(dir, i, err);
		begin(took, i % ROUNDS);
		if (rc == RMG_OK)
			rc = change(f, took == &told, &bytes, &differ, err);
		end(took, i % ROUNDS);
	}
	file_free(&bytes);
	feed_folder_close(f);
	if (rc != RMG_OK)
		return rc;
	printf("{");
	printf("\"first_ms\":%.0f,\"first_cpu_ms\":%.0f,", first.wall[ROUNDS / 2],
	       first.cpu[ROUNDS / 2]);
	print("told", &told);
	print("found", &found);
	printf("\"differ\":%u,\"rounds\":%d}\n", differ, 2 * ROUNDS);
	return RMG_OK;
}

int main(int argc, char **argv)
{
	struct rmg_err err = {0};

	if (argc != 2 || run(argv[1], &err) != RMG_OK) {
		fprintf(stderr, "refresh: %s\n", err.msg);
		return 1;
	}
	return 0;
}
