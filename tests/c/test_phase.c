/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The table of phases. */
#include <string.h>

#include "core/phase.h"
#include "stubs.h"
#include "tap.h"

static void rows(void)
{
    int modules = 0;

    for (int i = 0; i < MP_PHASE_COUNT; i++) {
        const mp_phase_info *info = &mp_phases[i];

        OK_IF(strncmp(info->directive, "Python", 6) == 0
                  && strcmp(info->directive + strlen(info->directive) - 7,
                            "Handler")
                         == 0,
              info->directive);
        OK_IF(info->function != NULL && *info->function != '\0',
              "has a default object");
        IS_INT(mp_phase_of_directive(info->directive), i, "found by name");
        /* without a section there is no file name to have an extension */
        OK_IF(info->where == MP_WHERE_ANY || !info->ext,
              "no extensions at server level only");
        modules += info->module;
    }
    IS_INT(modules, 12, "phases of PythonHandlerModule");
}

static void names(void)
{
    IS_INT(mp_phase_of_directive("pythonHANDLER"), MP_PHASE_HANDLER,
           "any case");
    IS_INT(mp_phase_of_directive("PythonHandlers"), MP_PHASE_NONE, "longer");
    IS_INT(mp_phase_of_directive(""), MP_PHASE_NONE, "empty");
}

static void kinds(void)
{
    IS_INT(mp_phases[MP_PHASE_HANDLER].run, MP_RUN_ALL, "content goes on");
    IS_INT(mp_phases[MP_PHASE_TYPE].run, MP_RUN_FIRST,
           "type ends with the first that does not decline");
    IS_INT(mp_phases[MP_PHASE_CLEANUP].run, MP_RUN_VOID,
           "results of cleanups are ignored");
    OK_IF(MP_PHASE_CHILD_INIT < MP_PHASE_POST_READ_REQUEST
              && MP_PHASE_POST_READ_REQUEST < MP_PHASE_QUICK
              && MP_PHASE_QUICK < MP_PHASE_PRE_TRANS
              && MP_PHASE_PRE_TRANS < MP_PHASE_TRANS
              && MP_PHASE_TRANS < MP_PHASE_MAP_TO_STORAGE,
          "in the order of a request, up to a file name");
    OK_IF(MP_PHASE_TRANS < MP_PHASE_INIT && MP_PHASE_HANDLER < MP_PHASE_LOG,
          "in the order of a request");
}

int main(void)
{
    tap_begin();
    rows();
    names();
    kinds();
    return tap_end();
}
