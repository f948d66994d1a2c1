/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Python filters in httpd's filter chains. */
#ifndef MP_DISPATCH_FILTERS_H
#define MP_DISPATCH_FILTERS_H

#include <httpd.h>

/* Tells in the log which names of PythonInputFilter and PythonOutputFilter
 * another module has taken; the others are in httpd's registry since their
 * directive was read. Called in post_config. */
void mp_filters_register_names(apr_pool_t *p, server_rec *s);

#endif
