/* SPDX-License-Identifier: Apache-2.0 */
/* banned.h - calls that have no safe use here; the build includes this into every file.
 * Use span, strbuf and snprintf instead; localtime and ctime also depend on the machine. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef sprintf
#undef vsprintf
#undef strncpy
#undef strcat
#undef strncat
#pragma GCC poison strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll gets ctime asctime

#endif
