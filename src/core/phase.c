/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The table of phases, made from phases.def. */
#include "core/phase.h"

#include <strings.h>

const mp_phase_info mp_phases[MP_PHASE_COUNT] = {
#define MP_PHASE(id, directive, function, run, where, ext, module)            \
    [MP_PHASE_##id] = {directive,        function, MP_RUN_##run,              \
                       MP_WHERE_##where, ext,      module},
#include "core/phases.def"
#undef MP_PHASE
};

/* a mask of phases is an unsigned */
_Static_assert(MP_PHASE_COUNT <= 32, "more phases than bits in a mask");

mp_phase mp_phase_of_directive(const char *directive)
{
    for (int i = 0; i < MP_PHASE_COUNT; i++) {
        if (strcasecmp(mp_phases[i].directive, directive) == 0) {
            return (mp_phase)i;
        }
    }
    return MP_PHASE_NONE;
}
