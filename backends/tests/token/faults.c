/* A PKCS#11 module that hands everything on to another one, and does what devices do and that one never reports: it counts wrong PINs
 * and locks, reports COUNT_LOW, FINAL_TRY and LOCKED or none of them, answers a wrong PIN with a general error or with none, is pulled
 * out, hangs.
 *
 * It reads FILE.conf beside its own FILE, one word or "word value" a line:
 *   module PATH      the module behind it
 *   limit N          wrong PINs in a row that lock
 *   mute             no flags
 *   vague            a wrong PIN is CKR_GENERAL_ERROR
 *   silent           a wrong PIN is CKR_OK
 *   pull_at_sign N   it is pulled out while the N-th signature is made
 *   hang_at_sign N   the N-th signature never comes
 *   hang_at_login    no login comes back
 * FILE.wrong is the count, FILE.tries has a line for each PIN, FILE.signed one for each signature that was asked for; while FILE.out
 * exists nothing is inserted.
 *
 * Declarations after PKCS#11 v2.40; Unix layout (no packing, unsigned long).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long U;
typedef unsigned char B;

enum { OK = 0, GENERAL_ERROR = 5, DEVICE_REMOVED = 0x32, PIN_INCORRECT = 0xa0, PIN_LOCKED = 0xa4, TOKEN_NOT_PRESENT = 0xe0 };
enum { COUNT_LOW = 0x10000, FINAL_TRY = 0x20000, LOCKED = 0x40000 };
/* Places in the function list. */
enum { GET_SLOT_LIST = 4, GET_TOKEN_INFO = 6, OPEN_SESSION = 12, GET_SESSION_INFO = 15, LOGIN = 18, FIND_INIT = 26, SIGN_INIT = 42, SIGN = 43, FUNCTIONS = 68 };

struct list { B version[2]; void *f[FUNCTIONS]; };
struct token_info { B label[32], manufacturer[32], model[16], serial[16]; U flags, rest[11]; };

static struct list own, behind;
static char self[4096];

static const char *beside(const char *end) {
    static __thread char path[4200];
    snprintf(path, sizeof path, "%s%s", self, end);
    return path;
}

/* The value of a word in the configuration; "" for one without; NULL if it is not there. */
static const char *conf(const char *word) {
    static __thread char line[4096];
    FILE *file = fopen(beside(".conf"), "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *space = strchr(line, ' ');
        if (space) *space = 0;
        if (!strcmp(line, word)) {
            fclose(file);
            return space ? space + 1 : "";
        }
    }
    if (file) fclose(file);
    return NULL;
}

static long number(const char *word, long otherwise) {
    const char *value = conf(word);
    return value ? atol(value) : otherwise;
}

static long wrong(void) {
    long count = 0;
    FILE *file = fopen(beside(".wrong"), "r");
    if (file && fscanf(file, "%ld", &count) != 1) count = 0;
    if (file) fclose(file);
    return count;
}

static void count(long wrong) {
    FILE *file = fopen(beside(".wrong"), "w");
    if (file) { fprintf(file, "%ld\n", wrong); fclose(file); }
}

/* Adds a line and says how many there are. */
static long note(const char *end) {
    long lines = 0;
    FILE *file = fopen(beside(end), "a+");
    if (!file) return 0;
    fputs("x\n", file);
    rewind(file);
    for (int c; (c = fgetc(file)) != EOF;) lines += c == '\n';
    fclose(file);
    return lines;
}

static int out(void) { return access(beside(".out"), F_OK) == 0; }

static U get_slot_list(B present, U *slots, U *count) {
    if (out() && present) { *count = 0; return OK; }
    return ((U (*)(B, U *, U *))behind.f[GET_SLOT_LIST])(present, slots, count);
}

static U get_token_info(U slot, struct token_info *info) {
    if (out()) return TOKEN_NOT_PRESENT;
    U rv = ((U (*)(U, struct token_info *))behind.f[GET_TOKEN_INFO])(slot, info);
    if (rv != OK) return rv;
    long limit = number("limit", 10), now = wrong();
    info->flags &= ~(U)(COUNT_LOW | FINAL_TRY | LOCKED);
    if (conf("mute")) return OK;
    if (now > 0) info->flags |= COUNT_LOW;
    if (now + 1 == limit) info->flags |= FINAL_TRY;
    if (now >= limit) info->flags |= LOCKED;
    return OK;
}

static U open_session(U slot, U flags, void *application, void *notify, U *session) {
    if (out()) return TOKEN_NOT_PRESENT;
    return ((U (*)(U, U, void *, void *, U *))behind.f[OPEN_SESSION])(slot, flags, application, notify, session);
}

static U get_session_info(U session, void *info) {
    if (out()) return DEVICE_REMOVED;
    return ((U (*)(U, void *))behind.f[GET_SESSION_INFO])(session, info);
}

static U login(U session, U user, B *pin, U length) {
    if (out()) return DEVICE_REMOVED;
    note(".tries");
    if (conf("hang_at_login")) for (;;) pause();
    long limit = number("limit", 10), now = wrong();
    if (now >= limit) return conf("vague") ? GENERAL_ERROR : PIN_LOCKED;
    U rv = ((U (*)(U, U, B *, U))behind.f[LOGIN])(session, user, pin, length);
    if (rv == OK) count(0);
    if (rv != PIN_INCORRECT) return rv;
    count(now + 1);
    if (conf("silent")) return OK;
    if (conf("vague")) return GENERAL_ERROR;
    return now + 1 >= limit ? PIN_LOCKED : PIN_INCORRECT;
}

static U find_init(U session, void *template, U length) {
    if (out()) return DEVICE_REMOVED;
    return ((U (*)(U, void *, U))behind.f[FIND_INIT])(session, template, length);
}

static U sign_init(U session, void *mechanism, U key) {
    if (out()) return DEVICE_REMOVED;
    return ((U (*)(U, void *, U))behind.f[SIGN_INIT])(session, mechanism, key);
}

static U sign(U session, B *data, U length, B *signature, U *signed_length) {
    if (out()) return DEVICE_REMOVED;
    if (signature) {
        long nth = note(".signed");
        if (nth == number("hang_at_sign", 0)) for (;;) pause();
        if (nth == number("pull_at_sign", 0)) {
            FILE *file = fopen(beside(".out"), "w");
            if (file) fclose(file);
            return DEVICE_REMOVED;
        }
    }
    return ((U (*)(U, B *, U, B *, U *))behind.f[SIGN])(session, data, length, signature, signed_length);
}

U C_GetFunctionList(struct list **list) {
    Dl_info found;
    if (!dladdr((void *)C_GetFunctionList, &found)) return GENERAL_ERROR;
    snprintf(self, sizeof self, "%s", found.dli_fname);
    const char *module = conf("module");
    void *library = module ? dlopen(module, RTLD_NOW) : NULL;
    U (*get)(struct list **) = library ? (U (*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
    struct list *theirs;
    if (!get || get(&theirs) != OK) return GENERAL_ERROR;
    behind = *theirs;
    own = behind;
    own.f[GET_SLOT_LIST] = (void *)get_slot_list;
    own.f[GET_TOKEN_INFO] = (void *)get_token_info;
    own.f[OPEN_SESSION] = (void *)open_session;
    own.f[GET_SESSION_INFO] = (void *)get_session_info;
    own.f[LOGIN] = (void *)login;
    own.f[FIND_INIT] = (void *)find_init;
    own.f[SIGN_INIT] = (void *)sign_init;
    own.f[SIGN] = (void *)sign;
    *list = &own;
    return OK;
}
