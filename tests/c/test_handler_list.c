/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Handler entries, lists by extension, merging. */
#include <apr_strings.h>

#include "core/handler_list.h"
#include "tap.h"

static apr_pool_t *p;
static const mp_section server = {MP_SECTION_SERVER, NULL, NULL, 0};
static const mp_section directory = {MP_SECTION_DIRECTORY, "/srv/a/", NULL, 0};
static const mp_section wildcard = {MP_SECTION_WILDCARD, "/srv/*/", NULL, 0};

static mp_handler *make(const char *spec)
{
    const char *error;

    return mp_handler_make(p, spec, "handler", &server, 0, -1, &error);
}

static void entries(void)
{
    const char *error = "unset";
    mp_handler *h = mp_handler_make(p, "pkg.mod::Class.method", "handler",
                                    &directory, 1, 7, &error);

    IS_STR(error, NULL, "no error");
    IS_STR(h->spec, "pkg.mod::Class.method", "spec");
    IS_STR(h->module, "pkg.mod", "module");
    IS_STR(h->object, "Class.method", "object");
    IS_STR(h->function, "handler", "function");
    IS_STR(h->directory, "/srv/a/", "directory");
    OK_IF(h->section == &directory, "section");
    IS_INT(h->silent, 1, "silent");
    IS_INT(h->slot, 7, "slot");
    IS_INT(h->callable, -1, "no callable");

    h = make("./x.py");
    IS_STR(h->module, "./x.py", "file as module");
    IS_STR(h->object, NULL, "default object");
    IS_STR(h->directory, NULL, "no directory outside sections");
    h = mp_handler_make(p, "m", "handler", &wildcard, 0, -1, &error);
    IS_STR(h->directory, NULL, "directory of a pattern is not known yet");
    h = make("a:b");
    IS_STR(h->module, "a:b", "one colon is part of the name");
}

static void errors(void)
{
    static const struct {
        const char *spec;
        const char *says;
    } rows[] = {
        {"", "write module or module::object"},
        {"::", "names no module"},
        {"::f", "write module::f"},
        {"mod::", "write mod::object or mod"},
        {"mod::a::b", "more than one \"::\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *error = NULL;
        mp_handler *h = mp_handler_make(p, rows[i].spec, "handler", &server, 0,
                                        -1, &error);

        OK_IF(h == NULL, "refused");
        LIKE(error, rows[i].says, "and says what to write");
    }
}

static void slots(void)
{
    mp_handler_reset_slots();
    IS_INT(mp_handler_slot_count(), 0, "no slots");
    IS_INT(mp_handler_next_slot(), 0, "first");
    IS_INT(mp_handler_next_slot(), 1, "second");
    IS_INT(mp_handler_slot_count(), 2, "two");
    mp_handler_reset_slots();
    IS_INT(mp_handler_next_slot(), 0, "again with the next reading");
}

/* Specs of the list found, "-" for none. */
static const char *found(const mp_handler_list *lists, const char *filename,
                         const char **ext)
{
    const mp_handler_list *list = mp_handler_list_find(lists, filename, ext);
    const char *text = "";

    if (list == NULL) {
        return "-";
    }
    for (int i = 0; i < list->entries->nelts; i++) {
        const mp_handler *h = APR_ARRAY_IDX(list->entries, i, mp_handler *);

        text = apr_pstrcat(p, text, i > 0 ? " " : "", h->spec, NULL);
    }
    return text;
}

static void is_found(const mp_handler_list *lists, const char *filename,
                     const char *specs, const char *ext)
{
    const char *got;

    IS_STR(found(lists, filename, &got), specs,
           filename != NULL ? filename : "no file name");
    IS_STR(got, ext, "its extension");
}

static void finding(void)
{
    mp_handler_list *lists = NULL;

    is_found(NULL, "/a/b.html", "-", NULL);
    is_found(NULL, "/a/b", "-", NULL);
    mp_handler_list_add(p, &lists, NULL, make("plain"));
    mp_handler_list_add(p, &lists, NULL, make("more"));
    mp_handler_list_add(p, &lists, ".abc", make("abc"));
    mp_handler_list_add(p, &lists, ".b.abc", make("babc"));
    mp_handler_list_add(p, &lists, ".abc", make("abc2"));

    is_found(lists, "/x/a.b.abc", "babc", ".b.abc");
    is_found(lists, "/x/a.c.abc", "abc abc2", ".abc");
    is_found(lists, "/x/a.abc.c", "plain more", NULL);
    is_found(lists, "/x/a.abc", "abc abc2", ".abc");
    is_found(lists, "a.abc", "abc abc2", ".abc");
    is_found(lists, "/x.abc/a", "plain more", NULL);
    is_found(lists, "/x.abc/", "plain more", NULL);
    is_found(lists, "/x/a.html", "plain more", NULL);
    is_found(lists, "/x/a.ABC", "plain more", NULL);
    is_found(lists, "/x/.abc", "abc abc2", ".abc");
    is_found(lists, "/x/a.", "plain more", NULL);
    is_found(lists, NULL, "plain more", NULL);
}

static void only_extensions(void)
{
    mp_handler_list *lists = NULL;

    mp_handler_list_add(p, &lists, ".x", make("x"));
    is_found(lists, "/a.y", "-", NULL);
    is_found(lists, "/a", "-", NULL);
    is_found(lists, "/a.x", "x", ".x");
}

static void none(void)
{
    mp_handler_list *lists = NULL;

    mp_handler_list_add(p, &lists, NULL, NULL);
    OK_IF(lists != NULL, "None leaves a mark");
    IS_INT(mp_handler_list_has_entries(lists), 0, "without entries");
    is_found(lists, "/a", "-", NULL);
    mp_handler_list_add(p, &lists, NULL, make("a"));
    is_found(lists, "/a", "a", NULL);
    mp_handler_list_add(p, &lists, NULL, NULL);
    IS_INT(mp_handler_list_has_entries(lists), 0, "None after an entry");
    mp_handler_list_add(p, &lists, ".x", make("x"));
    IS_INT(mp_handler_list_has_entries(lists), 1, "another list has one");
    IS_INT(mp_handler_list_has_entries(NULL), 0, "no lists");
}

static void merging(void)
{
    mp_handler_list *a = NULL, *b = NULL, *c = NULL, *ab, *left, *right;

    mp_handler_list_add(p, &a, NULL, make("a"));
    mp_handler_list_add(p, &a, ".x", make("ax"));
    mp_handler_list_add(p, &b, ".x", make("bx"));
    mp_handler_list_add(p, &b, ".y", make("by"));
    OK_IF(mp_handler_list_merge(p, a, NULL) == a, "nothing to add: shared");
    OK_IF(mp_handler_list_merge(p, NULL, b) == b, "nothing below: shared");
    OK_IF(mp_handler_list_merge(p, NULL, NULL) == NULL, "nothing at all");

    ab = mp_handler_list_merge(p, a, b);
    is_found(ab, "/f", "a", NULL);
    is_found(ab, "/f.x", "bx", ".x");
    is_found(ab, "/f.y", "by", ".y");
    is_found(a, "/f.x", "ax", ".x");
    is_found(a, "/f.y", "a", NULL);
    is_found(b, "/f", "-", NULL);

    /* None of an inner section, in both groupings */
    mp_handler_list_add(p, &c, ".x", NULL);
    mp_handler_list_add(p, &c, NULL, NULL);
    left = mp_handler_list_merge(p, ab, c);
    right = mp_handler_list_merge(p, a, mp_handler_list_merge(p, b, c));
    is_found(left, "/f.x", "-", NULL);
    is_found(right, "/f.x", "-", NULL);
    is_found(left, "/f.y", "by", ".y");
    is_found(right, "/f.y", "by", ".y");
    is_found(mp_handler_list_merge(p, left, a), "/f.x", "ax", ".x");

    /* an extension switched off leaves the plain list */
    c = NULL;
    mp_handler_list_add(p, &c, ".x", NULL);
    is_found(mp_handler_list_merge(p, a, c), "/f.x", "a", NULL);
}

int main(void)
{
    p = tap_begin();
    entries();
    errors();
    slots();
    finding();
    only_extensions();
    none();
    merging();
    return tap_end();
}
