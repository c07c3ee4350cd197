/* SPDX-License-Identifier: Apache-2.0 */
/* crawl.h - walks through whole registries, or parts of them (crawl_entry.h), while this hub leads:
 * what they list is told as their word on tags, and each image of it is read, once a digest and one
 * at a time, whoever runs it or nobody. What was there and is listed no more is asked for by name.
 *
 * A thread each, slowly: within what its registry may be asked (hub_registry_ask()), once in
 * hub_tag_opts.crawl_ms. A walk that is cut off by trouble, or by another hub that leads, goes on
 * where it was; it begins anew after a restart. */
#ifndef SERVE_CRAWL_H
#define SERVE_CRAWL_H

#include "serve/parts.h"

struct crawls;
/* RMG_E_ARG: one of serve_opts.crawls is none; RMG_E_LIMIT: there are too many. Asked before they
 * are started. */
MUST enum rmg_rc crawls_check(const struct serve_opts *o, struct rmg_err *err);
MUST enum rmg_rc crawls_start(struct env *env, struct crawls **out, struct rmg_err *err);
void crawls_stop(struct crawls *c);

#endif
