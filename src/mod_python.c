/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The module record of mod_python and the registration of its parts. */
#include <httpd.h>
#include <http_config.h>

#include "core/config.h"
#include "core/directives.h"
#include "dispatch/hooks.h"

static void register_hooks(apr_pool_t *p)
{
    mp_lifecycle_register_hooks(p);
    mp_request_register_hooks(p);
    mp_auth_register_hooks(p);
    mp_connection_register_hooks(p);
    mp_filters_register_hooks(p);
    mp_ssi_register_hooks(p);
    mp_optional_register_hooks(p);
    mp_status_register_hooks(p);
}

/* clang-format off */
__attribute__((visibility("default")))
AP_DECLARE_MODULE(python) = {
    STANDARD20_MODULE_STUFF,
    mp_config_create_dir,
    mp_config_merge_dir,
    mp_config_create_server,
    mp_config_merge_server,
    mp_directives,
    register_hooks,
#if defined(AP_MODULE_HAS_FLAGS)
    AP_MODULE_FLAG_NONE
#endif
};
/* clang-format on */
