/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The section of a directive and its directory for a file name. */
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "core/match.h"
#include "stubs.h"
#include "tap.h"

static apr_pool_t *p;
static server_rec *server;

static const mp_section *section_at(const stub_place *place)
{
    cmd_parms cmd;

    stub_cmd(place, &cmd);
    return mp_section_of(&cmd);
}

/* The section of a line in <directive args. */
static const mp_section *section_in(const char *directive, const char *args)
{
    const stub_place outer = stub_in_server(p, server);
    const stub_place place = stub_in_section(&outer, directive, args);

    return section_at(&place);
}

static void canonical(void)
{
    IS_STR(mp_canonical_dir(p, "/a/b"), "/a/b/", "slash added");
    IS_STR(mp_canonical_dir(p, "/a/b/"), "/a/b/", "slash kept");
    IS_STR(mp_canonical_dir(p, "//a/./b//../c"), "/a/c/", "dots and slashes");
    IS_STR(mp_canonical_dir(p, "/"), "/", "root");
    IS_STR(mp_canonical_dir(p, "a/b"), NULL, "relative");
    IS_STR(mp_canonical_dir(p, ""), NULL, "empty");
}

static void no_place(void)
{
    const stub_place outer = stub_in_server(p, server);

    IS_INT(section_at(&outer)->kind, MP_SECTION_SERVER, "outside sections");
    IS_STR(section_at(&outer)->path, NULL, "has no path");
    IS_INT(section_in("<VirtualHost", "*:80>")->kind, MP_SECTION_SERVER,
           "virtual host");
    IS_INT(section_in("<Files", "*.x>")->kind, MP_SECTION_SERVER,
           "<Files> outside sections");
    IS_STR(mp_section_directory(section_at(&outer), "/a/b", p), NULL,
           "no directory");
}

static void plain_directories(void)
{
    const mp_section *section = section_in("<Directory", "\"/srv/a b\">");
    char cwd[1024];

    IS_INT(section->kind, MP_SECTION_DIRECTORY, "<Directory>");
    IS_STR(section->path, "/srv/a b/", "quoted path");
    IS_STR(mp_section_directory(section, "/other/file", p), "/srv/a b/",
           "whatever the file");
    IS_STR(mp_section_directory(section, NULL, p), "/srv/a b/",
           "without a file");
    IS_STR(section_in("<directory", "/srv/x/../y/>")->path, "/srv/y/",
           "canonical, any case");
    IS_STR(section_in("<Directory", "/>")->path, "/", "root");
    IS_STR(section_in("<Directory", "/srv/x")->path, "/srv/x/",
           "without the bracket");
    if (getcwd(cwd, sizeof(cwd)) != NULL) {
        IS_STR(section_in("<Directory", "sub>")->path,
               apr_pstrcat(p, cwd, "/sub/", NULL), "relative to the cwd");
    }
}

static void locations(void)
{
    const mp_section *section = section_in("<Location", "/app/>");

    IS_INT(section->kind, MP_SECTION_LOCATION, "<Location>");
    IS_STR(section->path, "/app/", "as written");
    IS_STR(mp_section_directory(section, "/srv/f", p), NULL, "no directory");
    IS_STR(section_in("<Location", "/app>")->path, "/app", "no slash added");
    IS_STR(section_in("<LocationMatch", "\"^/[ab]+\">")->path, "^/[ab]+",
           "<LocationMatch>");
    section = section_in("<Location", "~ \"^/x\">");
    IS_INT(section->kind, MP_SECTION_LOCATION, "<Location ~>");
    IS_STR(section->path, "^/x", "its pattern");
}

static void nested(void)
{
    stub_place host = stub_in_server(p, server);
    stub_place place;

    host = stub_in_section(&host, "<VirtualHost", "*:80>");
    place = stub_in_section(&host, "<Directory", "/srv/a>");
    IS_STR(section_at(&place)->path, "/srv/a/", "in a virtual host");
    place = stub_in_section(&place, "<Files", "x.html>");
    IS_STR(section_at(&place)->path, "/srv/a/", "<Files> inside");
    place = stub_in_section(&place, "<If", "\"true\">");
    place = stub_in_section(&place, "<Limit", "GET>");
    IS_STR(section_at(&place)->path, "/srv/a/", "<If> and <Limit> inside");
    place = stub_in_section(&host, "<Location", "/l>");
    place = stub_in_section(&place, "<If", "\"true\">");
    IS_INT(section_at(&place)->kind, MP_SECTION_LOCATION,
           "<If> in <Location>");
}

static void htaccess(void)
{
    stub_place place = stub_in_htaccess(p, server, "/srv/a/");
    const mp_section *section = section_at(&place);

    IS_INT(section->kind, MP_SECTION_DIRECTORY, ".htaccess");
    IS_INT(section->htaccess, 1, "known as such");
    IS_STR(section->path, "/srv/a/", "its directory");
    place = stub_in_section(&place, "<Files", "x.html>");
    IS_STR(section_at(&place)->path, "/srv/a/", "<Files> inside");
    IS_INT(section_at(&place)->htaccess, 1, "still .htaccess");
    IS_INT(section_in("<Directory", "/x>")->htaccess, 0, "httpd.conf is not");
}

static void wildcards(void)
{
    const mp_section *section = section_in("<Directory", "/home/*/www>");

    IS_INT(section->kind, MP_SECTION_WILDCARD, "wildcard");
    IS_STR(mp_section_directory(section, "/home/joe/www/a/b.html", p),
           "/home/joe/www/", "below");
    IS_STR(mp_section_directory(section, "/home/joe/www/", p),
           "/home/joe/www/", "itself");
    IS_STR(mp_section_directory(section, "/home/joe/www", p), "/home/joe/www/",
           "itself without slash");
    IS_STR(mp_section_directory(section, "/home/a/b/www/f", p), NULL,
           "* does not match a slash");
    IS_STR(mp_section_directory(section, "/home/joe/wwwx/f", p), NULL,
           "another directory");
    IS_STR(mp_section_directory(section, NULL, p), NULL, "no file name");
    section = section_in("<Directory", "/srv/*>");
    IS_STR(mp_section_directory(section, "/srv/a/b/c", p), "/srv/a/",
           "the shortest");
    section = section_in("<Directory", "/srv/?[0-9]>");
    IS_STR(mp_section_directory(section, "/srv/v1/x", p), "/srv/v1/",
           "? and []");
}

static void expressions(void)
{
    const mp_section *section =
        section_in("<DirectoryMatch", "\"^/www/(.+/)?[0-9]{3}/\">");

    IS_INT(section->kind, MP_SECTION_REGEX, "<DirectoryMatch>");
    IS_STR(section->path, "^/www/(.+/)?[0-9]{3}/", "as written");
    IS_STR(mp_section_directory(section, "/www/a/123/456/f", p), "/www/a/123/",
           "the shortest leading part");
    IS_STR(mp_section_directory(section, "/www/a/f", p), NULL, "no match");
    section = section_in("<Directory", "~ \"^/srv/[a-z]+$\">");
    IS_INT(section->kind, MP_SECTION_REGEX, "<Directory ~>");
    IS_STR(mp_section_directory(section, "/srv/abc/f", p), "/srv/abc/",
           "without the slash");
    section = section_in("<DirectoryMatch", "htdocs>");
    IS_STR(mp_section_directory(section, "/srv/htdocs/a/f", p), "/srv/htdocs/",
           "not anchored");
    section = section_in("<DirectoryMatch", ".*>");
    IS_STR(mp_section_directory(section, "/srv/f", p), "/", "root");
    section = section_in("<DirectoryMatch", "\"\\.txt$\">");
    IS_STR(mp_section_directory(section, "/srv/a/f.txt", p), "/srv/a/",
           "the name of the file matches");
    IS_STR(mp_section_directory(section, "/srv/a.txt/f", p), "/srv/a.txt/",
           "that of a directory does first");
}

int main(void)
{
    p = tap_begin();
    server = stub_server(p, NULL, "localhost");
    canonical();
    no_place();
    plain_directories();
    locations();
    nested();
    htaccess();
    wildcards();
    expressions();
    return tap_end();
}
