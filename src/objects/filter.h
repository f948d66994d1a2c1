/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_filter: what a Python filter sees of one of its calls. */
#ifndef MP_OBJECTS_FILTER_H
#define MP_OBJECTS_FILTER_H

#include <Python.h>

#include <util_filter.h>

#include "core/handler_list.h"
#include "objects/source.h"
#include "objects/state.h"

typedef enum mp_filter_kind {
    MP_FILTER_IS_INPUT,
    MP_FILTER_IS_OUTPUT,
    MP_FILTER_IS_SSI /* <!--#python -->: something to write to */
} mp_filter_kind;

/* One call of a filter: what comes in and what went out. Made by dispatch on
 * its stack; the object works on it while the call lasts. */
typedef struct mp_filter_call {
    mp_source source;        /* over in; set up by mp_filter_new() */
    mp_filter_kind kind;
    ap_filter_t *f;
    const mp_handler *handler;
    const char *name;        /* the filter's, as the handler knows it */
    apr_bucket_brigade *in;  /* what the call carries and has not read */
    apr_bucket_brigade *out; /* what it has written and not passed on */
    apr_off_t out_length;

    /* input: how to ask the next filter */
    ap_input_mode_t mode;
    apr_read_type_e block;
    apr_off_t readbytes;
    int fetched;             /* it was asked; output: reading has begun */

    apr_bucket *bucket;      /* first of in when source points into it */

    int eos;                 /* the end of the stream was read over */
    int flush;               /* so was a FLUSH mark: out is due */
    int closed;              /* the filter has ended the stream */
    int passed;              /* output: something went to the next filter,
                                also in earlier calls */
    int disabled;            /* disable() */
    int replaced;            /* output: an error page was sent instead */
    apr_status_t rv;         /* of the next filter */
} mp_filter_call;

/* An object for one call.
 * @return new reference or NULL */
PyObject *mp_filter_new(mp_state *state, mp_filter_call *call);

/* Ends the object's access to the call, before that is over. */
void mp_filter_end(PyObject *object);

/* ---- no interpreter needed, may block ---- */

/* Passes out to the next filter (output; input and SSI: nothing).
 * @return what that one answered */
apr_status_t mp_filter_pass(mp_filter_call *call);

/* Moves what the call has not read to out as it is, but for the end of the
 * stream, which becomes call->eos. Input: asks the next filter first if
 * nobody did. @return what that one answered */
apr_status_t mp_filter_move_rest(mp_filter_call *call);

/* Drops the data that the call has not read; marks go to out, the end of the
 * stream becomes call->eos. */
void mp_filter_drop_rest(mp_filter_call *call);

/* Drops what comes after the end of the stream, marks too. */
void mp_filter_drop_all(apr_bucket_brigade *bb);

/* Input: asks the next filter, once in a call. */
apr_status_t mp_filter_fetch(mp_filter_call *call);

/* Appends the end of the stream to out. */
void mp_filter_add_eos(mp_filter_call *call);

#endif
