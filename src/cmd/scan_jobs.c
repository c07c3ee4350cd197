/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/scan_jobs.h"

#include <pthread.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/login.h"

enum { THREADS = 3 }; /* each scan has threads and workers of its own */

struct job {
	struct scan_jobs *jobs;
	unsigned number;
	bool done;
	enum rmg_rc rc;
	struct rmg_err err;
	struct rmg_inventory *inventory;
};

struct scan_jobs {
	const struct options *o;
	struct progress *bars;
	pthread_mutex_t lock; /* guards next and every job's result */
	pthread_cond_t finished;
	struct job *v;
	size_t n, next;
	pthread_t threads[THREADS];
	size_t n_threads;
};

static void show(void *user, const struct rmg_progress *now)
{
	const struct job *job = user;

	progress_put(job->jobs->bars, job->number, now);
}

static struct rmg_opts options_of(struct job *job)
{
	const struct options *o = job->jobs->o;
	struct rmg_opts opts = RMG_OPTS;

	opts.platform = o->platform;
	opts.max_bytes = o->max_bytes;
	opts.max_file_bytes = o->max_file_bytes;
	opts.max_seconds = o->max_seconds;
	opts.max_files = (uint32_t)MIN_OF(o->max_files, UINT64_C(0xffffffff));
	opts.max_depth = (uint32_t)MIN_OF(o->max_depth, UINT64_C(0xffffffff));
	opts.no_sandbox = o->no_sandbox;
	opts.no_cache = o->no_cache;
	opts.partial = o->partial;
	opts.skip_diff_id = o->skip_diff_id;
	opts.cache_dir = o->cache_dir;
	opts.engine = o->engine;
	login_put(o, &opts);
	opts.stop = cmd_stopped;
	opts.progress = job->jobs->bars ? show : NULL;
	opts.user = job;
	return opts;
}

static enum rmg_rc run_job(struct job *job, struct rmg_inventory **out, struct rmg_err *err)
{
	struct rmg_opts opts = options_of(job);
	struct rmg_image *image;
	enum rmg_rc rc;

	rc = rmg_image_open(job->jobs->o->operands[job->number], &opts, &image, err);
	if (rc != RMG_OK)
		return rc;
	rc = rmg_inventory_take(image, &opts, out, err);
	rmg_image_free(image);
	return rc;
}

static struct job *next_job(struct scan_jobs *jobs)
{
	struct job *job = NULL;

	pthread_mutex_lock(&jobs->lock);
	if (jobs->next < jobs->n)
		job = &jobs->v[jobs->next++];
	pthread_mutex_unlock(&jobs->lock);
	return job;
}

static void *work(void *user)
{
	struct scan_jobs *jobs = user;
	struct job *job;

	while ((job = next_job(jobs)) != NULL) {
		struct rmg_inventory *inventory = NULL;
		struct rmg_err err = {.rc = RMG_E_STOPPED, .msg = "stopped"};
		enum rmg_rc rc = RMG_E_STOPPED;

		if (!cmd_stopped(NULL))
			rc = run_job(job, &inventory, &err);
		pthread_mutex_lock(&jobs->lock);
		job->rc = rc;
		job->err = err;
		job->inventory = inventory;
		job->done = true;
		pthread_cond_broadcast(&jobs->finished);
		pthread_mutex_unlock(&jobs->lock);
	}
	return NULL;
}

struct scan_jobs *scan_jobs_new(const struct options *o, struct progress *bars)
{
	struct scan_jobs *jobs = calloc(1, sizeof *jobs);

	if (jobs == NULL)
		return NULL;
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->finished, NULL);
	jobs->o = o;
	jobs->bars = bars;
	jobs->v = calloc(o->n_operands, sizeof *jobs->v);
	jobs->n = jobs->v ? o->n_operands : 0;
	for (size_t i = 0; i < jobs->n; i++)
		jobs->v[i] = (struct job){.jobs = jobs, .number = (unsigned)i};
	while (jobs->n_threads < MIN_OF((size_t)THREADS, jobs->n) &&
	       pthread_create(&jobs->threads[jobs->n_threads], NULL, work, jobs) == 0)
		jobs->n_threads++;
	if (jobs->n_threads == 0) {
		scan_jobs_free(jobs);
		return NULL;
	}
	return jobs;
}

enum rmg_rc scan_jobs_take(struct scan_jobs *jobs, size_t i, struct rmg_inventory **out,
			   struct rmg_err *err)
{
	struct job *job = &jobs->v[i];
	enum rmg_rc rc;

	pthread_mutex_lock(&jobs->lock);
	while (!job->done)
		pthread_cond_wait(&jobs->finished, &jobs->lock);
	rc = job->rc;
	if (rc == RMG_OK)
		*out = job->inventory;
	else
		*err = job->err;
	job->inventory = NULL;
	pthread_mutex_unlock(&jobs->lock);
	return rc;
}

void scan_jobs_free(struct scan_jobs *jobs)
{
	if (jobs == NULL)
		return;
	for (size_t i = 0; i < jobs->n_threads; i++)
		pthread_join(jobs->threads[i], NULL);
	for (size_t i = 0; i < jobs->n; i++)
		rmg_inventory_free(jobs->v[i].inventory);
	pthread_cond_destroy(&jobs->finished);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs->v);
	free(jobs);
}
