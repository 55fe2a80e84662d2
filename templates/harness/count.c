/* A QEMU plugin that counts the instructions of one inference.

   Arguments: marks=FILE and out=FILE.  The marks file holds addresses in hexadecimal, one a line: the first
   instruction of the model, the instruction it returns to, then the instruction after each operator's call.
   When the first inference has ended, the out file holds decimal numbers, one a line: instructions executed in
   all, then those executed when each operator had returned.

   Instructions are counted a translation block at a time; a mark inside a block knows how many instructions
   of its block are still to come, so the figures are exact. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

EXPORTED int qemu_plugin_version = PLUGIN_API;

enum { MARK_BEGIN, MARK_RETURNED, MARK_FIRST_STEP };
enum state { WAITING, RUNNING, DONE };

static uint64_t *marks;
static uint64_t *counts; /* of each mark, from MARK_FIRST_STEP on */
static size_t mark_count;
static const char *out_path;

static enum state state = WAITING;
static uint64_t executed;
static uint64_t at_begin;

static void write_counts(uint64_t total)
{
    FILE *out = fopen(out_path, "w");
    if (out == NULL) {
        return;
    }
    fprintf(out, "%" PRIu64 "\n", total);
    for (size_t i = MARK_FIRST_STEP; i < mark_count; i++) {
        fprintf(out, "%" PRIu64 "\n", counts[i]);
    }
    fclose(out);
}

static void on_block(unsigned int cpu, void *data)
{
    (void)cpu;
    executed += (uint64_t)(uintptr_t)data;
}

/* `data` is the mark's index and, in the low half, how many instructions of the block begin here. */
static void on_mark(unsigned int cpu, void *data)
{
    (void)cpu;
    const size_t mark = (size_t)((uintptr_t)data >> 16);
    const uint64_t before = executed - ((uintptr_t)data & 0xffffu);
    if (mark == MARK_BEGIN) {
        if (state == WAITING) {
            state = RUNNING;
            at_begin = before;
        }
    } else if (state == RUNNING && mark == MARK_RETURNED) {
        state = DONE;
        write_counts(before - at_begin);
    } else if (state == RUNNING) {
        counts[mark] = before - at_begin;
    }
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    if (state == DONE) {
        return;
    }
    const size_t length = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)length);
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        for (size_t mark = 0; mark < mark_count; mark++) {
            if (address == marks[mark]) {
                void *data = (void *)(((uintptr_t)mark << 16) | (length - i));
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, data);
            }
        }
    }
}

static int read_marks(const char *path)
{
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        return -1;
    }
    uint64_t address;
    while (fscanf(in, "%" SCNx64, &address) == 1) {
        uint64_t *more = realloc(marks, (mark_count + 1) * sizeof *marks);
        if (more == NULL) {
            break;
        }
        marks = more;
        marks[mark_count++] = address;
    }
    fclose(in);
    counts = calloc(mark_count + 1, sizeof *counts);
    return mark_count >= MARK_FIRST_STEP && counts != NULL ? 0 : -1;
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    const char *marks_path = NULL;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "marks=", 6) == 0) {
            marks_path = argv[i] + 6;
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = strdup(argv[i] + 4);
        }
    }
    if (marks_path == NULL || out_path == NULL || read_marks(marks_path) != 0) {
        fputs("count: needs marks=FILE with two addresses or more, and out=FILE\n", stderr);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
