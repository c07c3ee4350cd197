/* SPDX-License-Identifier: Apache-2.0 */
/* match.c - times what cannot be seen from outside the process: opening the advisory database and
 * matching one image's inventory, warm. Only what rummage.h offers.
 *
 * usage: match DATABASE REF      prints one JSON object */
#include <rummage.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 30 };

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, by_value);
	return values[ROUNDS / 2];
}

static enum rmg_rc time_open(const char *path, double *ms, struct rmg_err *err)
{
	double took[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct rmg_db *db = NULL;
		double start = now_ms();
		enum rmg_rc rc = rmg_db_open(path, &db, err);

		if (rc != RMG_OK)
			return rc;
		took[i] = now_ms() - start;
		rmg_db_free(db);
	}
	*ms = median(took);
	return RMG_OK;
}

static enum rmg_rc time_match(const struct rmg_inventory *inventory, const struct rmg_db *db,
			      double *ms, size_t *findings, struct rmg_err *err)
{
	double took[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct rmg_verdict *verdict = NULL;
		double start = now_ms();
		enum rmg_rc rc = rmg_match(inventory, db, &verdict, err);

		if (rc != RMG_OK)
			return rc;
		took[i] = now_ms() - start;
		for (*findings = 0; rmg_verdict_at(verdict, *findings) != NULL; ++*findings)
			;
		rmg_verdict_free(verdict);
	}
	*ms = median(took);
	return RMG_OK;
}

static enum rmg_rc measure(const char *path, const char *ref, struct rmg_err *err)
{
	struct rmg_opts opts = RMG_OPTS;
	struct rmg_image *image = NULL;
	struct rmg_inventory *inventory = NULL;
	struct rmg_db *db = NULL;
	double open_ms = 0, match_ms = 0;
	size_t components = 0, findings = 0;
	enum rmg_rc rc = time_open(path, &open_ms, err);

	if (rc == RMG_OK)
		rc = rmg_image_open(ref, &opts, &image, err);
	if (rc == RMG_OK)
		rc = rmg_inventory_take(image, &opts, &inventory, err);
	if (rc == RMG_OK)
		rc = rmg_db_open(path, &db, err);
	if (rc == RMG_OK)
		rc = time_match(inventory, db, &match_ms, &findings, err);
	while (rc == RMG_OK && rmg_inventory_pkg(inventory, components) != NULL)
		components++;
	if (rc == RMG_OK)
		printf("{\"open_ms\":%.4f,\"match_ms\":%.4f,\"components\":%zu,\"findings\":%zu}\n",
		       open_ms, match_ms, components, findings);
	rmg_db_free(db);
	rmg_inventory_free(inventory);
	rmg_image_free(image);
	return rc;
}

int main(int argc, char **argv)
{
	struct rmg_err err;

	if (argc != 3) {
		fprintf(stderr, "usage: match DATABASE REF\n");
		return 1;
	}
	if (measure(argv[1], argv[2], &err) != RMG_OK) {
		fprintf(stderr, "match: %s\n", err.msg);
		return 1;
	}
	return 0;
}
