/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What phases.def expands to: the phases of a request as an enum and a table. */
#ifndef MP_CORE_PHASE_H
#define MP_CORE_PHASE_H

typedef enum mp_phase {
#define MP_PHASE(id, directive, function, run, where, ext, module) \
    MP_PHASE_##id,
#include "core/phases.def"
#undef MP_PHASE
    MP_PHASE_COUNT,
    MP_PHASE_NONE = -1 /* outside any phase, e.g. in a child handler */
} mp_phase;

/* After which results of a handler the next one of its list runs. */
typedef enum mp_run_kind {
    MP_RUN_ALL,   /* OK and DECLINED */
    MP_RUN_FIRST, /* DECLINED */
    MP_RUN_VOID   /* any */
} mp_run_kind;

typedef enum mp_phase_where {
    MP_WHERE_CHILD,  /* main server config; not for requests */
    MP_WHERE_SERVER, /* server config and virtual hosts */
    MP_WHERE_ANY     /* also sections and .htaccess */
} mp_phase_where;

typedef struct mp_phase_info {
    const char *directive; /* "PythonHandler"; also req.phase */
    const char *function;  /* default object: "handler" */
    mp_run_kind run;
    mp_phase_where where;
    int ext;    /* "| .ext" allowed */
    int module; /* part of PythonHandlerModule */
} mp_phase_info;

#define MP_PHASE_BIT(phase) (1u << (phase))

/* Indexed by mp_phase. */
extern const mp_phase_info mp_phases[MP_PHASE_COUNT];

/* The phase of a directive name, compared without case as httpd does.
 * @return MP_PHASE_NONE when there is none of that name */
mp_phase mp_phase_of_directive(const char *directive);

#endif
