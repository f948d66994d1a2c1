/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Reading the brigades of a filter's call, for filter.c; what dispatch needs
 * of it is in filter.h. No interpreter needed. */
#ifndef MP_OBJECTS_FILTER_STREAM_H
#define MP_OBJECTS_FILTER_STREAM_H

#include "objects/filter.h"

/* mp_source.next of a call: reads over marks; when it fails, call->rv tells
 * why. */
int mp_filter_next(mp_source *source, apr_off_t want);

/* mp_source.copy of a call: reads files without mapping them into memory,
 * which takes longer and crashes when a file becomes shorter meanwhile. */
int mp_filter_copy(mp_source *source, char *dst, apr_size_t size,
                   apr_size_t *got);

/* Makes out, a page with its end, the response in place of what the filters
 * were given: with status 500, past the filters of content. May block. */
void mp_filter_replace_response(mp_filter_call *call,
                                const char *content_type);

/* Makes out independent of the memory that its buckets refer to. */
void mp_filter_keep(mp_filter_call *call);

/* Appends a FLUSH mark to out. */
void mp_filter_add_flush(mp_filter_call *call);

#endif
