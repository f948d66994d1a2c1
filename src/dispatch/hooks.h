/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Registration of the hooks of each part; called by mod_python.c. */
#ifndef MP_DISPATCH_HOOKS_H
#define MP_DISPATCH_HOOKS_H

#include <apr_pools.h>

void mp_lifecycle_register_hooks(apr_pool_t *p);
void mp_request_register_hooks(apr_pool_t *p);
void mp_auth_register_hooks(apr_pool_t *p);
void mp_connection_register_hooks(apr_pool_t *p);
void mp_filters_register_hooks(apr_pool_t *p);
void mp_ssi_register_hooks(apr_pool_t *p);
void mp_optional_register_hooks(apr_pool_t *p);
void mp_status_register_hooks(apr_pool_t *p);

#endif
