/* SPDX-License-Identifier: Apache-2.0 */
/* http_inside.h - an exchange of http.c in its parts, for http_many.c alone. */
#ifndef IO_HTTP_INSIDE_H
#define IO_HTTP_INSIDE_H

#include <curl/curl.h>

#include "io/http.h"

/* Ready to be performed; NULL: no memory, and nothing is to be ended. */
CURL *http_inside_begin(struct http *h, const struct http_request *req, struct http_response *resp);
MUST enum rmg_rc http_inside_end(struct http *h, CURLcode code, struct rmg_err *err);
CURL *http_inside_curl(struct http *h);
uint64_t http_inside_got(const struct http *h); /* bytes that its sink was given */

#endif
