/* SPDX-License-Identifier: Apache-2.0 */
/* admission_inside.h - what the files of admission share; nobody else includes this. */
#ifndef SERVE_ADMISSION_INSIDE_H
#define SERVE_ADMISSION_INSIDE_H

#include "base/clock.h"
#include "hub/admit.h"
#include "kube/review.h"
#include "serve/admission.h"
#include "serve/admission_cert.h"
#include "serve/admission_missed.h"
#include "serve/admission_scope.h"
#include "serve/admission_tell.h"
#include "serve/puller.h"

/* REMEMBERED: what was written into the audit log lately; who tries again and again is there once.
 */
enum { REMEMBERED = 256, WARNINGS = 12, MESSAGE_BYTES = 2048 };

struct admission {
	struct env *env;
	struct admission_cert *cert;
	struct server *server;
	struct puller *puller;
	struct admission_tell *tell;
	struct admission_scope *scope;
	struct pull_secrets *secrets;
	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock; /* of what follows */
	struct {
		uint64_t hash;
		int64_t at_ms;
	} recorded[REMEMBERED];
	size_t n_recorded;
	atomic_uint_fast64_t asked, denied, warned, unread, broken, micros;
};

/* An image of what is asked for. */
struct case_image {
	struct kube_image image;
	char means[DIGEST_TEXT]; /* what its tag means now, where anybody asked; else "" */
};

/* One question, and what becomes of it. */
struct case_of {
	struct admission *a;
	struct kube_review review;
	struct kube_meta meta;
	struct event would;
	struct event_label labels[EVENT_LABELS];
	struct case_image now[EVENT_IMAGES]; /* what it would run */
	size_t n_now;
	struct kube_image was[EVENT_IMAGES]; /* what it runs */
	size_t n_was;
	int64_t until_ms;
	struct pull_as as; /* who asks a registry, of the image that is looked at */
	struct strbuf message, patch;
	char lines[WARNINGS][KUBE_WARNING + 1];
	struct span warnings[WARNINGS];
	size_t n_warnings;
	struct span glass; /* why the policy is not to be asked; "" it is */
	bool denied;
};

/* admission_judge.c */
void case_judge(struct case_of *c);
void case_pin(struct case_of *c);

/* admission_record.c: into the audit log; to the hub, what is asked of a workload. */
void case_record(struct case_of *c, const char *action, struct span body);
void case_tell(struct case_of *c);
/* Somebody is let into a container: told as what was done in it. Where the cluster does not say
 * soon which that is, it stands in the audit log alone. */
void case_entered(struct case_of *c, struct span command);
void case_reviewed(struct case_of *c); /* a pod that was asked about is none that was missed */

#endif
