/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/writeback.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "serve/cluster.h"
#include "serve/writeback_inside.h"

/* ROUND_MS: between two rounds; IDLE_MS: where nothing changed. CHUNK: objects of one look. BATCH:
 * what is written in one round. SPACE_MS: between two writings on one object. */
enum { ROUND_MS = 1000, IDLE_MS = 10000, CHUNK = 1024, BATCH = 64, SPACE_MS = 2000 };
enum { BEGIN_MS = 600000, BEGIN_AGAIN_MS = 60000, START_MS = 10000 };
enum { FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 60000, REFUSED_MS = 60000, BACK_MS = 30000 };

static const struct form *const forms[] = {
    [FORM_LABELS] = &form_labels,
    [FORM_EVENTS] = &form_events,
    [FORM_REPORTS] = &form_reports,
    [FORM_IMAGES] = &form_images,
};
_Static_assert(COUNT_OF(forms) == OBJECT_FORMS, "a form has its place in each object");

/* What was asked for. */

enum { NONE = 1u << OBJECT_FORMS };

/* NONE of "none". */
static bool form_bit(struct span name, unsigned *bit)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		if (span_is(name, span_cstr(forms[i]->name))) {
			*bit = 1u << i;
			return true;
		}
	*bit = NONE;
	return span_is(name, S("none"));
}

static bool is_watched(const struct serve_opts *o, struct span cluster)
{
	for (size_t i = 0; i < o->n_watches; i++)
		if (cluster_is(&o->watches[i]) &&
		    (cluster.n == 0 || span_is(cluster, cluster_name(o, o->watches[i].address))))
			return true;
	return false;
}

/* One word: "[CLUSTER=]FORM". */
static void cut_word(struct span word, struct span *cluster, struct span *form)
{
	*cluster = (struct span){0};
	*form = word;
	(void)span_cut(word, '=', cluster, form);
}

static enum rmg_rc check_word(const struct serve_opts *o, struct span word, struct rmg_err *err)
{
	struct span cluster, form;
	unsigned bit;

	cut_word(word, &cluster, &form);
	if (!form_bit(form, &bit))
		return err_set(err, RMG_E_ARG,
			       "--kubernetes-write: \"" SPAN_FMT
			       "\" is not labels, events, reports, images or none",
			       SPAN_ARG(span_head(form, 60)));
	if (!is_watched(o, cluster))
		return err_set(err, RMG_E_ARG,
			       "--kubernetes-write: no cluster \"" SPAN_FMT
			       "\" is watched (--kubernetes)",
			       SPAN_ARG(span_head(cluster, 60)));
	return RMG_OK;
}

enum rmg_rc writebacks_check(const struct serve_opts *o, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && o->kube_write && o->kube_write[i]; i++) {
		struct span list = span_cstr(o->kube_write[i]), word;

		while (rc == RMG_OK && span_next(&list, ',', &word))
			rc = check_word(o, span_trim(word), err);
	}
	return rc;
}

/* false: nothing was said of this cluster. */
static bool asked_for(const struct serve_opts *o, struct span cluster, unsigned *bits)
{
	bool asked = false;

	*bits = 0;
	for (size_t i = 0; o->kube_write && o->kube_write[i]; i++) {
		struct span list = span_cstr(o->kube_write[i]), word, of, form;

		while (span_next(&list, ',', &word)) {
			unsigned bit;

			cut_word(span_trim(word), &of, &form);
			if (of.n && !span_is(of, cluster))
				continue;
			asked = true;
			if (form_bit(form, &bit))
				*bits |= bit;
		}
	}
	return asked;
}

bool writebacks_writes(const struct serve_opts *o, struct span cluster, const char *form)
{
	unsigned asked, bit;

	return asked_for(o, cluster, &asked) && form_bit(span_cstr(form), &bit) &&
	       (asked & bit || (asked & NONE && bit != 1u << FORM_EVENTS));
}

/* Texts. */

static void put_count(struct strbuf *out, const char **between, uint32_t n, const char *what)
{
	if (n)
		strbuf_printf(out, "%s%u %s", *between, n, what);
	if (n)
		*between = ", ";
}

void form_words(const struct standing *s, struct strbuf *out)
{
	const char *between = "";

	for (unsigned i = SEV_CRITICAL + 1; i-- > 0;)
		put_count(out, &between, s->counts.by_severity[i],
			  severity_name((enum adv_severity)i));
	put_count(out, &between, s->counts.kev, "known to be exploited");
	put_count(out, &between, s->counts.fixable, "with a fix");
	put_count(out, &between, s->alerts, s->alerts == 1 ? "alert" : "alerts");
	if (s->verdict == STANDING_UNREAD)
		strbuf_printf(out, "%snobody has read an image", between);
	else if (s->verdict == STANDING_INCOMPLETE)
		strbuf_printf(out, "%spart of an image could not be read", between);
}

void form_link(const struct writeback *b, const struct object *x, const struct standing *s,
	       struct strbuf *out)
{
	if (b->link[0] == '\0')
		return;
	strbuf_printf(out, "%s/api/v1/workloads?cluster=", b->link);
	strbuf_percent(out, b->cluster, S("-_."));
	strbuf_puts(out, "&namespace=");
	strbuf_percent(out, object_text(x, OBJECT_NS), S("-_."));
	if (s->name.n == 0)
		return;
	strbuf_puts(out, "&workload=");
	strbuf_percent(out, s->kind, S("-_."));
	strbuf_puts(out, "/");
	strbuf_percent(out, s->name, S("-_."));
}

/* When. */

/* Not yet, whatever it would be. Events look once at what there is when a hub begins to lead. */
static bool too_soon(const struct writeback *b, const struct object_form *f)
{
	return clock_tick_ms() < f->next_ms && (f->since_ms == 0 || f->since_ms == b->leads_ms);
}

/* Whether it is time to write a sum on this object; what was written just so and is not there any
 * more was taken away by somebody. */
static bool may(struct object_form *f, uint64_t sum)
{
	int64_t now = clock_tick_ms();

	if (now < f->next_ms)
		return false;
	if (f->written == 0 || f->wrote != sum)
		f->tries = 0;
	else if (f->tries < 8)
		f->tries++;
	return true;
}

/* The next one: soon where it says something else, ever later where it says the same. */
static void space(struct object_form *f, uint64_t sum)
{
	bool again = f->written && f->wrote == sum;

	f->next_ms = clock_tick_ms() + (again ? (int64_t)BACK_MS << f->tries : SPACE_MS);
	f->wrote = sum;
	f->written++;
}

/* Waits until another write may be sent; false: the hub ends. */
static bool pay(struct writeback *b)
{
	int64_t each = 1000 / (int64_t)LIMIT_KUBE_WRITES_S, now = clock_tick_ms();

	/* What was saved lately may be spent at once, for a second's worth. */
	b->paid_ms = MAX_OF(b->paid_ms, now - 1000) + each;
	return b->paid_ms <= now || clock_rest((uint64_t)(b->paid_ms - now), env_stopping, b->env);
}

/* Writing. */

static void say(struct writeback *b, const char *why)
{
	if (!b->troubled)
		env_say(b->env, "warn", "nothing is written into cluster " SPAN_FMT ": %s",
			SPAN_ARG(b->cluster), why);
	b->troubled = true;
}

static void went_well(struct writeback *b)
{
	if (b->troubled)
		env_say(b->env, "info", "cluster " SPAN_FMT " is written into again",
			SPAN_ARG(b->cluster));
	b->troubled = false;
	b->failed = 0;
}

static void put_off(struct writeback *b, unsigned after_s, const char *why)
{
	int64_t pause = (int64_t)FIRST_PAUSE_MS << MIN_OF(b->failed, 6u);

	b->failed++;
	pause = MAX_OF(MIN_OF(pause, (int64_t)LONGEST_PAUSE_MS), (int64_t)after_s * 1000);
	b->busy_ms = clock_tick_ms() + pause;
	if (b->failed > 1 || after_s == 0)
		say(b, why);
}

static size_t form_index(const struct form *f)
{
	size_t i = 0;

	while (forms[i] != f)
		i++;
	return i;
}

/* It is not for us: said once for each kind, and tried again now and then. */
static void refused(struct writeback *b, const struct task *t, uint16_t kind)
{
	const struct objects_kind *k = &b->objects.kinds[kind];
	size_t i = form_index(t->form);

	b->refused[i][kind].until_ms = clock_tick_ms() + REFUSED_MS;
	if (!b->refused[i][kind].told)
		env_say(b->env, "warn",
			"cluster " SPAN_FMT ": %s of %s are not written: the API server forbids "
			"this hub to %s there",
			SPAN_ARG(b->cluster), t->form->name, strrchr(k->path, '/') + 1,
			strcmp(t->method, "DELETE") == 0 ? "delete"
			: strcmp(t->method, "POST") == 0 ? "create"
							 : "patch");
	b->refused[i][kind].told = true;
}

/* What the answer means for the object; under its lock. */
static void settle(struct writeback *b, const struct task *t, unsigned status)
{
	struct object *x = objects_find(&b->objects, t->object);
	struct object_form *f = x ? &x->forms[form_index(t->form)] : NULL;
	bool gone = strcmp(t->method, "DELETE") == 0 && status == 404;

	if (status / 100 == 2 || gone) {
		atomic_fetch_add(&b->written, 1);
		if (f) {
			b->refused[form_index(t->form)][x->kind].told = false;
			space(f, t->sum);
		}
		t->form->wrote(b, x, t);
	} else if (f) {
		/* It has gone, or is another one by now: the watcher will say so. */
		f->next_ms = clock_tick_ms() + BACK_MS;
		if (status == 403)
			refused(b, t, x->kind);
	}
}

static void write_one(struct writeback *b, struct task *t)
{
	const struct kube_question q = {.method = t->method,
					.path = strbuf_cstr(&t->path),
					.type = t->type,
					.body = strbuf_span(&t->body)};
	const struct kube_question again = {.method = "PATCH",
					    .path = strbuf_cstr(&t->again_path),
					    .type = "application/merge-patch+json",
					    .body = strbuf_span(&t->again)};
	struct kube_answer a = {0};
	struct rmg_err err = {0};
	enum rmg_rc rc = kube_put(b->kube, &q, &b->answer, &a, &err);

	if (rc == RMG_OK && a.status == 409 && t->again.n)
		rc = kube_put(b->kube, &again, &b->answer, &a, &err);
	if (rc != RMG_OK || a.status == 401 || a.status == 429 || a.status >= 500) {
		atomic_fetch_add(&b->failures, 1);
		if (rc == RMG_OK)
			(void)err_set(&err, RMG_E_NET, "the API server answers %u", a.status);
		put_off(b, a.after_s, err.msg);
		return;
	}
	if (a.status / 100 != 2)
		atomic_fetch_add(&b->failures, 1);
	went_well(b);
	pthread_mutex_lock(&b->objects.lock);
	settle(b, t, a.status);
	pthread_mutex_unlock(&b->objects.lock);
}

/* Rounds. */

struct round {
	struct writeback *b;
	struct task tasks[BATCH];
	size_t n;
};

static bool how_it_stands(struct writeback *b, const struct object *x, struct standing *out)
{
	struct span ids[64];
	size_t n = MIN_OF((size_t)x->n_containers, COUNT_OF(ids));

	if (b->objects.kinds[x->kind].images)
		return standing_of_image(b->standings, object_text(x, OBJECT_NAME), out);
	if (!b->objects.kinds[x->kind].pods)
		return standing_of_workload(b->standings, object_text(x, OBJECT_NS),
					    span_cstr(b->objects.kinds[x->kind].name),
					    object_text(x, OBJECT_NAME), out);
	for (size_t i = 0; i < n; i++)
		ids[i] = object_text(x, OBJECT_TEXTS + i);
	return standing_of_containers(b->standings, ids, n, out);
}

/* How it stands by one form; NULL: nothing is to be written of it. */
static const struct standing *by_form(const struct writeback *b, size_t form,
				      const struct object *x, const struct standing *how)
{
	/* A pod that nobody made but a person is a workload, too. */
	bool pod = b->objects.kinds[x->kind].pods && x->owner;

	return b->forms >> form & 1 && (!pod || forms[form]->pods) ? how : NULL;
}

static void clear(struct task *t)
{
	strbuf_clear(&t->path);
	strbuf_clear(&t->body);
	strbuf_clear(&t->again_path);
	strbuf_clear(&t->again);
	t->type = NULL;
	t->sum = 0;
	t->n = 0;
}

/* Whether anything is to be written on images, or on all else. */
static bool forms_of(const struct writeback *b, bool images)
{
	bool any = false;

	for (size_t i = 0; i < COUNT_OF(forms); i++)
		any |= b->forms >> i & 1 && forms[i]->images == images;
	return any;
}

static void look_at(struct round *r, struct object *x)
{
	struct writeback *b = r->b;
	struct standing how;
	/* What is somebody's has no marks of its own. */
	const struct objects_kind *k = &b->objects.kinds[x->kind];
	bool own = k->pods || x->owner == 0, known = true;
	bool asked = own && forms_of(b, k->images);

	if (asked)
		known = how_it_stands(b, x, &how);
	if (!known || (asked && how.pending))
		return;
	for (size_t i = 0; i < COUNT_OF(forms) && r->n < BATCH; i++) {
		struct task *t = &r->tasks[r->n];
		const struct standing *s = own ? by_form(b, i, x, &how) : NULL;

		if (forms[i]->images != k->images ||
		    clock_tick_ms() < b->refused[i][x->kind].until_ms || !(b->ready >> i & 1) ||
		    too_soon(b, &x->forms[i]))
			continue;
		clear(t);
		t->form = forms[i];
		t->object = x->key;
		r->n += forms[i]->wants(b, x, s, t) && may(&x->forms[i], t->sum) &&
			strbuf_rc(&t->path) == RMG_OK && strbuf_rc(&t->body) == RMG_OK;
	}
}

static void look_at_some(struct round *r, size_t from, bool pods)
{
	struct objects *o = &r->b->objects;

	pthread_mutex_lock(&o->lock);
	for (size_t i = from; i < MIN_OF(o->v.n, from + CHUNK) && r->n < BATCH; i++)
		if (o->kinds[o->v.v[i].kind].pods == pods)
			look_at(r, &o->v.v[i]);
	pthread_mutex_unlock(&o->lock);
}

static size_t n_objects(struct writeback *b)
{
	size_t n;

	pthread_mutex_lock(&b->objects.lock);
	n = b->objects.v.n;
	pthread_mutex_unlock(&b->objects.lock);
	return n;
}

/* Workloads first: there are fewer of them. RMG_E_NOTFOUND: nothing is judged yet. */
static enum rmg_rc gather(struct round *r, struct rmg_err *err)
{
	struct writeback *b = r->b;

	standings_round(b->standings);
	for (int pods = 0; pods < 2; pods++)
		for (size_t from = 0; from < n_objects(b) && r->n < BATCH; from += CHUNK) {
			enum rmg_rc rc = standings_look(b->standings, err);

			if (rc != RMG_OK)
				return rc;
			look_at_some(r, from, pods);
			standings_away(b->standings);
		}
	return RMG_OK;
}

static void begin_form(struct writeback *b, size_t i)
{
	struct rmg_err err = {0};
	unsigned bit = 1u << i;

	if (forms[i]->begin == NULL || forms[i]->begin(b, &err) == RMG_OK) {
		b->ready |= bit;
		b->unready &= ~bit;
		return;
	}
	b->ready &= ~bit;
	if (b->forms & bit && !(b->unready & bit))
		env_say(b->env, "warn", "cluster " SPAN_FMT ": no %s are written: %s",
			SPAN_ARG(b->cluster), forms[i]->name, err.msg);
	b->unready |= b->forms & bit;
}

static enum rmg_rc connect(struct writeback *b, struct rmg_err *err)
{
	const struct kube_opts opts = {.address = b->address, .stop = env_stopping, .user = b->env};
	int64_t now = clock_tick_ms(), pause = b->unready ? BEGIN_AGAIN_MS : BEGIN_MS;

	if (b->kube == NULL) {
		enum rmg_rc rc = kube_open(&opts, &b->kube, err);

		if (rc != RMG_OK)
			return rc;
	}
	if (b->leads_ms && now - b->begun_ms < pause)
		return RMG_OK;
	b->begun_ms = now;
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		begin_form(b, i);
	if (b->leads_ms == 0)
		b->leads_ms = b->followed_ms;
	return RMG_OK;
}

static void free_round(struct round *r)
{
	for (size_t i = 0; i < BATCH; i++) {
		strbuf_done(&r->tasks[i].path);
		strbuf_done(&r->tasks[i].body);
		strbuf_done(&r->tasks[i].again_path);
		strbuf_done(&r->tasks[i].again);
	}
	free(r);
}

/* true: there may be more to do. */
static bool one_round(struct writeback *b)
{
	struct round *r = calloc(1, sizeof *r);
	struct rmg_err err = {0};
	enum rmg_rc rc = r ? connect(b, &err) : err_set(&err, RMG_E_NOMEM, "no memory for a round");
	bool more = false;

	if (rc != RMG_OK) {
		put_off(b, 0, err.msg);
		free(r);
		return true;
	}
	r->b = b;
	for (size_t i = 0; i < BATCH; i++) {
		r->tasks[i].path = strbuf_of(KIB(8));
		r->tasks[i].body = strbuf_of(KIB(64));
		r->tasks[i].again_path = strbuf_of(KIB(8));
		r->tasks[i].again = strbuf_of(KIB(8));
	}
	if (gather(r, &err) == RMG_OK && r->n == 0)
		atomic_fetch_add(&b->rounds, 1);
	for (size_t i = 0; i < r->n && b->busy_ms <= clock_tick_ms() && pay(b); i++)
		write_one(b, &r->tasks[i]);
	more = r->n != 0;
	free_round(r);
	return more;
}

static uint64_t news_of(struct writeback *b)
{
	struct rmg_err err;
	uint64_t news = 0;
	bool short_of;

	if (standings_news(b->standings, &news, &err) != RMG_OK)
		news = 0;
	pthread_mutex_lock(&b->objects.lock);
	news = news * 3 + b->objects.changes;
	short_of = b->objects.short_of_memory;
	pthread_mutex_unlock(&b->objects.lock);
	if (short_of && !b->short_told)
		env_say(b->env, "warn",
			"cluster " SPAN_FMT ": memory ran out for what may be written on; not all "
			"of it is",
			SPAN_ARG(b->cluster));
	b->short_told |= short_of;
	pthread_mutex_lock(&b->env->ruling);
	snprintf(b->link, sizeof b->link, "%s", b->env->link ? b->env->link : "");
	pthread_mutex_unlock(&b->env->ruling);
	return news;
}

/* Another hub leads; but one that has just begun may not know yet that it does itself. */
static void follow(struct writeback *b)
{
	int64_t now = env_now_ms(b->env);

	b->leads_ms = 0;
	if (now - b->env->opened_ms > START_MS)
		b->followed_ms = now;
}

static void *run(void *user)
{
	struct writeback *b = user;
	uint64_t seen = 0, heard = 0;
	int64_t last = 0;
	bool more = false;

	while (!env_stopping(b->env)) {
		int64_t now = clock_tick_ms();
		uint64_t news = news_of(b);

		if (!atomic_load(&b->env->leads))
			follow(b);
		else if (now >= b->busy_ms && (more || news != seen || now - last >= IDLE_MS)) {
			more = one_round(b);
			seen = news;
			last = now;
		}
		/* What comes together is looked at together. */
		if (clock_rest(ROUND_MS, env_stopping, b->env))
			bell_wait(&b->env->sent, &heard, ROUND_MS);
	}
	return NULL;
}

/* Begin and end. */

static void free_one(struct writeback *b)
{
	kube_close(b->kube);
	standings_free(b->standings);
	objects_done(&b->objects);
	strbuf_done(&b->answer);
	map_done(&b->reports);
	free(b);
}

static enum rmg_rc start_one(struct env *env, const struct node_watch *watch, unsigned bits,
			     struct writeback **out, struct rmg_err *err)
{
	struct writeback *b = calloc(1, sizeof *b);
	enum rmg_rc rc = RMG_E_NOMEM;

	if (b == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a cluster");
	b->env = env;
	b->address = watch->address;
	b->cluster = cluster_name(env->opts, watch->address);
	b->forms = bits;
	b->followed_ms = env->opened_ms;
	b->answer = strbuf_of(LIMIT_JSON_BYTES);
	objects_init(&b->objects, bits >> FORM_LABELS & 1, bits >> FORM_IMAGES & 1);
	b->eye = objects_eye(&b->objects);
	if (standings_new(env->hub, b->cluster, &b->standings) == RMG_OK &&
	    pthread_create(&b->thread, NULL, run, b) == 0)
		rc = RMG_OK;
	if (rc != RMG_OK) {
		free_one(b);
		return err_set(err, rc, "no thread for a cluster");
	}
	*out = b;
	return RMG_OK;
}

enum rmg_rc writebacks_start(struct env *env, struct writebacks *w, struct rmg_err *err)
{
	const struct serve_opts *o = env->opts;
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0, n = 0; rc == RMG_OK && i < o->n_watches && n < WRITEBACKS; i++) {
		unsigned bits;

		if (!cluster_is(&o->watches[i]) ||
		    !asked_for(o, cluster_name(o, o->watches[i].address), &bits))
			continue;
		rc = start_one(env, &o->watches[i], bits, &w->v[n], err);
		if (rc == RMG_OK)
			atomic_store(&w->n, ++n);
	}
	return rc;
}

void writebacks_stop(struct writebacks *w)
{
	for (size_t i = 0; i < atomic_load(&w->n); i++)
		pthread_join(w->v[i]->thread, NULL);
}

void writebacks_free(struct writebacks *w)
{
	for (size_t i = 0; i < atomic_load(&w->n); i++)
		free_one(w->v[i]);
	atomic_store(&w->n, 0);
}

const struct watch_eye *writebacks_eye(const struct writebacks *w, const char *address)
{
	for (size_t i = 0; i < atomic_load(&w->n); i++)
		if (strcmp(w->v[i]->address, address) == 0)
			return &w->v[i]->eye;
	return NULL;
}

void writebacks_metrics(const struct writebacks *w, struct strbuf *out)
{
	uint64_t written = 0, failures = 0, rounds = 0;
	size_t n = atomic_load(&w->n);

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		written += atomic_load(&w->v[i]->written);
		failures += atomic_load(&w->v[i]->failures);
		rounds += atomic_load(&w->v[i]->rounds);
	}
	strbuf_printf(
	    out,
	    "# HELP rummage_kubernetes_writes_total What was written into clusters\n"
	    "# TYPE rummage_kubernetes_writes_total counter\n"
	    "rummage_kubernetes_writes_total %" PRIu64 "\n"
	    "# HELP rummage_kubernetes_write_failures_total ... and could not be\n"
	    "# TYPE rummage_kubernetes_write_failures_total counter\n"
	    "rummage_kubernetes_write_failures_total %" PRIu64 "\n"
	    "# HELP rummage_kubernetes_write_rounds_total Looks at all that should be there\n"
	    "# TYPE rummage_kubernetes_write_rounds_total counter\n"
	    "rummage_kubernetes_write_rounds_total %" PRIu64 "\n",
	    written, failures, rounds);
}
