/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Log messages of the module: include after httpd's headers, in .c files
 * only. Messages from level warning up begin with a stable code,
 * MP_LOGNO(0012) "...", listed in docs/errors.md. */
#ifndef MP_CORE_LOG_H
#define MP_CORE_LOG_H

#include <httpd.h>
#include <http_log.h>

APLOG_USE_MODULE(python);

#define MP_LOGNO(number) "MP" #number ": "

#endif
