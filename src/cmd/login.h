/* SPDX-License-Identifier: Apache-2.0 */
/* login.h - how registries are spoken to and who we are to them, as the options say. */
#ifndef CMD_LOGIN_H
#define CMD_LOGIN_H

#include <rummage.h>

#include "cmd/options.h"

/* Checks them, and reads the password where it comes by standard input. Gives an exit code. */
int login_check(const char *verb, struct options *o);

void login_put(const struct options *o, struct rmg_opts *opts);
void login_put_db(const struct options *o, struct rmg_db_opts *opts);

#endif
